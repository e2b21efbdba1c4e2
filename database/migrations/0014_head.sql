-- Locks that only the writer role can take: rows, which need the right to update, instead of advisory locks,
-- which every role may take.
create table ledger.head (
    one boolean not null default true check (one)
);
insert into ledger.head default values;
create trigger append_only before update or delete or truncate on ledger.head
    for each statement execute function ledger.refuse_change();
comment on table ledger.head is
    'One row, which each block locks until it commits, so that blocks follow one another; it is never updated';
comment on column ledger.head.one is 'True';

create table ledger.jobs (
    job text collate "C" primary key
);
comment on table ledger.jobs is 'Scheduled jobs; the process that runs a job locks its row';
comment on column ledger.jobs.job is 'Name of the job, as in ledger.job_runs';

-- A lock on a row needs the right to update it. The trigger refuses the update itself.
grant select, update on ledger.head to seatledger_writer;
grant select, insert, update on ledger.jobs to seatledger_writer;
