"""What if: the policy that held reproduces what happened; another one does what its name says."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from analytics.what_if.demand import Habits, Recorded, Selection, demand
from analytics.what_if.outcome import Outcome
from analytics.what_if.replay import Policy, Replay
from cli.main import main
from domain.booking import Booking
from domain.flight import Flight
from domain.money import Money
from domain.payments import PaymentStatus
from ledger.ids import new_id
from tests.analytics.trade import Trade

Rows = Callable[..., list[Any]]
WINDOW = timedelta(minutes=15)


async def test_the_policy_that_held_reproduces_what_happened(
    trade: Trade, database_url: str, rows: Rows
) -> None:
    await trade.pay_late()
    for number in range(60):
        await trade.rush(6, 32)
        await trade.tell()
        if number >= 8 and met(rows) >= EXPECTED:
            break
    assert met(rows) >= EXPECTED
    with demand(database_url, Selection()) as recorded:
        assert recorded.unnamed == 0
        bookings = refused = 0
        for flight_id, commands in recorded.flights():
            replay = Replay(Policy(), recorded.habits, WINDOW)
            for command in commands:
                replay.take(command)
            replay.end(recorded.ends_at)
            now = replay.world.bookings
            assert now.keys() == replay.happened.keys()
            for id, then in replay.happened.items():
                assert state(now[id]) == state(then), id
            assert replay.refused == replay.refused_then
            ((held, booked),) = rows("select held, booked from ledger.seats where flight_id = %s", flight_id)
            seats = replay.world.seats[flight_id]
            assert (seats.held, seats.booked) == (held, booked)
            bookings += len(now)
            refused += replay.refused
    assert [(bookings, refused)] == rows(
        "select (select count(*) from views.bookings), (select count(*) from ledger.commands"
        " where body::json ->> 'code' = 'not-enough-seats')"
    )
    assert min(bookings, refused) > 20


def state(booking: Any) -> Any:
    """All but ids, and whether a refund that was due has gone out: that is after the sale."""
    paid = booking.payment
    if paid and paid.status is PaymentStatus.REFUNDED:
        paid = paid.now(PaymentStatus.REFUND_DUE)
    return (
        booking.status,
        booking.cancel_reason,
        booking.seats,
        booking.total_cost,
        booking.held_until,
        paid and (paid.status, paid.amount, paid.capture, paid.capture_before, paid.reference),
    )


def met(rows: Rows) -> set[str]:
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
}


NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
ALL_PAY, NOBODY_PAYS = Habits(4, 4, [2 * MINUTES]), Habits(4, 0, [])


@dataclass
class Tale:
    """A flight of 10 seats at 100, told in minutes: what each customer asked for, and what was recorded."""

    told: list[Recorded] = field(default_factory=list)
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
            now=NOW,
        )
        self._tell(0, "schedule_flight", self.flight)

    def holds(self, who: str, minute: float, seats: int, operation: str = "initiate_booking") -> None:
        at = NOW + minute * MINUTES
        self.bookings[who] = Booking.initiate(
            id=new_id(),
            flight_id=self.flight.id,
            user_id=who,
            seats=seats,
            total_cost=Money(100 * seats, "INR"),
            expires_at=at + 5 * MINUTES,
            now=at,
        )
        self._tell(minute, operation, self.bookings[who])

    def is_offered(self, who: str, minute: float, seats: int) -> None:
        self.holds(who, minute, seats, operation="hold_offer")

    def pays(self, who: str, minute: float) -> None:
        booking = self.bookings[who]
        booking.pay(new_id(), booking.total_cost, NOW + minute * MINUTES)
        self._tell(minute, "pay_booking", booking)

    def authorises(self, who: str, minute: float) -> None:
        booking, at = self.bookings[who], NOW + minute * MINUTES
        booking.authorise(new_id(), booking.total_cost, at + WINDOW, at)
        self._tell(minute, "pay_booking", booking)

    def is_expired(self, who: str, minute: float) -> None:
        self.bookings[who].expire(NOW + minute * MINUTES)
        self._tell(minute, "expire_hold", self.bookings[who])

    def is_captured_and_finds_no_seats(self, who: str, minute: float) -> None:
        self.bookings[who].capture_late(False, new_id(), NOW + minute * MINUTES)
        self._tell(minute, "capture_payment", self.bookings[who])

    def comes_late(self, who: str, minute: float) -> None:
        self._refuse(minute, "pay_booking", self.bookings[who].id, "hold-expired", 0)

    def finds_it_full(self, who: str, minute: float, seats: int) -> None:
        self._refuse(minute, "initiate_booking", None, "not-enough-seats", seats, who)

    def under(self, habits: Habits = ALL_PAY, **policy: Any) -> tuple[Outcome, Outcome]:
        """What happened in this hour, and what would have."""
        replay, end = Replay(Policy(**policy), habits, WINDOW), NOW + 60 * MINUTES
        for command in self.told:
            replay.take(command)
        replay.end(end)
        then, now = Outcome(), Outcome()
        then.add(replay.happened.values(), replay.refused_then, replay.seats, end)
        now.add(replay.world.bookings.values(), replay.refused, replay.seats, end)
        return then, now

    def _tell(self, minute: float, operation: str, changed: Flight | Booking) -> None:
        self.position += 1
        at, events = NOW + minute * MINUTES, list(changed.collect_events())
        self.told.append(Recorded(self.position, at, operation, changed.id, "key", events))

    def _refuse(
        self, minute: float, operation: str, id: UUID | None, code: str, seats: int, key: str = ""
    ) -> None:
        at = NOW + minute * MINUTES
        self.told.append(Recorded(self.position, at, operation, id, key, [], code, seats))


def test_a_longer_hold_keeps_who_came_late_and_turns_others_away() -> None:
    tale = Tale()
    tale.holds("alice", 0, seats=10)
    tale.comes_late("alice", 7)
    tale.holds("bob", 8, seats=4)
    tale.pays("bob", 9)
    then, now = tale.under(hold=10 * MINUTES)
    assert then == Outcome(asked=2, paid=1, expired=1, seats_sold=4, revenue={"INR": 400})
    assert now == Outcome(asked=2, paid=1, refused=1, seats_sold=10, revenue={"INR": 1000})


def test_a_shorter_hold_loses_who_is_slow_and_seats_who_was_refused() -> None:
    tale = Tale()
    tale.holds("alice", 0, seats=10)
    tale.finds_it_full("bob", 3, seats=2)
    tale.pays("alice", 4)
    then, now = tale.under(hold=2 * MINUTES)
    assert then == Outcome(asked=2, refused=1, paid=1, seats_sold=10, revenue={"INR": 1000})
    # Two minutes after he was granted his seats is the very moment in which he loses them.
    assert now == Outcome(asked=2, expired=2)
    assert tale.under(hold=2.5 * MINUTES)[1] == Outcome(
        asked=2, paid=1, expired=1, seats_sold=2, revenue={"INR": 200}
    )
    assert tale.under(NOBODY_PAYS, hold=2.5 * MINUTES)[1] == Outcome(asked=2, expired=2)


def test_late_money_takes_seats_of_holds_that_a_shorter_hold_has_ended() -> None:
    tale = Tale()
    tale.holds("alice", 0, seats=6)
    tale.authorises("alice", 1)
    tale.is_expired("alice", 17)
    tale.holds("bob", 17, seats=5)
    tale.is_captured_and_finds_no_seats("alice", 21)
    then, now = tale.under(hold=3 * MINUTES)
    assert then == tale.under(hold=5 * MINUTES)[1] == Outcome(asked=2, expired=2)
    assert now == Outcome(asked=2, paid=1, expired=1, seats_sold=6, revenue={"INR": 600})


def test_an_offer_to_those_who_wait_stands_as_long_as_it_did() -> None:
    tale = Tale()
    tale.is_offered("alice", 0, seats=1)
    tale.pays("alice", 4)
    then, now = tale.under(hold=2 * MINUTES)
    assert now == then == Outcome(asked=1, paid=1, seats_sold=1, revenue={"INR": 100})


def test_overbooking_sells_so_many_more_seats_and_no_more_and_says_who_may_be_left_behind() -> None:
    tale = Tale()
    tale.holds("alice", 0, seats=10)
    tale.pays("alice", 1)
    tale.finds_it_full("bob", 2, seats=3)
    tale.finds_it_full("carol", 3, seats=2)
    tale.finds_it_full("dave", 4, seats=1)
    then, now = tale.under(overbook=Fraction(1, 5))
    assert then == Outcome(asked=4, refused=3, paid=1, seats_sold=10, revenue={"INR": 1000})
    assert now == Outcome(
        asked=4, refused=2, paid=2, seats_sold=12, revenue={"INR": 1200}, flights_over=1, seats_over=2
    )
    assert tale.under(overbook=Fraction(1, 11))[1] == then


def test_who_was_refused_pays_as_often_as_others_did_by_the_same_dice_each_time() -> None:
    tale = Tale()
    tale.holds("alice", 0, seats=10)
    for number in range(1000):
        tale.finds_it_full(f"customer-{number}", 1, seats=1)
    habits = Habits(5, 2, [MINUTES, 2 * MINUTES, 9 * MINUTES])
    # Of two fifths that would pay a third comes when the hold is over.
    first = tale.under(habits, overbook=Fraction(100))[1]
    assert first == tale.under(habits, overbook=Fraction(100))[1]
    assert 220 < first.paid < 310
    assert first.paid + first.expired == first.asked == 1001


async def test_the_command_says_what_would_have_been_and_the_control_comes_out_even(
    trade: Trade, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await trade.rush(20, 32)
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["what-if", *arguments])
        return code, capsys.readouterr().out

    code, told = await run("--json")
    control = json.loads(told)
    assert (code, control["what_if"]) == (0, control["happened"])
    assert control["happened"]["refused"] > 0
    code, told = await run("--overbook", "50%", "--json")
    more = json.loads(told)
    assert (code, more["happened"]) == (0, control["happened"])
    assert more["what_if"]["refused"] < control["happened"]["refused"]
    assert (await run("--overbook", "50%", "--json"))[1] == told
    code, page = await run("--hold-minutes", "0.001", "--flight", str(trade.flights[0]))
    assert code == 0
    assert "1 flights" in page
    assert "drawn by dice" in page
    assert (await run("--flight", str(new_id())))[0] == 2
    day = datetime.now(UTC).date()
    assert json.loads((await run("--to", str(day), "--json"))[1])["flights"] < len(trade.flights)
