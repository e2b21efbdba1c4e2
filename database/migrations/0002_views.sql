-- Views written in the block's own transaction: what queries read is never behind what was answered.
create schema views;

create table views.flights (
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
create index flights_by_departure on views.flights (departs_at, id);
create index flights_by_price on views.flights (price_amount, id);
create index flights_by_route on views.flights (origin, destination, departure_day);
comment on table views.flights is 'One row per flight, as of the head of the log';
comment on column views.flights.departure_day is 'The day as written in the offset of departs_at when scheduled';
comment on column views.flights.price_amount is 'Minor units';

create table views.bookings (
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
    updated_at     timestamptz not null
) with (fillfactor = 85);
create index bookings_by_user on views.bookings (user_id, id);
create index bookings_by_flight on views.bookings (flight_id, id);
create index holds_by_flight on views.bookings (flight_id, expires_at) where status = 'initiated';
create index holds_by_expiry on views.bookings (expires_at, id) where status = 'initiated';
comment on table views.bookings is 'One row per booking, as of the head of the log';
comment on column views.bookings.cost_amount is 'Minor units';
comment on column views.bookings.expires_at is 'When the hold runs out unless it is paid';
