"""What-if replays: the recorded policy reproduces the recorded result, other policies change it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from analytics.what_if.demand import Habits, PastRequest, Selection, demand
from analytics.what_if.outcome import HoldOutcomes
from analytics.what_if.replay import Policy, Replay
from cli.main import main
from domain.booking import Booking
from domain.booking_state import CancelReason
from domain.cancellation_policy import CancellationPolicy
from domain.flight import Flight
from domain.money import Money
from domain.payments import PaymentStatus
from ledger.ids import new_id
from tests.analytics.trade import Trade

Rows = Callable[..., list[Any]]
WINDOW = timedelta(minutes=15)


async def test_the_recorded_policy_reproduces_the_recorded_result(
    trade: Trade, database_url: str, rows: Rows
) -> None:
    await trade.pay_late()
    for number in range(60):
        await trade.rush(6, 32)
        await trade.answer_by_gateway()
        if number >= 8 and recorded_facts(rows) >= EXPECTED:
            break
    assert recorded_facts(rows) >= EXPECTED
    with demand(database_url, Selection()) as recorded:
        assert recorded.unnamed == 0
        bookings = refused = 0
        outcomes = HoldOutcomes()
        for flight_id, requests in recorded.flights():
            replay = Replay(Policy(), recorded.habits, WINDOW)
            for request in requests:
                replay.replay(request)
            replay.end(recorded.ends_at)
            now = replay.working_set.bookings
            assert now.keys() == replay.happened.keys()
            for id, then in replay.happened.items():
                assert state(now[id]) == state(then), id
            assert replay.refused == replay.refused_then
            ((held, booked),) = rows("select held, booked from ledger.seats where flight_id = %s", flight_id)
            seats = replay.working_set.seats[flight_id]
            assert (seats.held, seats.booked) == (held, booked)
            outcomes.add(now.values(), replay.refused, replay.seats, recorded.ends_at)
            bookings += len(now)
            refused += replay.refused
    assert [(bookings, refused)] == rows(
        "select (select count(*) from ledger.bookings), (select count(*) from ledger.commands"
        " where body::json ->> 'code' = 'not-enough-seats' and operation <> 'move_booking')"
    )
    assert min(bookings, refused) > 20
    assert list(outcomes.revenue.values()) == [kept for (kept,) in rows(KEPT)]


KEPT = """
    with states as (select topic, originator_id, state::jsonb as state from ledger.events)
    select (
        select sum((paid.state -> 'amount' ->> 'amount')::bigint) from states as paid join states as booked
            on booked.topic = 'booking.booked' and booked.originator_id = paid.originator_id
            and booked.state ->> 'payment_id' = paid.state ->> 'payment_id'
        where paid.topic in ('booking.payment_pending', 'booking.payment_requested')
    ) - (
        select sum((state -> 'amount' ->> 'amount')::bigint) from states
        where topic = 'booking.refund_due' and state ->> 'reason' not in ('late_payment', 'compensation')
    )
