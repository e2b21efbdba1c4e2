"""The table of docs/reference/passengers.md: the result of each command about passengers in each state."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from domain.booking import Booking
from domain.booking_split import BookingSplit
from domain.booking_state import Status
from domain.commands.base import Command
from domain.commands.bookings import (
    CancelBooking,
    ExpireHold,
    InitiateBooking,
    RecordFlown,
    RecordNoShow,
    ReduceSeats,
)
from domain.commands.flights import DepartFlight
from domain.commands.passengers import NamedPassenger, NamePassengers, NewPassenger, SplitBooking
from domain.commands.payments import CapturePayment, PayBooking, VoidPayment
from domain.passengers import PassengerType
from domain.payments import Capture
from domain.refusals.base import Refusal
from tests.domain.scenario import Scenario

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "passengers.md"
PARTY = (("Alice", PassengerType.ADULT), ("Tom", PassengerType.CHILD), ("Mia", PassengerType.INFANT_ON_LAP))
FAMILY = tuple(NewPassenger(name, "Nguyễn", type) for name, type in PARTY)


def tom(booking: Booking) -> tuple[UUID]:
    """Return the id of the child, and any id if no passengers are named."""
    return (booking.passengers[1].id if booking.passengers else booking.id,)


COMMANDS: dict[str, Callable[[Booking], Command]] = {
    "name": lambda one: NamePassengers(
        one.id, tuple(NamedPassenger(name, "Tran", type) for name, type in PARTY)
    ),
    "split": lambda one: SplitBooking(one.id, tom(one)),
    "give back": lambda one: ReduceSeats(one.id, 1, tom(one)),
    "give back, unnamed": lambda one: ReduceSeats(one.id, 1),
    "one flown": lambda one: RecordFlown(one.id, tom(one)),
    "all no-show": lambda one: RecordNoShow(one.id),
}
STEPS: dict[str, Callable[[Booking], Command]] = {
    **COMMANDS,
    "pay": lambda one: PayBooking(one.id, "alice", one.total_cost),
    "authorise": lambda one: PayBooking(one.id, "alice", one.total_cost, Capture.MANUAL),
    "capture": lambda one: CapturePayment(one.id),
    "void": lambda one: VoidPayment(one.id, "declined"),
    "cancel": lambda one: CancelBooking(one.id),
    "expire": lambda one: ExpireHold(one.id),
    "depart": lambda one: DepartFlight(one.flight_id),
}
PATHS: dict[str, tuple[str, ...]] = {
    "initiated": (),
    "initiated, not named": ("without names",),
    "initiated, hold over": ("5 minutes",),
    "pending": ("authorise",),
    "pending, time over": ("authorise", "15 minutes"),
    "voided": ("authorise", "void"),
    "booked": ("pay",),
    "booked, not named": ("without names", "pay"),
    "booked in two steps": ("authorise", "capture"),
    "one seat left": ("pay", "give back"),
    "split": ("pay", "split"),
    "cancelled": ("cancel",),
    "hold expired": ("5 minutes", "expire"),
    "payment lapsed": ("authorise", "15 minutes", "expire"),
    "booked, departed": ("pay", "depart"),
    "booked, departed, not named": ("without names", "pay", "depart"),
    "one flew": ("pay", "depart", "one flown"),
    "no-show": ("pay", "depart", "all no-show"),
}
"""Steps that take a new hold of two seats for an adult, a child and an infant into each state."""


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Generate state, command and result of each cell of the page's last table."""
    table = PAGE.read_text().rpartition("\n\n| state")[2].splitlines()
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table if line]
    for state, *answers in rows:
        for command, answer in zip(head[1:], answers, strict=True):
            yield state, command, answer


def result_of(scenario: Scenario, flight_id: UUID, state: str, command: str) -> str:
    """Run a command in a state, check seats, money and passengers, and return the result as in the table."""
    named = "without names" not in PATHS[state]
    hold = InitiateBooking(flight_id, "alice", 2, FAMILY) if named else InitiateBooking(flight_id, "alice", 2)
    booking = scenario.when(hold)
    for step in PATHS[state]:
        if step.endswith("minutes"):
            scenario.later(minutes=int(step.split()[0]))
        elif step != "without names":
            scenario.when(STEPS[step](booking))
            assert not isinstance(scenario.decision, Refusal), scenario.decision
    cost = sum(one.total_cost.amount for one in scenario.bookings.values())
    verdict = scenario.when(COMMANDS[command](booking))
    if isinstance(verdict, Refusal):
        assert scenario.events == []
        return verdict.code
    _check(scenario, flight_id)
    if isinstance(verdict, BookingSplit):
        assert sum(one.total_cost.amount for one in scenario.bookings.values()) == cost
        return f"two {verdict.new.status.value}"
    owed = " + refund" if "booking.refund_due" in scenario.events else ""
    travel = f", {verdict.travel.value}" if verdict.travel else ""
    return f"{verdict.status.value}{travel}{owed}"


def _check(scenario: Scenario, flight_id: UUID) -> None:
    live = [one for one in scenario.bookings.values() if one.status is not Status.CANCELLED]
    for one in live:
        assert not one.passengers or sum(each.has_seat for each in one.passengers) == one.seats
        assert one.payment is None or one.status is not Status.BOOKED or one.payment.amount.amount >= 0
    booked = sum(one.seats for one in live if one.status is Status.BOOKED)
    scenario.then_seats(flight_id, held=sum(one.seats for one in live) - booked, booked=booked)


@pytest.mark.parametrize(("state", "command", "answer"), list(table_rows()))
def test_every_state_has_an_answer_to_every_command(
    scenario: Scenario, flight_id: UUID, state: str, command: str, answer: str
) -> None:
    assert result_of(scenario, flight_id, state, command) == answer


def test_the_table_is_complete() -> None:
    cells = {(state, command) for state, command, _ in table_rows()}
    assert cells == {(state, command) for state in PATHS for command in COMMANDS}
