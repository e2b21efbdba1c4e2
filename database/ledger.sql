-- The whole schema of a new ledger, as migration 19 leaves it in a database of an earlier release. Never edit it:
-- later changes are migrations, which this schema gets too. The session's search_path names the schema. Roles are
-- those of the ledger `main`; database/naming.py puts the names of another ledger in their place.
comment on schema ledger is 'A ledger: its log, outcomes of commands, seat counts, current state, and facts for analysts';

-- The log, the outcomes of commands, the lock and the seat counts that blocks decide on.

create table events (
    position           bigint      primary key,
    originator_id      uuid        not null,
    originator_version integer     not null check (originator_version > 0),
    topic              text        collate "C" not null,
    state              text        collate "C" not null,
    actor              text        collate "C" not null,
    operation          text        collate "C" not null,
    ordinal            smallint    not null check (ordinal > 0),
    causation_id       text        collate "C" not null,
    correlation_id     text        collate "C" not null,
    traceparent        text        collate "C" not null,
    recorded_at        timestamptz not null,
    command_hash       bytea       not null,
    hash               bytea       not null,
    unique (actor, operation, causation_id, ordinal),
    unique (originator_id, originator_version)
);
comment on table events is 'The log: all events in order; the hash of each row covers the row before it';
comment on column events.position is 'Dense, from 1, in commit order';
comment on column events.originator_id is 'Id of the flight, booking or waiting party that the event belongs to';
comment on column events.originator_version is 'Dense for each originator, from 1';
comment on column events.topic is 'Type of the event';
comment on column events.state is 'Fields of the event, as JSON';
comment on column events.actor is 'Pseudonym of the caller, or the name of a system actor';
comment on column events.operation is 'Name of the command; with actor, the scope of the idempotency key';
comment on column events.ordinal is 'Number of the event among those of its command, from 1';
comment on column events.causation_id is 'Idempotency key of the command';
comment on column events.correlation_id is 'Request id';
comment on column events.traceparent is 'W3C trace context of the request; empty if there was none';
comment on column events.recorded_at is 'Time of the block by the database clock; never before the previous event';
comment on column events.command_hash is 'SHA-256 over fingerprint, status and body of the outcome of the command';
comment on column events.hash is 'SHA-256 over the previous hash and this row';

create table commands (
    actor          text        collate "C" not null,
    operation      text        collate "C" not null,
    key            text        collate "C" not null,
    fingerprint    bytea       not null,
    status         smallint    not null,
    body           text        collate "C" not null,
    subject_id     uuid,
    version        integer     not null,
    first_position bigint,
    last_position  bigint      not null,
    correlation_id text        collate "C" not null,
    recorded_at    timestamptz not null,
    primary key (actor, operation, key)
);
create index commands_first_position on commands (first_position) where first_position is not null;
create index commands_refused on commands (recorded_at) where first_position is null;
comment on table commands is 'The outcome of each command, accepted or refused; rows are never deleted';
comment on column commands.fingerprint is
    'SHA-256 of the decoded command; a different command with the same key is refused';
comment on column commands.status is 'HTTP status of the answer';
comment on column commands.body is 'JSON body of the answer';
comment on column commands.subject_id is 'Id of the flight, booking or waiting party that the command was about';
comment on column commands.version is 'Version of that subject after the command';
comment on column commands.first_position is 'Position of its first event; null for a refusal';
comment on column commands.last_position is 'Position of its last event; for a refusal, the head of the log';

create table head (
    one boolean primary key default true check (one)
);
insert into head default values;
comment on table head is
    'One row, which each block locks until it commits, so that blocks follow one another; it is never updated';
comment on column head.one is 'True';

create table seats (
    flight_id uuid    primary key,
    seats     integer not null check (seats >= 0),
    held      integer not null check (held >= 0),
    booked    integer not null check (booked >= 0),
    check (held + booked <= seats)
) with (fillfactor = 50);
comment on table seats is
    'Seat counts of each flight, changed only under the head lock; equal to the fold of the log';

