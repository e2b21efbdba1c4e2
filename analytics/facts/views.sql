-- Views over the facts. Every migration run replaces them, so columns may only be added at the end.
create or replace view analytics_checkpoints as
select b.projection, b.version, b.position, h.position - b.position as lag_events,
    coalesce(extract(epoch from greatest(clock_timestamp() - n.recorded_at, interval '0')), 0)::float8 as lag_seconds,
    b.recorded_at, b.written_at, b.parked_at, b.parked_position, b.error, b.hash
from facts_builds b
cross join (select coalesce(max(position), 0) as position from events) h
left join events n on n.position = b.position + 1
where b.live;
comment on view analytics_checkpoints is 'Checkpoint of each fact table: the table shows the log exactly up to this position';
comment on column analytics_checkpoints.projection is 'The fact table';
comment on column analytics_checkpoints.version is 'Version of the projection that wrote it';
comment on column analytics_checkpoints.position is 'Position of the last applied event';
comment on column analytics_checkpoints.lag_events is 'Number of events not yet applied';
comment on column analytics_checkpoints.lag_seconds is 'Age of the oldest event not yet applied, in seconds; 0 if all are applied';
comment on column analytics_checkpoints.recorded_at is 'Time of the last applied event';
comment on column analytics_checkpoints.written_at is 'Time of the last update';
comment on column analytics_checkpoints.parked_at is 'Time when it was parked before an event that it cannot apply; null if not parked';
comment on column analytics_checkpoints.parked_position is 'Position of that event';
comment on column analytics_checkpoints.error is 'Error of that event';
comment on column analytics_checkpoints.hash is 'Chain hash at position, covering that event and all before it';

-- A security barrier: conditions of readers are not evaluated on rows outside the view.
create or replace view analytics_refusals with (security_barrier) as
select recorded_at, (recorded_at at time zone 'UTC')::date as day, operation,
    coalesce(body::json ->> 'code', substring(body::json ->> 'type' from '[^/]*$')) as reason,
    status::integer as status, last_position as position
from commands where first_position is null and status >= 400;
comment on view analytics_refusals is 'One row per refused command, as of now';
comment on column analytics_refusals.recorded_at is 'Time of the refusal';
comment on column analytics_refusals.day is 'Day of the refusal, UTC';
comment on column analytics_refusals.operation is 'Operation, like initiate_booking';
comment on column analytics_refusals.reason is 'Problem code, like not-enough-seats';
comment on column analytics_refusals.status is 'HTTP status of the answer';
comment on column analytics_refusals.position is 'Position of the head when it was refused';

create or replace view analytics_daily_sales as
with moved as (
    select (captured_at at time zone 'UTC')::date as day, flight_id, currency, 1 as payments, seats::integer as seats,
        amount as captured, 0::bigint as refunded
    from analytics_payments where captured_at is not null
    union all
    select (due_at at time zone 'UTC')::date, flight_id, currency, 0, 0, 0, amount from analytics_refunds
)
select m.day, f.carrier, f.origin, f.destination, m.currency, sum(m.payments)::bigint as payments,
    sum(m.seats)::bigint as seats, sum(m.captured)::bigint as captured_amount,
    sum(m.refunded)::bigint as refunded_amount, (sum(m.captured) - sum(m.refunded))::bigint as net_amount
from moved m join analytics_flights f using (flight_id)
group by m.day, f.carrier, f.origin, f.destination, m.currency;
comment on view analytics_daily_sales is 'Captured and refunded money by day, carrier, route and currency';
comment on column analytics_daily_sales.day is 'Day, UTC, when a payment was captured or a refund became due';
comment on column analytics_daily_sales.carrier is 'IATA code of the airline';
comment on column analytics_daily_sales.origin is 'IATA code of the airport';
comment on column analytics_daily_sales.destination is 'IATA code of the airport';
comment on column analytics_daily_sales.currency is 'ISO 4217 code; amounts of different currencies are never added';
comment on column analytics_daily_sales.payments is 'Payments captured that day';
comment on column analytics_daily_sales.seats is 'Seats of these payments';
comment on column analytics_daily_sales.captured_amount is 'Sum of their amounts, in minor units';
comment on column analytics_daily_sales.refunded_amount is 'Refunds that became due that day, settled or not, in minor units';
comment on column analytics_daily_sales.net_amount is 'captured_amount minus refunded_amount';

create or replace view analytics_seats_over_time as
select flight_id, position, recorded_at, sum(seats_change) over w as seats, sum(held_change) over w as held,
    sum(booked_change) over w as booked,
    sum(seats_change) over w + sum(overbooking_change) over w - sum(held_change) over w - sum(booked_change) over w
        as available,
    sum(overbooking_change) over w as overbooking
