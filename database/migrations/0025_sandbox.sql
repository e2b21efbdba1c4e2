-- A sandbox is a ledger to try an integration with. One row: it is a sandbox, whose clock is ahead by `ahead`. No
-- row: it is live. The row is inserted in the transaction that makes the ledger (database/sandbox.sql), and stays.
create table sandbox (
    one   boolean  primary key default true check (one),
    ahead interval not null default '0' check (ahead >= '0')
);
comment on table sandbox is 'One row: the ledger is a sandbox, and no money moves. No row: it is live';
comment on column sandbox.one is 'Always true, so that there is one row at most';
comment on column sandbox.ahead is 'How far the clock of the sandbox was moved forward, in all';

create function keep_the_kind() returns trigger language plpgsql as $$
declare
    has_events boolean := false;
begin
    if tg_op = 'INSERT' then
        execute format('select exists (select from %I.events)', tg_table_schema) into has_events;
    end if;
    if has_events then
        raise exception 'this ledger has live events: it cannot become a sandbox';
    end if;
    if tg_op in ('DELETE', 'TRUNCATE') then
        raise exception 'a sandbox cannot become a live ledger';
    end if;
    if tg_op = 'UPDATE' and new.ahead < old.ahead then
        raise exception 'the clock of a sandbox never goes back';
    end if;
    return new;
end $$;
create trigger keep_the_kind before insert or update or delete on sandbox
    for each row execute function keep_the_kind();
create trigger keep_the_kind_whole before truncate on sandbox
    for each statement execute function keep_the_kind();

grant select, update on sandbox to seatledger_writer;

