"""The table of docs/reference/gateway.md: the result of each gateway answer and command in each state."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.booking_state import Status
from domain.caller import SYSTEM
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, CancelWithFlight, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.payments import CapturePayment, PayBooking, RecordPayment, VoidPayment
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from domain.refusals.base import Refusal
from tests.domain.till import Till

COST = Money(900_00, "GBP")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "gateway.md"


def _tells(outcome: str) -> Callable[[Till], Command]:
    return lambda till: RecordPayment(
        till.id, till.booking.current_payment.id, PaymentOutcome(outcome), "pi_1", "generic_decline"
    )


COMMANDS: dict[str, Callable[[Till], Command]] = {
    "authorised": _tells("authorised"),
    "declined": _tells("declined"),
    "captured": _tells("captured"),
    "released": _tells("released"),
    "pay": lambda till: PayBooking(till.id, "alice", COST, payment_method="pm_card_visa"),
    "authorise": lambda till: PayBooking(till.id, "alice", COST, Capture.MANUAL, "pm_card_visa"),
    "capture": lambda till: CapturePayment(till.id),
    "void": lambda till: VoidPayment(till.id, "changed their mind"),
    "give back": lambda till: ReduceSeats(till.id, 1),
    "cancel": lambda till: CancelBooking(till.id),
    "expire": lambda till: ExpireHold(till.id),
    "flight cancelled": lambda till: CancelWithFlight(till.id),
}

PATHS: dict[str, tuple[str, ...]] = {
    "requested": ("pay",),
    "requested, time over": ("pay", "15 minutes"),
    "requested, hold expired": ("pay", "15 minutes", "expire"),
    "requested, hold expired, seats sold": ("pay", "15 minutes", "expire", "sell"),
    "requested, cancelled": ("pay", "cancel"),
    "requested, flight cancelled": ("pay", "flight cancelled"),
    "pending": ("authorise", "authorised"),
    "pending, time over": ("authorise", "authorised", "15 minutes"),
    "pending, hold expired": ("authorise", "authorised", "15 minutes", "expire"),
    "pending, hold expired, seats sold": ("authorise", "authorised", "15 minutes", "expire", "sell"),
    "pending, cancelled": ("authorise", "authorised", "cancel"),
    "capturing": ("pay", "authorised"),
    "capturing, time over": ("pay", "authorised", "15 minutes"),
    "capturing, hold expired": ("pay", "authorised", "15 minutes", "expire"),
    "capturing, hold expired, seats sold": ("pay", "authorised", "15 minutes", "expire", "sell"),
    "capturing, cancelled": ("pay", "authorised", "cancel"),
    "voiding": ("authorise", "authorised", "void"),
    "voiding, time over": ("authorise", "authorised", "void", "15 minutes"),
    "voiding, cancelled": ("authorise", "authorised", "void", "cancel"),
    "declined": ("pay", "declined"),
    "voided": ("authorise", "authorised", "void", "released"),
    "let go after a cancellation": ("pay", "authorised", "cancel", "released"),
    "captured": ("pay", "authorised", "captured"),
}


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Generate state, command and result of each cell."""
    _, _, text = PAGE.read_text().partition("## Every state, answer and command")
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    for state, *answers in rows:
        for command, answer in zip(head[1:], answers, strict=True):
            yield state, command, answer


@pytest.mark.parametrize(("state", "command", "answer"), list(table_rows()))
def test_every_state_has_a_result_for_every_gateway_answer(state: str, command: str, answer: str) -> None:
    till = Till()
    for step in PATHS[state]:
        _take(step, till)
    before = till.booking.status
    others = sum(booking.seats for booking in till.scenario.bookings.values() if booking.id != till.id)
    verdict = till.scenario.when(COMMANDS[command](till), **_said_by(command))
    if isinstance(verdict, Refusal):
        assert (verdict.code, till.booking.status, till.scenario.events) == (answer, before, [])
    else:
        owed = " + refund" if "booking.refund_due" in till.scenario.events else ""
        assert f"{verdict.status.value}, {verdict.current_payment.status.value}{owed}" == answer
    status = till.booking.status
    held = till.booking.seats * (status in (Status.INITIATED, Status.PENDING))
    till.scenario.then_seats(
        till.flight_id, held=held + others, booked=till.booking.seats * (status is Status.BOOKED)
    )


def test_the_table_is_complete() -> None:
    cells = [(state, command) for state, command, _ in table_rows()]
    assert cells == [(state, command) for state in PATHS for command in COMMANDS]


def _take(step: str, till: Till) -> None:
    if step.endswith("minutes"):
        till.scenario.later(minutes=int(step.split()[0]))
    elif step == "sell":
        till.scenario.when(InitiateBooking(till.flight_id, "bob", 1))
    else:
        till.scenario.when(COMMANDS[step](till), **_said_by(step))
    assert not isinstance(till.scenario.decision, Refusal), till.scenario.decision


def _said_by(command: str) -> dict[str, object]:
    return {"caller": SYSTEM} if command in {outcome.value for outcome in PaymentOutcome} else {}
