-- Self-audit: what the views ought to show, worked out from the log alone, and how they compare with it.
create table ledger.self_audit (
    one                 boolean primary key default true check (one),
    position            bigint  not null default 0,
    hash                bytea,
    newest              uuid    not null default '00000000-0000-0000-0000-000000000000',
    renewed_at          timestamptz,
    began_at            timestamptz,
    began_position      bigint,
    next                uuid,
    round_rows          bigint  not null default 0,
    round_seconds       real    not null default 0,
    round_bad_position  bigint,
    round_reason        text,
    finished_at         timestamptz,
    finished_position   bigint,
    rows                bigint,
    seconds             real,
    first_bad_position  bigint,
    reason              text,
    bad_since           timestamptz
) with (fillfactor = 50);
insert into ledger.self_audit default values;
comment on table ledger.self_audit is
    'One row: how far the views were compared with the log, and the first position where they differ; its lock is the leadership';
comment on column ledger.self_audit.position is 'The digests and counts below are of the log up to this position';
comment on column ledger.self_audit.hash is 'That event''s hash: another one there means that the log is another, and all begins anew';
comment on column ledger.self_audit.newest is 'The greatest id of a stream so far';
comment on column ledger.self_audit.renewed_at is 'When the last range was folded anew, whether it differed or not';
comment on column ledger.self_audit.began_at is 'When the latest round began';
comment on column ledger.self_audit.began_position is 'The position that it began at: whatever was written by then is compared in it';
comment on column ledger.self_audit.next is 'The range that it goes on with; null: it is over';
comment on column ledger.self_audit.round_rows is 'Rows compared in it so far';
comment on column ledger.self_audit.round_seconds is 'Seconds of work in it so far';
comment on column ledger.self_audit.round_bad_position is 'The lowest position where views differ that it has found so far';
comment on column ledger.self_audit.round_reason is 'What differs there';
comment on column ledger.self_audit.finished_at is 'When the last full round was over; null: there was none yet';
comment on column ledger.self_audit.finished_position is 'The position that it began at';
comment on column ledger.self_audit.rows is 'Rows of views and seat counts compared in it';
comment on column ledger.self_audit.seconds is 'Seconds of work in it';
comment on column ledger.self_audit.first_bad_position is 'The lowest position where views differ from the log; past the head: a row of which the log has no event; null: they agree';
comment on column ledger.self_audit.reason is 'What differs there';
comment on column ledger.self_audit.bad_since is 'When the first difference was found';

create table ledger.audited_ranges (
    first      uuid        primary key,
    last       uuid        not null,
    rows       bigint      not null default 0,
    digest     numeric     not null default 0,
    renewed_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
comment on table ledger.audited_ranges is
    'A digest over the rows that the views ought to show of the streams with these ids: the fold of the log, never of the views';
comment on column ledger.audited_ranges.first is 'The smallest id of the range';
comment on column ledger.audited_ranges.last is 'The greatest id of the range';
comment on column ledger.audited_ranges.rows is 'How many rows they are';
comment on column ledger.audited_ranges.digest is 'Sum of the rows'' hashes';
comment on column ledger.audited_ranges.renewed_at is 'When its streams were last folded anew from their beginning';
insert into ledger.audited_ranges (first, last)
values ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff');

create table ledger.audited_seats (
    flight_id uuid    primary key,
    seats     integer not null,
    held      integer not null,
    booked    integer not null,
    position  bigint  not null
) with (fillfactor = 50);
comment on table ledger.audited_seats is 'What the seat counts ought to be: the fold of the log, never of ledger.seats';
comment on column ledger.audited_seats.position is 'Position of the last event of the flight or its bookings';

grant select, insert, update, delete on ledger.audited_ranges, ledger.audited_seats to seatledger_writer;
grant select, update on ledger.self_audit to seatledger_writer;
grant select on ledger.self_audit, ledger.audited_ranges, ledger.audited_seats to seatledger_auditor;
