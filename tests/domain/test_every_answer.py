"""The table of docs/reference/payments.md: the result of each command in each state of a booking."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from domain.booking_state import Status
from domain.commands.base import Command
from domain.commands.bookings import (
    CancelBooking,
    CancelWithFlight,
    DenyBoarding,
    ExpireHold,
    InitiateBooking,
    RecordFlown,
    RecordNoShow,
    ReduceSeats,
)
from domain.commands.flights import DepartFlight
from domain.commands.payments import CapturePayment, PayBooking, SettleRefund, VoidPayment
from domain.money import Money
from domain.payments import Capture
from domain.refusals.base import Refusal
from tests.domain.scenario import ALICE, OPERATOR, Scenario

COST = Money(900_00, "GBP")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "payments.md"

COMMANDS: dict[str, Callable[[UUID, Scenario], Command]] = {
    "pay": lambda id, _: PayBooking(id, "alice", COST),
    "authorise": lambda id, _: PayBooking(id, "alice", COST, Capture.MANUAL),
    "capture": lambda id, _: CapturePayment(id),
    "void": lambda id, _: VoidPayment(id, "declined"),
    "give back": lambda id, _: ReduceSeats(id, 1),
    "cancel": lambda id, _: CancelBooking(id),
    "cancel, no refund": lambda id, _: CancelBooking(id, "missed", "none"),
    "client cancels": lambda id, _: CancelBooking(id),
    "expire": lambda id, _: ExpireHold(id),
    "flight cancelled": lambda id, _: CancelWithFlight(id),
    "deny boarding": lambda id, _: DenyBoarding(id, "full"),
    "flown": lambda id, _: RecordFlown(id),
    "no-show": lambda id, _: RecordNoShow(id),
    "settle": lambda id, scenario: SettleRefund(next(iter(scenario.bookings[id].refunds), id)),
}

PATHS: dict[str, tuple[str, ...]] = {
    "initiated": (),
    "initiated, hold over": ("5 minutes",),
    "pending": ("authorise",),
    "pending, hold over": ("authorise", "5 minutes"),
    "pending, time over": ("authorise", "15 minutes"),
    "voided": ("authorise", "void"),
    "booked": ("pay",),
    "cancelled unpaid": ("cancel",),
    "cancelled while pending": ("authorise", "cancel"),
    "hold expired": ("5 minutes", "expire"),
    "payment lapsed": ("authorise", "15 minutes", "expire"),
    "payment lapsed, seats sold": ("authorise", "15 minutes", "expire", "sell"),
    "refund due": ("pay", "cancel"),
    "refunded": ("pay", "cancel", "settle"),
    "hold over, departed": ("1440 minutes",),
    "pending, departed": ("authorise", "1440 minutes"),
    "hold ended by the departure": ("depart",),
    "payment lapsed, departed": ("authorise", "depart"),
    "booked, departed": ("pay", "depart"),
    "flown": ("pay", "depart", "flown"),
    "no-show": ("pay", "1440 minutes", "no-show"),
    "boarding denied": ("pay", "deny boarding"),
    "cancelled without refund": ("pay", "depart", "cancel, no refund"),
}
"""Steps that take a new hold of both seats of the flight into each state."""


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Generate state, command and result of each cell."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    for state, *answers in rows:
        for command, answer in zip(head[1:], answers, strict=True):
            yield state, command, answer


@pytest.mark.parametrize(("state", "command", "answer"), list(table_rows()))
def test_every_state_has_an_answer_to_every_command(
    scenario: Scenario, alices: UUID, flight_id: UUID, state: str, command: str, answer: str
) -> None:
    for step in PATHS[state]:
        _take(step, scenario, alices, flight_id)
    booking = scenario.bookings[alices]
    before, others = booking.status, sum(b.seats for b in scenario.bookings.values()) - booking.seats
    caller = ALICE if command == "client cancels" else OPERATOR
    verdict = scenario.when(COMMANDS[command](alices, scenario), caller)
    if isinstance(verdict, Refusal):
        assert verdict.code == answer
        assert scenario.bookings[alices].status is before
        assert scenario.events == []
    else:
        owed = " + refund" if "booking.refund_due" in scenario.events else ""
        assert verdict.status.value + owed == answer
    status, seats = scenario.bookings[alices].status, scenario.bookings[alices].seats
    held = status in (Status.INITIATED, Status.PENDING)
    scenario.then_seats(flight_id, held=seats * held + others, booked=seats * (status is Status.BOOKED))


def test_the_table_is_complete() -> None:
    cells = {(state, command) for state, command, _ in table_rows()}
    assert cells == {(state, command) for state in PATHS for command in COMMANDS}


def _take(step: str, scenario: Scenario, booking_id: UUID, flight_id: UUID) -> None:
    if step.endswith("minutes"):
        scenario.later(minutes=int(step.split()[0]))
    elif step == "depart":
        scenario.when(DepartFlight(flight_id))
    elif step == "sell":
        scenario.when(InitiateBooking(flight_id, "bob", 1))
    else:
        scenario.when(COMMANDS[step](booking_id, scenario))
    assert not isinstance(scenario.decision, Refusal), scenario.decision
