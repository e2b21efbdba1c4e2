-- One schema holds the whole ledger, so that a database can hold several and a cluster can place each of them.
-- Only databases of earlier releases run this: a new ledger begins with database/ledger.sql. Tables, views and
-- indexes keep their identity, so that views that depend on them, and grants, stay.
do $$
declare
    moved record;
    emptied text;
begin
    for moved in
        select relation.oid::regclass as name, relname, relkind = 'i' as is_index
        from pg_class relation
        where relnamespace = 'analytics_store'::regnamespace and relkind in ('r', 'i')
            and (relname ~ '^builds(_pkey|_live)?$' or exists (
                select from analytics_store.builds
                where relname ~ format('^%s_[0-9]+(_|$)', projection)))
        order by is_index desc
    loop
        execute format('alter %s %s rename to %I', case when moved.is_index then 'index' else 'table' end,
            moved.name, 'facts_' || moved.relname);
        if not moved.is_index then
            execute format('alter table analytics_store.%I set schema ledger', 'facts_' || moved.relname);
        end if;
    end loop;
    for moved in
        select relname from pg_class
        where relnamespace = 'analytics'::regnamespace and relkind = 'v' and relname in (
            'bookings', 'checkpoints', 'daily_sales', 'expiry_rates', 'flights', 'funnel', 'load_factor',
            'payment_outcomes', 'payments', 'refund_ageing', 'refunds', 'refusal_rates', 'refusals',
            'seat_changes', 'seats_over_time')
    loop
        execute format('alter view analytics.%I rename to %I', moved.relname, 'analytics_' || moved.relname);
        execute format('alter view analytics.%I set schema ledger', 'analytics_' || moved.relname);
    end loop;
    alter table views.bookings set schema ledger;
    alter table views.flights set schema ledger;
    alter table views.refunds set schema ledger;
    alter table views.waiting set schema ledger;
    -- What an administrator added to a schema stays in it.
    foreach emptied in array array['views', 'analytics', 'analytics_store'] loop
        begin
            execute format('drop schema %I', emptied);
        exception
            when dependent_objects_still_exist then null;
        end;
    end loop;
end $$;

-- Logical replication, which moves a ledger, needs a key in each table.
alter table ledger.head add primary key (one);

comment on schema ledger is 'A ledger: its log, outcomes of commands, seat counts, current state, and facts for analysts';
comment on table ledger.facts_builds is
    'Table of facts with its checkpoint, which each batch moves in the transaction that writes its rows';
grant usage on schema ledger to seatledger_analyst;
comment on table ledger.audited_seats is 'Seat counts computed from the log and never from seats';
comment on column ledger.jobs.job is 'Name of the job, as in job_runs';
comment on column ledger.facts_builds.build is
    'Number of its table: facts_bookings_2 is the second table of bookings';
