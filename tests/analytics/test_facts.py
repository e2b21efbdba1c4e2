"""Facts equal the fold of the log and the ledger's views, for batches of any size."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.commands.bookings import AcceptChange, MoveBooking
from domain.commands.flights import RetimeFlight
from tests.analytics.conftest import Follow
from tests.analytics.trade import Trade
from tests.desk import Desk
from tests.repetitions import times

Rows = Callable[..., list[Any]]


async def test_facts_equal_the_views_for_batches_of_any_size(
    trade: Trade, follow: Follow, rows: Rows, facts: Callable[[], Any]
) -> None:
    await trade.pay_late()
    for number in range(80):
        await trade.rush(6, 32)
        await trade.answer_by_gateway()
        await follow(7)
        if number >= times(3, 12) and recorded_topics(rows) >= EXPECTED:
            break
    small_batches = facts()
    rows(RESET)
    await follow(100_000)
    assert facts() == small_batches
    assert recorded_topics(rows) >= EXPECTED
    for statement in SAME:
        assert rows(statement) == [], statement


def recorded_topics(rows: Rows) -> set[str]:
    return {topic for (topic,) in rows("select distinct topic from ledger.events")}


# The trade must have recorded every event that changes a booking, a payment or seats.
EXPECTED = {
    "flight.cancelled",
    "flight.repriced",
    "flight.seats_changed",
    "flight.retimed",
    "booking.moved",
    "booking.schedule_changed",
    "booking.schedule_accepted",
    "booking.payment_pending",
    "booking.payment_requested",
    "booking.payment_authorised",
    "booking.payment_declined",
    "booking.capture_requested",
    "booking.payment_voided",
    "booking.payment_released",
    "booking.void_requested",
    "booking.reseated",
    "booking.seats_reduced",
    "booking.refund_due",
    "booking.refund_requested",
    "booking.refund_refused",
    "booking.refund_settled",
}

RESET = """
    truncate ledger.facts_bookings_1, ledger.facts_flights_1, ledger.facts_payments_1,
        ledger.facts_refunds_1, ledger.facts_seat_changes_1;
    update ledger.facts_builds set position = 0, hash = null
"""

SAME = [
    """
    (select booking_id, flight_id, seats, amount, currency, status, cancel_reason, hold_expires_at, version,
        initiated_at from ledger.analytics_bookings
    except select id, flight_id, seats, cost_amount, cost_currency, status, cancel_reason, expires_at,
        version, created_at from ledger.bookings)
    union all
    (select id, flight_id, seats, cost_amount, cost_currency, status, cancel_reason, expires_at,
        version, created_at from ledger.bookings
    except select booking_id, flight_id, seats, amount, currency, status, cancel_reason, hold_expires_at,
        version, initiated_at from ledger.analytics_bookings)
    """,
    """
    select * from ledger.bookings v join ledger.analytics_bookings b on b.booking_id = v.id
    where v.cost_parts::jsonb is distinct from b.parts::jsonb
    """,
    """
    select * from ledger.flights v join ledger.analytics_flights f on f.flight_id = v.id
    where v.price_parts::jsonb is distinct from f.price_parts::jsonb
    """,
    """
    select * from ledger.refunds v join ledger.analytics_refunds r on r.refund_id = v.id
    where v.parts::jsonb is distinct from r.parts::jsonb
    """,
    """
    select v.id, v.payment_status, p.status from ledger.bookings v
    full join (
        select distinct on (booking_id) * from ledger.analytics_payments order by booking_id, started_at desc,
        position desc) p on p.booking_id = v.id
    where v.payment_id is distinct from p.payment_id or p.status is distinct from case
        when v.payment_status in ('captured', 'refund_due', 'refunded') then 'captured'
        when v.payment_status in ('declined', 'voided', 'lapsed') then v.payment_status
        when v.payment_status is not null then 'pending' end
    """,
    """
    select * from ledger.refunds v full join ledger.analytics_refunds r on r.refund_id = v.id
    where (v.booking_id, v.flight_id, v.payment_id, v.amount, v.currency, v.reason, v.due_at, v.settled_at,
            v.requested_at, v.refusal, v.status)
        is distinct from (r.booking_id, r.flight_id, r.payment_id, r.amount, r.currency, r.reason, r.due_at,
            r.settled_at, r.requested_at, r.refusal, r.status)
    """,
    """
    select * from ledger.flights v full join ledger.analytics_flights f on f.flight_id = v.id
    where (v.number, v.origin, v.destination, v.departs_at, v.arrives_at, v.departure_day, v.seats,
            v.price_amount, v.price_currency, v.cancelled, v.version)
        is distinct from (f.number, f.origin, f.destination, f.departs_at, f.arrives_at, f.departure_day,
            f.seats, f.price_amount, f.price_currency, f.cancelled_at is not null, f.version)
    """,
    """
    select * from ledger.seats s full join (
        select distinct on (flight_id) * from ledger.analytics_seats_over_time
        order by flight_id, position desc) t using (flight_id)
    where (s.seats, s.held, s.booked) is distinct from (t.seats, t.held, t.booked)
    """,
    "select * from ledger.analytics_seats_over_time where held < 0 or booked < 0 or available < 0",
    "select * from ledger.analytics_funnel"
    " where initiated <> paid + expired + given_up + flight_cancelled + open",
]


@pytest.mark.parametrize("name", ["daily_sales", "load_factor", "refund_ageing", "payment_outcomes"])
async def test_an_empty_ledger_has_empty_statistics(rows: Rows, name: str) -> None:
    assert rows(f"select * from ledger.analytics_{name}") == []


async def test_facts_move_with_a_booking_and_its_seats_are_counted_on_both_flights(
    desk: Desk, follow: Follow, rows: Rows
) -> None:
    source, target = await desk.schedule(), await desk.schedule("BA119")
    booking = (await desk.hold(source, "alice", 2)).subject_id
    assert booking
    await desk.pay(booking, "alice", 2)
    await follow(3)
    await desk.submit(MoveBooking(booking, target))
    await desk.cancel(booking, "alice")
    await follow(1)
    for name in ("bookings", "payments", "refunds"):
        assert rows(f"select flight_id from ledger.analytics_{name}") == [(target,)]
    assert rows("select flight_id_initiated from ledger.analytics_bookings") == [(source,)]
    assert rows(
        "select flight_id, held_change, booked_change, change_id - 2 * position"
        " from ledger.analytics_seat_changes where booking_id is not null order by change_id"
    ) == [
        (source, 2, 0, 0),
        (source, -2, 2, 0),
        (source, 0, -2, -1),
        (target, 0, 2, 0),
        (target, 0, -2, 0),
    ]


async def test_facts_count_the_changes_of_times_and_keep_the_first_departure(
    desk: Desk, follow: Follow, rows: Rows
) -> None:
    flight = await desk.schedule()
    booking = (await desk.hold(flight, "alice")).subject_id
    assert booking
    ((scheduled,),) = rows("select departs_at from ledger.flights")
    for hours in (2, 3):
        departs = scheduled + timedelta(hours=hours)
        await desk.submit(RetimeFlight(flight, departs, departs + timedelta(hours=8), "fog"))
    await desk.submit(AcceptChange(booking), "alice")
    await follow()
    assert rows(
        "select departs_at - departs_at_scheduled, arrives_at - departs_at, departs_at_scheduled = %s,"
        " retimed_at is not null from ledger.analytics_flights",
        scheduled,
    ) == [(timedelta(hours=3), timedelta(hours=8), True, True)]
    assert rows("select schedule_changes, change_accepted_at is not null from ledger.analytics_bookings") == [
        (2, True)
    ]
