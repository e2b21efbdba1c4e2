-- The log, the outcomes of commands, and the seat counts that are decided on. Schema ledger is there already.

create table ledger.events (
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
    unique (originator_id, originator_version),
    unique (actor, operation, causation_id, ordinal)
);
comment on table ledger.events is 'The log: every change there ever was, in order, each row''s hash over the one before it';
comment on column ledger.events.position is 'Dense: 1, 2, 3, … in commit order';
comment on column ledger.events.originator_id is 'The flight or booking that the event belongs to';
comment on column ledger.events.ordinal is 'Counts the events of one command from 1';
comment on column ledger.events.causation_id is 'The idempotency key of the command';
comment on column ledger.events.correlation_id is 'The request id';
comment on column ledger.events.recorded_at is 'The database clock of the block; never earlier than the event before';
comment on column ledger.events.command_hash is 'SHA-256 over the outcome of the command: fingerprint, status, body';
comment on column ledger.events.hash is 'SHA-256 over the previous hash and this row; see docs/chain.md';

create table ledger.commands (
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
create index commands_first_position on ledger.commands (first_position) where first_position is not null;
comment on table ledger.commands is 'The outcome of every command, accepted or refused, kept for ever';
comment on column ledger.commands.fingerprint is 'SHA-256 of the decoded command; another one under the same key is refused';
comment on column ledger.commands.first_position is 'Position of its first event; null when it was refused';
comment on column ledger.commands.last_position is 'Position of its last event; the head of the log when it was refused';

create table ledger.seats (
    flight_id uuid    primary key,
    seats     integer not null check (seats >= 0),
    held      integer not null check (held >= 0),
    booked    integer not null check (booked >= 0),
    check (held + booked <= seats)
) with (fillfactor = 50);
comment on table ledger.seats is 'Seat counts per flight, decided on under the head lock; the fold of the log';

create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_schema || '.' || tg_table_name, tg_op
        using errcode = 'restrict_violation';
end $$;

create trigger append_only before update or delete or truncate on ledger.events
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.commands
    for each statement execute function ledger.refuse_change();