-- Current state, written in the transaction of each block, so that queries are never older than an answer.

create table bookings (
    id             uuid        primary key,
    flight_id      uuid        not null,
    user_id        text        collate "C" not null,
    seats          smallint    not null,
    cost_amount    bigint      not null,
    cost_currency  text        collate "C" not null,
    status         text        collate "C" not null,
    cancel_reason  text        collate "C",
    expires_at     timestamptz not null,
    payment_id     uuid,
    payment_status text        collate "C",
    version        integer     not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    held_until     timestamptz,
    gateway_task   text        collate "C"
);
create index bookings_by_flight on bookings (flight_id, id);
create index bookings_by_user on bookings (user_id, id);
create index bookings_pending on bookings (id) where status = 'pending';
create index gateway_tasks on bookings (id) where gateway_task is not null;
create index holds_by_expiry on bookings (held_until, id) where held_until is not null;
create index holds_by_flight on bookings (flight_id, held_until) where held_until is not null;
create index unpaid_holds_by_user on bookings (user_id, held_until) where status = 'initiated';
comment on table bookings is 'One row per booking, as of the head of the log';
comment on column bookings.cost_amount is 'In minor units of the currency';
comment on column bookings.expires_at is 'Time at which an unpaid hold runs out';
comment on column bookings.held_until is
    'Time at which the seats become free: expires_at, or capture_before of a pending payment; null: never';
comment on column bookings.gateway_task is
    'The next request to the gateway of the payment: authorise, capture or void; null: none';

create table flights (
    id             uuid        primary key,
    number         text        collate "C" not null,
    origin         text        collate "C" not null,
    destination    text        collate "C" not null,
    departs_at     timestamptz not null,
    arrives_at     timestamptz not null,
    departure_day  date        not null,
    seats          integer     not null,
    price_amount   bigint      not null,
    price_currency text        collate "C" not null,
    cancelled      boolean     not null,
    version        integer     not null,
    unique (number, origin, departure_day)
);
create index flights_by_currency on flights (price_currency, price_amount, id);
create index flights_by_departure on flights (departs_at, id);
create index flights_by_route on flights (origin, destination, departure_day);
comment on table flights is 'One row per flight, as of the head of the log';
comment on column flights.departure_day is
    'Local date of departure, in the UTC offset in which the flight was scheduled';
comment on column flights.price_amount is 'In minor units of the currency';

create table refunds (
    id           uuid        primary key,
    booking_id   uuid        not null,
    flight_id    uuid        not null,
    user_id      text        collate "C" not null,
    payment_id   uuid        not null,
    amount       bigint      not null,
    currency     text        collate "C" not null,
    reason       text        collate "C" not null,
    due_at       timestamptz not null,
    settled_at   timestamptz,
    reference    text        collate "C",
    gateway      text        collate "C",
    charge       text        collate "C",
    requested_at timestamptz,
    refusal      text        collate "C",
    status       text        collate "C" not null generated always as (
        case when settled_at is not null then 'settled'
             when requested_at is not null and refusal is null then 'requested'
             else 'due' end) stored
);
create index refunds_by_booking on refunds (booking_id);
create index refunds_open on refunds (status, id) where settled_at is null;
comment on table refunds is 'One row per refund, as of the head of the log';
comment on column refunds.amount is 'In minor units of the currency';
comment on column refunds.gateway is
    'Gateway that took the payment and can pay the refund; null: none, it is paid by hand';
comment on column refunds.charge is 'Id of the payment at the gateway';
comment on column refunds.requested_at is 'Time at which the gateway was requested to pay the refund';
comment on column refunds.refusal is 'Reason of the gateway for not paying; such a refund is due by hand';

