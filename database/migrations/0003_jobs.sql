-- What the scheduler has run: one row per job and slot, whatever the number of schedulers.
create table ledger.job_runs (
    job         text        collate "C" not null,
    slot        timestamptz not null,
    finished_at timestamptz not null,
    done        integer     not null,
    primary key (job, slot)
);
comment on table ledger.job_runs is 'Finished runs; a run and its row are one transaction, so a slot runs once';
comment on column ledger.job_runs.slot is 'The cron time that the run is for';
comment on column ledger.job_runs.done is 'How many things the run did (holds expired)';

create table ledger.heartbeats (
    name text        collate "C" primary key,
    at   timestamptz not null
);
comment on table ledger.heartbeats is 'When each kind of background process was last seen alive';

-- Random, so that every process of the ledger signs and checks cursors with the same key.
create table ledger.secrets (
    name  text primary key,
    value text not null
);
insert into ledger.secrets values
    ('cursor', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
