-- The roles that migrations grant rights to, and the membership of the role that migrates. Roles belong to the
-- server and not to a database, so a restored dump lacks them. The writer may log in, because the nodes of a
-- cluster do so for a session that has become it; it has no password. Every part may run again.
do $$
declare
    missing text;
begin
    foreach missing in array array['seatledger_writer', 'seatledger_analyst', 'seatledger_auditor'] loop
        begin
            if not exists (select from pg_roles where rolname = missing) then
                execute format('create role %I %s', missing,
                    case when missing = 'seatledger_writer' then 'login' else 'nologin' end);
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

-- A superuser may become any role; each other role must be a member of it.
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