create table waiting (
    id               uuid        primary key,
    flight_id        uuid        not null,
    user_id          text        collate "C" not null,
    seats            smallint    not null,
    status           text        collate "C" not null,
    booking_id       uuid,
    offer_expires_at timestamptz,
    joined_at        timestamptz not null,
    version          integer     not null
) with (fillfactor = 85);
create index waiting_by_flight on waiting (flight_id, joined_at, id);
create index waiting_by_joining on waiting (joined_at, id);
create index waiting_by_user on waiting (user_id, joined_at, id);
create index waiting_line on waiting (flight_id, joined_at, id) where status = 'waiting';
create unique index waiting_once on waiting (flight_id, user_id) where status = 'waiting';
comment on table waiting is 'One row per waiting party, past ones included, as of the head of the log';
comment on column waiting.status is
    'As recorded: waiting, offered, left or closed; the result of an offer is the status of its booking';
comment on column waiting.booking_id is 'Booking with the offered hold';
comment on column waiting.joined_at is 'Seats are offered in the order of joined_at and id';

-- Persons. The log and the views hold pseudonyms; names are here alone, sealed (docs/explanation/erasure.md).

create table people (
    person        text        collate "C" primary key,
    lookup        bytea       unique,
    wrapped_key   text        collate "C",
    sealed_name   text        collate "C",
    first_seen_at timestamptz not null default clock_timestamp(),
    forgotten_at  timestamptz,
    check ((forgotten_at is null) = (lookup is not null)),
    check ((forgotten_at is null) = (wrapped_key is not null)),
    check ((forgotten_at is null) = (sealed_name is not null))
) with (fillfactor = 90);
-- Samples of erased data must not stay behind in the statistics of the planner. A cluster refuses this; erasing
-- samples the table anew.
do $$
begin
    alter table people alter column lookup set statistics 0, alter column wrapped_key set statistics 0,
        alter column sealed_name set statistics 0;
exception
    when feature_not_supported then null;
end $$;
comment on table people is 'Sealed names by pseudonym; for an erased person, only the pseudonym is left';
comment on column people.person is 'Pseudonym; for a person from before pseudonyms, the name that the log contains';
comment on column people.lookup is 'HMAC-SHA256 of the name, under a key derived from the master key';
comment on column people.wrapped_key is
    'Key of the person, encrypted by AES-SIV under a key derived from the master key';
comment on column people.sealed_name is 'Name, encrypted by AES-SIV under the key of the person';

create table forgotten (
    person       text        collate "C" primary key,
    forgotten_at timestamptz not null default clock_timestamp(),
    forgotten_by text        collate "C" not null
);
comment on table forgotten is 'Erasures: pseudonym, time, and the account that ran the command';
comment on column forgotten.forgotten_by is 'Operating system account that ran the command';

-- Tamper evidence: the Merkle tree over the log in tiles of 256 hashes, and the signed checkpoints.

create table tiles (
    level  smallint not null check (level >= 0),
    index  bigint   not null check (index >= 0),
    root   bytea    not null check (length(root) = 32),
    hashes bytea    not null check (length(hashes) = 8192),
    primary key (level, index)
);
-- Hashes do not compress, and parts of them are read without the rest. A cluster compresses them in vain.
do $$
begin
    alter table tiles alter column hashes set storage external;
exception
    when feature_not_supported then null;
end $$;
comment on table tiles is 'Complete tiles of the Merkle tree over the log (RFC 6962); see docs/proofs.md';
comment on column tiles.level is 'A hash of level n covers 256^n events';
comment on column tiles.index is 'Number of the tile within its level, from 0';
comment on column tiles.root is 'Root hash over the tile: one hash of the next level';
comment on column tiles.hashes is '256 hashes of 32 bytes; leaf hashes at level 0';

create table checkpoints (
    position  bigint      not null check (position > 0),
    hash      bytea       not null,
    root      bytea       not null,
    time      timestamptz not null,
    key       text        collate "C" not null,
    signature bytea       not null,
    primary key (position, key)
);
comment on table checkpoints is 'Signed checkpoints of the log; copies belong outside the database';
comment on column checkpoints.hash is 'Hash of the event at the position';
comment on column checkpoints.root is 'Root of the Merkle tree over the events up to the position';
comment on column checkpoints.key is
    'Id of the signing key: the first 16 hex digits of the SHA-256 of the public key';

