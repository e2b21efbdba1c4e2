-- Failures of the scheduler's tasks, for readiness and metrics. A truncated table is filled by the next failure.
create table ledger.task_failures (
    task      text        collate "C" primary key,
    failures  bigint      not null,
    failed_at timestamptz not null,
    error     text
);
comment on table ledger.task_failures is 'One row per task of the scheduler that ever failed';
comment on column ledger.task_failures.task is 'Name of the task';
comment on column ledger.task_failures.failures is 'Number of failures, over all schedulers';
comment on column ledger.task_failures.failed_at is 'Time at which the last failure was recorded';
comment on column ledger.task_failures.error is 'The last failure; null: the task succeeded since';
grant select, insert, update on ledger.task_failures to seatledger_writer;
grant select on ledger.task_failures to seatledger_auditor;

-- The self-audit makes its row anew if it is missing.
grant insert on ledger.self_audit to seatledger_writer;