from analytics_seat_changes window w as (partition by flight_id order by position);
comment on view analytics_seats_over_time is 'Seat counts of a flight right after each event that changed them';
comment on column analytics_seats_over_time.flight_id is 'The flight, in flights';
comment on column analytics_seats_over_time.position is 'Position of the event in the log';
comment on column analytics_seats_over_time.recorded_at is 'Time of the event';
comment on column analytics_seats_over_time.seats is 'Seats of the flight at that time';
comment on column analytics_seats_over_time.held is 'Held (unpaid) seats';
comment on column analytics_seats_over_time.booked is 'Booked seats';
comment on column analytics_seats_over_time.overbooking is 'Seats that may be sold beyond those of the aircraft';
comment on column analytics_seats_over_time.available is 'Free seats: seats + overbooking = held + booked + available; an expired hold counts as held until it is swept';

create or replace view analytics_load_factor as
with days as (
    select c.flight_id, least(365, floor(extract(epoch from f.departs_at - c.recorded_at) / 86400))::integer as day,
        sum(c.seats_change)::integer as seats, sum(c.held_change)::integer as held,
        sum(c.booked_change)::integer as booked
    from analytics_seat_changes c join analytics_flights f using (flight_id)
    where c.recorded_at <= f.departs_at
    group by 1, 2
), grid as (
    select f.flight_id, f.carrier, f.origin, f.destination, f.departs_at, day
    from analytics_flights f
    join (select flight_id, max(day) as first_day from days group by flight_id) d using (flight_id)
    cross join lateral generate_series(
        least(d.first_day, greatest(0, floor(extract(epoch from f.departs_at - now()) / 86400)))::integer,
        d.first_day) as day
    where f.cancelled_at is null
)
select g.flight_id, g.carrier, g.origin, g.destination, g.departs_at, g.day as days_to_departure,
    sum(d.seats) over w as seats, sum(d.held) over w as held, sum(d.booked) over w as booked,
    round(sum(d.booked::numeric) over w / nullif(sum(d.seats) over w, 0), 4) as load_factor
from grid g left join days d using (flight_id, day)
window w as (partition by g.flight_id order by g.day desc);
comment on view analytics_load_factor is 'Load factor of each flight by days before departure, one row a day since it was scheduled; cancelled flights have no rows';
comment on column analytics_load_factor.flight_id is 'The flight, in flights';
comment on column analytics_load_factor.carrier is 'IATA code of the airline';
comment on column analytics_load_factor.origin is 'IATA code of the airport';
comment on column analytics_load_factor.destination is 'IATA code of the airport';
comment on column analytics_load_factor.departs_at is 'Departure';
comment on column analytics_load_factor.days_to_departure is 'Whole days until departure, at most 365; 0 is the last 24 hours. Counts are as of the end of that day, or now';
comment on column analytics_load_factor.seats is 'Seats of the flight at that time';
comment on column analytics_load_factor.held is 'Held (unpaid) seats';
comment on column analytics_load_factor.booked is 'Booked seats';
comment on column analytics_load_factor.load_factor is 'booked / seats, from 0 to 1; above 1 on an overbooked flight';

create or replace view analytics_funnel as
select (b.initiated_at at time zone 'UTC')::date as day, f.carrier, f.origin, f.destination,
    count(*) as initiated, count(b.payment_started_at) as payment_started, count(b.paid_at) as paid,
    count(*) filter (where b.paid_at is null and b.cancel_reason = 'hold_expired') as expired,
    count(*) filter (where b.paid_at is null and b.cancel_reason = 'requested') as given_up,
    count(*) filter (where b.paid_at is null and b.cancel_reason = 'flight_cancelled') as flight_cancelled,
    count(*) filter (where b.paid_at is null and b.cancel_reason is null) as open,
    round(count(b.paid_at)::numeric / count(*), 4) as paid_share,
    percentile_cont(0.5) within group (order by extract(epoch from b.paid_at - b.initiated_at)::float8)
        as seconds_to_paid_median,
    percentile_cont(0.95) within group (order by extract(epoch from b.paid_at - b.initiated_at)::float8)
        as seconds_to_paid_p95
from analytics_bookings b join analytics_flights f using (flight_id)
group by 1, 2, 3, 4;
comment on view analytics_funnel is 'Bookings by outcome, by day of initiation, carrier and route: initiated = paid + expired + given_up + flight_cancelled + open';
comment on column analytics_funnel.day is 'Day of initiation, UTC';
comment on column analytics_funnel.carrier is 'IATA code of the airline';
comment on column analytics_funnel.origin is 'IATA code of the airport';
comment on column analytics_funnel.destination is 'IATA code of the airport';
comment on column analytics_funnel.initiated is 'Bookings initiated';
comment on column analytics_funnel.payment_started is 'Bookings with at least one payment started';
comment on column analytics_funnel.paid is 'Bookings paid, including those cancelled later';
comment on column analytics_funnel.expired is 'Bookings whose hold expired unpaid';
comment on column analytics_funnel.given_up is 'Bookings cancelled on request before payment';
comment on column analytics_funnel.flight_cancelled is 'Unpaid bookings cancelled with their flight';
comment on column analytics_funnel.open is 'Bookings neither paid nor cancelled';
comment on column analytics_funnel.paid_share is 'paid / initiated, from 0 to 1';
comment on column analytics_funnel.seconds_to_paid_median is 'Median seconds from initiation to payment; null if none was paid';
comment on column analytics_funnel.seconds_to_paid_p95 is '95th percentile of the seconds from initiation to payment';