create table published (
    sink     text   collate "C" not null,
    position bigint not null,
    primary key (sink, position)
);
comment on table published is 'The last checkpoint delivered to each URL; a file as destination needs no row';
comment on column published.sink is 'SHA-256 of the URL, because the URL may contain a secret';

create table checkpoint_refusals (
    at     timestamptz primary key default clock_timestamp(),
    reason text
);
comment on table checkpoint_refusals is 'Times at which signing of checkpoints stopped or resumed';
comment on column checkpoint_refusals.reason is
    'Difference between the log and an earlier checkpoint; null: signing resumed';

-- Facts for analysts. analytics.follower.builds creates their tables and views in the same transaction.

create table facts_builds (
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
create unique index facts_builds_live on facts_builds (projection) where live;
comment on table facts_builds is
    'Table of facts with its checkpoint, which each batch moves in the transaction that writes its rows';
comment on column facts_builds.projection is 'Name of the projection';
comment on column facts_builds.build is 'Number of its table: facts_bookings_2 is the second table of bookings';
comment on column facts_builds.version is 'Version of the projection that writes the table';
comment on column facts_builds.live is
    'Whether readers use this table; otherwise it is being rebuilt beside the live one';
comment on column facts_builds.position is 'Position of the last event applied';
comment on column facts_builds.hash is 'Hash of that event; another hash at its position means another log';
comment on column facts_builds.recorded_at is 'Time of that event';
comment on column facts_builds.written_at is 'Time at which that event was applied';
comment on column facts_builds.parked_at is
    'Time since which the projection is stopped by an event that it cannot apply';
comment on column facts_builds.parked_position is 'Position of the event that it cannot apply';
comment on column facts_builds.error is 'The error of that event';

-- Self-audit: the state that the views should show, computed from the log alone.

create table self_audit (
    one                boolean     primary key default true check (one),
    position           bigint      not null default 0,
    hash               bytea,
    newest             uuid        not null default '00000000-0000-0000-0000-000000000000',
    renewed_at         timestamptz,
    began_at           timestamptz,
    began_position     bigint,
    next               uuid,
    round_rows         bigint      not null default 0,
    round_seconds      real        not null default 0,
    round_bad_position bigint,
    round_reason       text,
    finished_at        timestamptz,
    finished_position  bigint,
    rows               bigint,
    seconds            real,
    first_bad_position bigint,
    reason             text,
    bad_since          timestamptz
) with (fillfactor = 50);
insert into self_audit default values;
comment on table self_audit is
    'One row: progress and result of comparing the views with the log; a lock on it elects the process that audits';
comment on column self_audit.position is 'Position of the log up to which the digests and counts are computed';
comment on column self_audit.hash is
    'Hash of that event; another hash at its position means another log, and restarts the audit';
comment on column self_audit.newest is 'Greatest stream id up to that position';
comment on column self_audit.renewed_at is 'Time at which a range was last folded again';
comment on column self_audit.began_at is 'Start of the latest round';
comment on column self_audit.began_position is
    'Head of the log at the start of the latest round, which covers at least all earlier events';
comment on column self_audit.next is 'First id of the next range of the latest round; null: the round is finished';
comment on column self_audit.round_rows is 'Rows compared in the latest round so far';
comment on column self_audit.round_seconds is 'Seconds of work in the latest round so far';
comment on column self_audit.round_bad_position is 'Lowest position of a divergence in the latest round so far';
comment on column self_audit.round_reason is 'Description of that divergence';
comment on column self_audit.finished_at is 'End of the last complete round; null: none is complete yet';
comment on column self_audit.finished_position is 'Head of the log at the start of that round';
comment on column self_audit.rows is 'Rows of views and of seat counts compared in that round';
comment on column self_audit.seconds is 'Seconds of work in that round';
comment on column self_audit.first_bad_position is
    'Lowest position at which views diverge from the log; past the head: a row without events; null: no divergence';
comment on column self_audit.reason is 'Description of that divergence';
comment on column self_audit.bad_since is 'Time at which a divergence was first found';

create table audited_ranges (
    first      uuid        primary key,
    last       uuid        not null,
    rows       bigint      not null default 0,
    digest     numeric     not null default 0,
    renewed_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
insert into audited_ranges (first, last)
values ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff');
comment on table audited_ranges is
    'Digests of the view rows for ranges of stream ids, computed from the log and never from the views';
comment on column audited_ranges.first is 'Smallest id of the range';
comment on column audited_ranges.last is 'Greatest id of the range';
comment on column audited_ranges.rows is 'Number of rows';
comment on column audited_ranges.digest is 'Sum of the hashes of the rows';
comment on column audited_ranges.renewed_at is
    'Time at which the streams of the range were last folded from their first events';

create table audited_seats (
    flight_id uuid    primary key,
    seats     integer not null,
    held      integer not null,
    booked    integer not null,
    position  bigint  not null
) with (fillfactor = 50);
comment on table audited_seats is 'Seat counts computed from the log and never from seats';
comment on column audited_seats.position is 'Position of the last event of the flight or of its bookings';

-- Background work.

create table job_runs (
    job         text        collate "C" not null,
    slot        timestamptz not null,
    finished_at timestamptz not null,
    done        integer     not null,
    primary key (job, slot)
);
comment on table job_runs is
    'Finished runs of scheduled jobs; a run and its row are one transaction, so each slot runs once';
comment on column job_runs.slot is 'Scheduled time of the run';
comment on column job_runs.done is 'Number of items that the run processed, for example holds expired';

create table jobs (
    job text collate "C" primary key
);
comment on table jobs is 'Scheduled jobs; the process that runs a job locks its row';
comment on column jobs.job is 'Name of the job, as in job_runs';

create table heartbeats (
    name text        collate "C" primary key,
    at   timestamptz not null
);
comment on table heartbeats is 'Latest sign of life of each kind of background process';

create table task_failures (
    task      text        collate "C" primary key,
    failures  bigint      not null,
    failed_at timestamptz not null,
    error     text
);
comment on table task_failures is 'One row per task of the scheduler that ever failed';
comment on column task_failures.task is 'Name of the task';
comment on column task_failures.failures is 'Number of failures, over all schedulers';
comment on column task_failures.failed_at is 'Time at which the last failure was recorded';
comment on column task_failures.error is 'The last failure; null: the task succeeded since';

create table secrets (
    name  text primary key,
    value text not null
);
-- Random, so that every process of the ledger signs and checks cursors with the same key.
insert into secrets values
    ('cursor', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
comment on table secrets is 'Random keys and check values that all processes of the ledger share';

-- The log is append-only, even for its owner.

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_schema || '.' || tg_table_name, tg_op
        using errcode = 'restrict_violation';
end $$;

create trigger append_only before update or delete or truncate on events
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on commands
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on head
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on tiles
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on checkpoints
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on published
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on checkpoint_refusals
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on forgotten
    for each statement execute function refuse_change();
create trigger append_only before delete or truncate on people
    for each statement execute function refuse_change();

-- Rights. The writer, which the program is, adds to the log and never changes it. The lock on head needs the right
-- to update it, and the trigger refuses the update itself. Neither analysts nor auditors read people.

grant usage on schema ledger to seatledger_writer, seatledger_analyst, seatledger_auditor;
grant select, insert on events, commands, forgotten, tiles, checkpoints, published, checkpoint_refusals, job_runs
    to seatledger_writer;
grant select, insert, update on seats, bookings, flights, refunds, waiting, people, self_audit, heartbeats, jobs,
    task_failures to seatledger_writer;
grant select, insert, update, delete on audited_ranges, audited_seats to seatledger_writer;
grant select, update on head, facts_builds to seatledger_writer;
grant select on secrets, migrations to seatledger_writer;
grant select on events, commands, bookings, flights, refunds, waiting, forgotten, self_audit, audited_ranges,
    audited_seats, task_failures to seatledger_auditor;
