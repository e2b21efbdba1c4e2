-- Payments that wait to be captured hold seats as unpaid holds do, and refunds due are a worklist.
alter table views.bookings add column held_until timestamptz;
update views.bookings set held_until = expires_at where status = 'initiated';
comment on column views.bookings.held_until is
    'When the clock takes the seats back: expires_at, or capture_before of a pending payment; null: never';
drop index views.holds_by_flight, views.holds_by_expiry;
create index holds_by_flight on views.bookings (flight_id, held_until) where held_until is not null;
create index holds_by_expiry on views.bookings (held_until, id) where held_until is not null;

create table views.refunds (
    id         uuid        primary key,
    booking_id uuid        not null,
    flight_id  uuid        not null,
    user_id    text        collate "C" not null,
    payment_id uuid        not null,
    amount     bigint      not null,
    currency   text        collate "C" not null,
    reason     text        collate "C" not null,
    due_at     timestamptz not null,
    settled_at timestamptz,
    reference  text        collate "C"
);
create index refunds_due on views.refunds (id) where settled_at is null;
create index refunds_by_booking on views.refunds (booking_id);
comment on table views.refunds is 'Money that has to go back, and whether it has, as of the head of the log';
comment on column views.refunds.amount is 'Minor units';
grant select, insert, update on views.refunds to seatledger_writer;

-- The log's first releases wrote no refund_id: the payment's stood for it.
insert into views.refunds
select coalesce((e.state::json ->> 'refund_id')::uuid, (e.state::json ->> 'payment_id')::uuid),
    b.id, b.flight_id, b.user_id, (e.state::json ->> 'payment_id')::uuid,
    (e.state::json #>> '{amount,amount}')::bigint, e.state::json #>> '{amount,currency}',
    'booking_cancelled', e.recorded_at
from ledger.events e join views.bookings b on b.id = e.originator_id
where e.topic = 'booking.refund_due';
