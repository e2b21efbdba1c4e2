-- The writer: what the running program is. It may add to the log and never change it.
-- Roles belong to the whole server, so another database of the same server may have made it already.
do $$
begin
    if not exists (select from pg_roles where rolname = 'seatledger_writer') then
        create role seatledger_writer nologin;
    end if;
exception
    when duplicate_object or unique_violation or internal_error then null;
    when insufficient_privilege then
        raise exception 'the role seatledger_writer is missing and % may not create it', current_user
            using hint = format('As a superuser: CREATE ROLE seatledger_writer NOLOGIN; '
                                'GRANT seatledger_writer TO %I; then run "seatledger migrate" again.', current_user);
end $$;

-- A superuser may become any role; everybody else must be a member of it.
do $$
begin
    if not (select rolsuper from pg_roles where rolname = current_user)
        and not pg_has_role(current_user, 'seatledger_writer', 'usage')
    then
        execute format('grant seatledger_writer to %I', current_user);
    end if;
exception
    when duplicate_object or unique_violation or internal_error then null;
    when insufficient_privilege then
        raise exception '% is no member of the role seatledger_writer and may not become one', current_user
            using hint = format('As a superuser: GRANT seatledger_writer TO %I; '
                                'then run "seatledger migrate" again.', current_user);
end $$;

grant usage on schema ledger, views to seatledger_writer;
grant select, insert on ledger.events, ledger.commands to seatledger_writer;
grant select, insert, update on ledger.seats, views.flights, views.bookings to seatledger_writer;
grant select, insert on ledger.job_runs to seatledger_writer;
grant select, insert, update on ledger.heartbeats to seatledger_writer;
grant select on ledger.secrets to seatledger_writer;
grant select on ledger.migrations to seatledger_writer;