create or replace view analytics_expiry_rates as
select (b.initiated_at at time zone 'UTC')::date as day, f.carrier, f.origin, f.destination, count(*) as holds,
    count(*) filter (where b.cancel_reason = 'hold_expired') as expired,
    round(count(*) filter (where b.cancel_reason = 'hold_expired')::numeric / count(*), 4) as expired_share,
    count(*) filter (where b.cancel_reason = 'hold_expired' and b.payment_started_at is not null)
        as expired_while_paying
from analytics_bookings b join analytics_flights f using (flight_id)
group by 1, 2, 3, 4;
comment on view analytics_expiry_rates is 'Expired holds by day of the hold, carrier and route';
comment on column analytics_expiry_rates.day is 'Day of the hold, UTC';
comment on column analytics_expiry_rates.carrier is 'IATA code of the airline';
comment on column analytics_expiry_rates.origin is 'IATA code of the airport';
comment on column analytics_expiry_rates.destination is 'IATA code of the airport';
comment on column analytics_expiry_rates.holds is 'Bookings initiated';
comment on column analytics_expiry_rates.expired is 'Holds that expired';
comment on column analytics_expiry_rates.expired_share is 'expired / holds, from 0 to 1';
comment on column analytics_expiry_rates.expired_while_paying is 'Expired holds with a payment started';

create or replace view analytics_refusal_rates with (security_barrier) as
with asked as (
    select (recorded_at at time zone 'UTC')::date as day, operation,
        case when first_position is null and status >= 400
            then coalesce(body::json ->> 'code', substring(body::json ->> 'type' from '[^/]*$')) end as reason
    from commands where actor <> 'seatledger'
), counted as (
    select day, operation, reason, count(*) as refused, sum(count(*)) over (partition by day, operation) as asked
    from asked group by day, operation, reason
)
select day, operation, reason, refused, asked::bigint as asked, round(refused / asked, 4) as refused_share
from counted where reason is not null;
comment on view analytics_refusal_rates is 'Refused commands of callers by day, operation and reason, as of now; system commands are excluded';
comment on column analytics_refusal_rates.day is 'Day of the command, UTC';
comment on column analytics_refusal_rates.operation is 'Operation, like initiate_booking';
comment on column analytics_refusal_rates.reason is 'Problem code, like not-enough-seats';
comment on column analytics_refusal_rates.refused is 'Commands refused for that reason';
comment on column analytics_refusal_rates.asked is 'All commands of that operation on that day';
comment on column analytics_refusal_rates.refused_share is 'refused / asked, from 0 to 1';

create or replace view analytics_payment_outcomes as
select (started_at at time zone 'UTC')::date as day, gateway, currency, status, reason, count(*) as payments,
    sum(amount)::bigint as amount,
    round(count(*) / sum(count(*)) over (partition by (started_at at time zone 'UTC')::date, gateway, currency), 4)
        as share
from analytics_payments group by 1, 2, 3, 4, 5;
comment on view analytics_payment_outcomes is 'Payments by outcome, by start day, gateway and currency';
comment on column analytics_payment_outcomes.day is 'Start day, UTC';
comment on column analytics_payment_outcomes.gateway is 'Payment gateway; null if the caller vouches for the payment';
comment on column analytics_payment_outcomes.currency is 'ISO 4217 code';
comment on column analytics_payment_outcomes.status is 'pending, captured, declined, voided or lapsed';
comment on column analytics_payment_outcomes.reason is 'Decline code of the gateway, if any';
comment on column analytics_payment_outcomes.payments is 'Number of payments';
comment on column analytics_payment_outcomes.amount is 'Sum of their amounts, in minor units';
comment on column analytics_payment_outcomes.share is 'Share of all payments of that day, gateway and currency, from 0 to 1';

create or replace view analytics_refund_ageing as
select currency, reason, case when age < interval '1 day' then '0-1 days' when age < interval '7 days' then '1-7 days'
        when age < interval '30 days' then '7-30 days' else 'over 30 days' end as age,
    count(*) as refunds, sum(amount)::bigint as amount, min(due_at) as oldest_due_at
from (select *, now() - due_at as age from analytics_refunds where settled_at is null) as owed
group by 1, 2, 3;
comment on view analytics_refund_ageing is 'Refunds due and not settled, by age';
comment on column analytics_refund_ageing.currency is 'ISO 4217 code';
comment on column analytics_refund_ageing.reason is 'Reason of the refund';
comment on column analytics_refund_ageing.age is 'Age: 0-1 days, 1-7 days, 7-30 days, over 30 days';
comment on column analytics_refund_ageing.refunds is 'Number of refunds';
comment on column analytics_refund_ageing.amount is 'Sum of their amounts, in minor units';
comment on column analytics_refund_ageing.oldest_due_at is 'Time when the oldest of them became due';
