-- For analysts: schema analytics holds views only; the tables behind them follow the log, and are swapped.
-- The tables and views are made by ledger.following.builds right after this, in the same transaction.
create schema analytics;
comment on schema analytics is 'What analysts read: facts that follow the log, and views over them';
create schema analytics_store;
comment on schema analytics_store is 'The tables behind schema analytics, one for each build of a projection';

create table analytics_store.builds (
    projection      text        collate "C" not null,
    build           integer     not null,
    version         integer     not null,
    live            boolean     not null,
    position        bigint      not null default 0,
    hash            bytea,
    recorded_at     timestamptz,
    written_at      timestamptz,
    parked_at       timestamptz,
    parked_position bigint,
    error           text,
    primary key (projection, build)
) with (fillfactor = 50);
create unique index builds_live on analytics_store.builds (projection) where live;
comment on table analytics_store.builds is
    'One row per table of facts: its checkpoint, written in the transaction that writes its rows; its lock is the leadership';
comment on column analytics_store.builds.projection is 'The projection';
comment on column analytics_store.builds.build is 'Counts its tables: bookings_2 is the second of bookings';
comment on column analytics_store.builds.version is 'Version of the projection that writes it';
comment on column analytics_store.builds.live is 'Do readers see it? Else it is being rebuilt beside the one that they see';
comment on column analytics_store.builds.position is 'Position of the last event taken up';
comment on column analytics_store.builds.hash is 'That event''s hash: another one there means that the log is another';
comment on column analytics_store.builds.recorded_at is 'When that event happened';
comment on column analytics_store.builds.written_at is 'When it was taken up';
comment on column analytics_store.builds.parked_at is 'Since when it stands still because of an event that it cannot take';
comment on column analytics_store.builds.parked_position is 'Position of that event';
comment on column analytics_store.builds.error is 'What is wrong with it';

-- For analysts' views of refusals. Only a refused command pays for it.
create index commands_refused on ledger.commands (recorded_at) where first_position is null;

-- Roles belong to the whole server, so another database of the same server may have made them already.
do $$
declare
    missing text;
begin
    foreach missing in array array['seatledger_analyst', 'seatledger_auditor'] loop
        begin
            if not exists (select from pg_roles where rolname = missing) then
                execute format('create role %I nologin', missing);
            end if;
        exception
            when duplicate_object or unique_violation or internal_error then null;
            when insufficient_privilege then
                raise exception 'the role % is missing and % may not create it', missing, current_user
                    using hint = format('As a superuser: CREATE ROLE %I NOLOGIN; '
                                        'then run "seatledger migrate" again.', missing);
        end;
    end loop;
end $$;

grant usage on schema analytics to seatledger_analyst, seatledger_writer;
grant usage on schema analytics_store to seatledger_writer;
grant select, update on analytics_store.builds to seatledger_writer;

grant usage on schema ledger, views to seatledger_auditor;
grant select on ledger.events, ledger.commands to seatledger_auditor;
grant select on all tables in schema views to seatledger_auditor;