"""
"""The money received, less what was owed back; late money that is owed back was never revenue."""


def state(booking: Any) -> Any:
    """Return the compared state, without ids and settlements of refunds."""
    paid = booking.payment
    if paid and paid.status is PaymentStatus.REFUNDED:
        paid = paid.with_status(PaymentStatus.REFUND_DUE)
    return (
        booking.status,
        booking.cancel_reason,
        booking.seats,
        booking.total_cost,
        booking.held_until,
        sorted((refund.reason.value, refund.amount.amount) for refund in booking.refunds.values()),
        paid and (paid.status, paid.amount, paid.capture, paid.capture_before, paid.reference),
    )


def recorded_facts(rows: Rows) -> set[str]:
    return {
        what
        for (what,) in rows(
            "select distinct topic from ledger.events union select distinct operation || ' '"
            " || (body::json ->> 'code') from ledger.commands where first_position is null"
        )
    }


EXPECTED = {
    "initiate_booking not-enough-seats",
    "pay_booking hold-expired",
    "flight.cancelled",
    "flight.seats_changed",
    "waiting.offered",
    "booking.cancelled",
    "booking.booked",
    "booking.reseated",
    "booking.seats_reduced",
    "booking.payment_voided",
    "booking.payment_declined",
    "booking.payment_released",
    "booking.refund_due",
    "booking.moved",
    "booking.schedule_changed",
}


NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
ALL_HOLDS_PAID, NO_HOLD_PAID = Habits(4, 4, [2 * MINUTES]), Habits(4, 0, [])


@dataclass
class FlightDemand:
    """The recorded demand for a flight of 10 seats at 100, in minutes since its start."""

    policy: CancellationPolicy | None = None
    requests: list[PastRequest] = field(default_factory=list)
    bookings: dict[str, Booking] = field(default_factory=dict)
    position: int = 0
    flight: Flight = field(init=False)

    def __post_init__(self) -> None:
        self.flight = Flight.schedule(
            id=new_id(),
            number="BA117",
            origin="LHR",
            destination="JFK",
            departs_at=NOW + timedelta(days=9),
            arrives_at=NOW + timedelta(days=9, hours=8),
            departure_day=NOW.date(),
            seats=10,
            price=Money(100, "INR"),
            cancellation_policy=self.policy,
            now=NOW,
        )
        self._record(0, "schedule_flight", self.flight)

    def holds(self, customer: str, minute: float, seats: int, operation: str = "initiate_booking") -> None:
        at = NOW + minute * MINUTES
        self.bookings[customer] = Booking.initiate(
            id=new_id(),
            flight_id=self.flight.id,
            user_id=customer,
            seats=seats,
            total_cost=Money(100 * seats, "INR"),
            expires_at=at + 5 * MINUTES,
            now=at,
            cancellation_policy=self.flight.cancellation_policy,
        )
        self._record(minute, operation, self.bookings[customer])

    def is_offered(self, customer: str, minute: float, seats: int) -> None:
        self.holds(customer, minute, seats, operation="hold_offer")

    def pays(self, customer: str, minute: float) -> None:
        booking = self.bookings[customer]
        booking.pay(new_id(), booking.total_cost, NOW + minute * MINUTES)
        self._record(minute, "pay_booking", booking)

    def authorises(self, customer: str, minute: float) -> None:
        booking, at = self.bookings[customer], NOW + minute * MINUTES
        booking.authorise(new_id(), booking.total_cost, at + WINDOW, at)
        self._record(minute, "pay_booking", booking)

    def is_expired(self, customer: str, minute: float) -> None:
        self.bookings[customer].expire(NOW + minute * MINUTES)
        self._record(minute, "expire_hold", self.bookings[customer])

    def is_captured_without_seats(self, customer: str, minute: float) -> None:
        self.bookings[customer].capture_late(False, new_id(), NOW + minute * MINUTES)
        self._record(minute, "capture_payment", self.bookings[customer])

    def cancels(self, customer: str, minute: float, stated: int | None = None) -> None:
        booking, at = self.bookings[customer], NOW + minute * MINUTES
        refund = None if stated is None else booking.total_cost.share(stated)
        booking.cancel(CancelReason.REQUESTED, None, new_id(), at, refund=refund)
        self._record(minute, "cancel_booking", booking)

    def gives_back(self, customer: str, minute: float, seats: int) -> None:
        self.bookings[customer].reduce_seats(seats, new_id(), NOW + minute * MINUTES)
        self._record(minute, "reduce_seats", self.bookings[customer])

    def pays_late(self, customer: str, minute: float) -> None:
        self._refuse(minute, "pay_booking", self.bookings[customer].id, "hold-expired", 0)

    def is_refused(self, customer: str, minute: float, seats: int) -> None:
        self._refuse(minute, "initiate_booking", None, "not-enough-seats", seats, customer)

    def replay(self, habits: Habits = ALL_HOLDS_PAID, **policy: Any) -> tuple[HoldOutcomes, HoldOutcomes]:
        """Return the recorded and the replayed outcomes of the hour."""
        replay, end = Replay(Policy(**policy), habits, WINDOW), NOW + 60 * MINUTES
        for request in self.requests:
            replay.replay(request)
        replay.end(end)
        then, now = HoldOutcomes(), HoldOutcomes()
        then.add(replay.happened.values(), replay.refused_then, replay.seats, end)
        now.add(replay.working_set.bookings.values(), replay.refused, replay.seats, end)
        return then, now

    def _record(self, minute: float, operation: str, changed: Flight | Booking) -> None:
        self.position += 1
        at, events = NOW + minute * MINUTES, list(changed.collect_events())
        self.requests.append(PastRequest(self.position, at, operation, changed.id, "key", events))

    def _refuse(
        self, minute: float, operation: str, id: UUID | None, code: str, seats: int, key: str = ""
    ) -> None:
        at = NOW + minute * MINUTES
        self.requests.append(PastRequest(self.position, at, operation, id, key, [], code, seats))


def test_a_longer_hold_saves_a_late_payment_and_refuses_others() -> None:
    flight = FlightDemand()
    flight.holds("alice", 0, seats=10)
    flight.pays_late("alice", 7)
    flight.holds("bob", 8, seats=4)
    flight.pays("bob", 9)
    then, now = flight.replay(hold=10 * MINUTES)
    assert then == HoldOutcomes(asked=2, paid=1, expired=1, seats_sold=4, revenue={"INR": 400})
    assert now == HoldOutcomes(asked=2, paid=1, refused=1, seats_sold=10, revenue={"INR": 1000})


def test_a_shorter_hold_loses_a_slow_payment_and_accepts_a_refused_hold() -> None:
    flight = FlightDemand()
    flight.holds("alice", 0, seats=10)
    flight.is_refused("bob", 3, seats=2)
    flight.pays("alice", 4)
    then, now = flight.replay(hold=2 * MINUTES)
    assert then == HoldOutcomes(asked=2, refused=1, paid=1, seats_sold=10, revenue={"INR": 1000})
    # Bob's payment after two minutes comes exactly when his hold expires.
    assert now == HoldOutcomes(asked=2, expired=2)
    assert flight.replay(hold=2.5 * MINUTES)[1] == HoldOutcomes(
        asked=2, paid=1, expired=1, seats_sold=2, revenue={"INR": 200}
    )
    assert flight.replay(NO_HOLD_PAID, hold=2.5 * MINUTES)[1] == HoldOutcomes(asked=2, expired=2)


def test_a_late_capture_takes_seats_freed_by_a_shorter_hold() -> None:
    flight = FlightDemand()
    flight.holds("alice", 0, seats=6)
    flight.authorises("alice", 1)
    flight.is_expired("alice", 17)
    flight.holds("bob", 17, seats=5)
    flight.is_captured_without_seats("alice", 21)
    then, now = flight.replay(hold=3 * MINUTES)
    assert then == flight.replay(hold=5 * MINUTES)[1] == HoldOutcomes(asked=2, expired=2)
    assert now == HoldOutcomes(asked=2, paid=1, expired=1, seats_sold=6, revenue={"INR": 600})


def test_an_offer_keeps_its_recorded_duration() -> None:
    flight = FlightDemand()
    flight.is_offered("alice", 0, seats=1)
    flight.pays("alice", 4)
    then, now = flight.replay(hold=2 * MINUTES)
    assert now == then == HoldOutcomes(asked=1, paid=1, seats_sold=1, revenue={"INR": 100})


def test_overbooking_sells_its_share_of_seats_and_counts_denied_boarding() -> None:
    flight = FlightDemand()
    flight.holds("alice", 0, seats=10)
    flight.pays("alice", 1)
    flight.is_refused("bob", 2, seats=3)
    flight.is_refused("carol", 3, seats=2)
    flight.is_refused("dave", 4, seats=1)
    then, now = flight.replay(overbook=Fraction(1, 5))
    assert then == HoldOutcomes(asked=4, refused=3, paid=1, seats_sold=10, revenue={"INR": 1000})
    assert now == HoldOutcomes(
        asked=4, refused=2, paid=2, seats_sold=12, revenue={"INR": 1200}, flights_over=1, seats_over=2
    )
    assert flight.replay(overbook=Fraction(1, 11))[1] == then


def test_money_that_cancellations_keep_is_revenue() -> None:
    flight = FlightDemand(CancellationPolicy(percentages={"fare": 25}))
    for customer in ("alice", "bob", "carol", "dave"):
        flight.holds(customer, 0, seats=2)
        flight.pays(customer, 1)
    flight.cancels("alice", 2)
    flight.cancels("bob", 2, stated=0)
    flight.gives_back("carol", 3, seats=1)
    then, now = flight.replay()
    # 150 by the policy, 200 that were stated to stay, 100 and 75 for a seat kept and one given back, and 200.
    assert then == now == HoldOutcomes(asked=4, paid=2, cancelled=2, seats_sold=3, revenue={"INR": 725})


def test_refused_holds_are_paid_as_often_as_granted_ones_and_deterministically() -> None:
    flight = FlightDemand()
    flight.holds("alice", 0, seats=10)
    for number in range(1000):
        flight.is_refused(f"customer-{number}", 1, seats=1)
    habits = Habits(5, 2, [MINUTES, 2 * MINUTES, 9 * MINUTES])
    # Two fifths pay, and a third of these pay after the hold expired.
    first = flight.replay(habits, overbook=Fraction(100))[1]
    assert first == flight.replay(habits, overbook=Fraction(100))[1]
    assert 220 < first.paid < 310
    assert first.paid + first.expired == first.asked == 1001


async def test_the_command_reports_both_results_and_they_agree_for_the_recorded_policy(
    trade: Trade, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await trade.rush(20, 32)
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["what-if", *arguments])
        return code, capsys.readouterr().out

    code, printed = await run("--json")
    control = json.loads(printed)
    assert (code, control["what_if"]) == (0, control["happened"])
    assert control["happened"]["refused"] > 0
    code, printed = await run("--overbook", "50%", "--json")
    more = json.loads(printed)
    assert (code, more["happened"]) == (0, control["happened"])
    assert more["what_if"]["refused"] < control["happened"]["refused"]
    assert (await run("--overbook", "50%", "--json"))[1] == printed
    code, page = await run("--hold-minutes", "0.001", "--flight", str(trade.flights[0]))
    assert code == 0
    assert "1 flights" in page
    assert "drawn at random" in page
    assert (await run("--flight", str(new_id())))[0] == 2
    day = datetime.now(UTC).date()
    assert json.loads((await run("--to", str(day), "--json"))[1])["flights"] < len(trade.flights)
