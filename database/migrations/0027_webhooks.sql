-- Webhooks: endpoints, the queue and log of their deliveries, and the checkpoint of the follower that fills it.
-- Secrets and names in them are sealed by the master key. Blocks touch none of these tables.
create table webhooks (
    id             uuid        primary key,
    url            text        not null,
    event_types    text[]      collate "C",
    payload        text        collate "C" not null check (payload in ('thin', 'full')),
    is_enabled     boolean     not null default true,
    user_lookup    bytea,
    sealed_user    text,
    sealed_secrets text        not null,
    position       bigint,
    created_at     timestamptz not null default clock_timestamp(),
    updated_at     timestamptz not null default clock_timestamp(),
    deleted_at     timestamptz,
    version        integer     not null default 1
);
create index webhooks_by_user on webhooks (user_lookup) where user_lookup is not null;
comment on table webhooks is 'One row per endpoint that events are sent to';
comment on column webhooks.event_types is 'Topics that are sent; null: all';
comment on column webhooks.user_lookup is 'Keyed hash of the user of the bookings that are sent; null: everything is sent';
comment on column webhooks.sealed_user is 'Name of that user, sealed by the master key';
comment on column webhooks.sealed_secrets is 'Signing secrets, the newest first, each with its end; sealed by the master key';
comment on column webhooks.position is 'Last position that was queued for it; null: that of webhook_progress';
comment on column webhooks.deleted_at is 'Time of deletion; the row goes when its deliveries are gone';

create table webhook_deliveries (
    webhook_id  uuid        not null,
    position    bigint      not null,
    stream_id   uuid        not null,
    topic       text        collate "C" not null,
    state       text        collate "C" not null default 'waiting'
                check (state in ('waiting', 'delivered', 'parked', 'failed')),
    is_first    boolean     not null default false,
    attempts    integer     not null default 0,
    created_at  timestamptz not null default clock_timestamp(),
    due_at      timestamptz not null default clock_timestamp(),
    answered_at timestamptz,
    status      smallint,
    answer      text,
    error       text,
    took_ms     integer,
    primary key (webhook_id, position),
    check (state = 'waiting' or not is_first)
);
create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, stream_id, position)
    where state = 'waiting';
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where is_first;
create index webhook_deliveries_parked on webhook_deliveries (webhook_id, position) where state = 'parked';
create index webhook_deliveries_log on webhook_deliveries (webhook_id, created_at, position);
comment on table webhook_deliveries is 'One row per event and endpoint: waiting to be sent, then the answer, for 30 days';
comment on column webhook_deliveries.position is 'Position of the event, which is its id for receivers; negative: a test';
comment on column webhook_deliveries.stream_id is 'Booking, flight or waiting party; its events are sent in order';
comment on column webhook_deliveries.state is
    'waiting, delivered, parked (given up, an alarm until it is replayed), failed (a test that was not taken)';
comment on column webhook_deliveries.is_first is 'True for the first waiting one of its stream, which may be sent';
comment on column webhook_deliveries.due_at is 'Time of the next attempt';
comment on column webhook_deliveries.answer is 'First characters of the last answer';
comment on column webhook_deliveries.error is 'Why the last attempt had no answer';

create table webhook_progress (
    one          boolean primary key default true check (one),
    position     bigint  not null,
    hash         bytea,
    sender       uuid,
    sender_until timestamptz,
    delivered    bigint  not null default 0,
    failed       bigint  not null default 0,
    parked       bigint  not null default 0
);
comment on table webhook_progress is 'Checkpoint of the webhooks; one row, and its lock puts changes of the queue in order';
comment on column webhook_progress.hash is 'Hash of the event at the position, to recognise another log after a restore';
comment on column webhook_progress.sender is 'Scheduler that sends now, until sender_until';
comment on column webhook_progress.delivered is 'Number of deliveries that were taken';
comment on column webhook_progress.failed is 'Number of attempts that were not taken';
comment on column webhook_progress.parked is 'Number of deliveries that were given up';
insert into webhook_progress (position) select coalesce(max(position), 0) from events;
update webhook_progress set hash = (select hash from events where events.position = webhook_progress.position);

create table webhook_outcomes (
    caller      bytea       not null,
    operation   text        collate "C" not null,
    key         text        collate "C" not null,
    fingerprint bytea       not null,
    status      smallint    not null,
    sealed_body text        not null,
    created_at  timestamptz not null default clock_timestamp(),
    primary key (caller, operation, key)
);
comment on table webhook_outcomes is 'Answers to calls about webhooks by idempotency key, for 30 days';
comment on column webhook_outcomes.caller is 'Keyed hash of the caller';
comment on column webhook_outcomes.sealed_body is 'The answer, which may hold a secret; sealed by the master key';

grant select, insert, update, delete on webhooks, webhook_deliveries, webhook_progress, webhook_outcomes
    to seatledger_writer;
