-- Who waits for seats of a full flight. What became of an offer is told by its booking, never stored twice.
create table views.waiting (
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
create index waiting_line on views.waiting (flight_id, joined_at, id) where status = 'waiting';
create unique index waiting_once on views.waiting (flight_id, user_id) where status = 'waiting';
create index waiting_by_joining on views.waiting (joined_at, id);
create index waiting_by_flight on views.waiting (flight_id, joined_at, id);
create index waiting_by_user on views.waiting (user_id, joined_at, id);
comment on table views.waiting is 'One row per party that ever waited for seats, as of the head of the log';
comment on column views.waiting.status is
    'As recorded: waiting, offered, left, closed; what became of an offer is the status of its booking';
comment on column views.waiting.booking_id is 'The hold that was offered';
comment on column views.waiting.joined_at is 'Parties are served in the order of joined_at and id';
grant select, insert, update on views.waiting to seatledger_writer;
