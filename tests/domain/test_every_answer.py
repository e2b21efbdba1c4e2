"""The table: every state of a booking against every command, and the answer to each pair."""

from typing import Any
from uuid import UUID

import pytest

from domain.booking import Booking, Status
from domain.commands import CancelBooking, Command, ExpireHold, PayBooking
from domain.money import Money
from domain.refusals import AlreadyPaid, BookingCancelled, HoldExpired, HoldNotDue, PaymentInProgress, Refusal
from tests.domain.scenario import Scenario

COST = Money(900_00, "GBP")

PAY, CANCEL, EXPIRE = "pay", "cancel", "expire"

TABLE: list[tuple[str, str, Status | type[Refusal]]] = [
    # state of the booking    command  answer: the state it leads to, or the refusal
    ("initiated", PAY, Status.BOOKED),
    ("initiated", CANCEL, Status.CANCELLED),
    ("initiated", EXPIRE, HoldNotDue),
    ("initiated, hold due", PAY, HoldExpired),
    ("initiated, hold due", CANCEL, Status.CANCELLED),
    ("initiated, hold due", EXPIRE, Status.CANCELLED),
    ("pending", PAY, PaymentInProgress),
    ("pending", CANCEL, Status.CANCELLED),
    ("pending", EXPIRE, HoldNotDue),
    ("pending, hold due", PAY, PaymentInProgress),
    ("pending, hold due", CANCEL, Status.CANCELLED),
    ("pending, hold due", EXPIRE, HoldNotDue),
    ("booked", PAY, AlreadyPaid),
    ("booked", CANCEL, Status.CANCELLED),
    ("booked", EXPIRE, HoldNotDue),
    ("cancelled on request", PAY, BookingCancelled),
    ("cancelled on request", CANCEL, BookingCancelled),
    ("cancelled on request", EXPIRE, HoldNotDue),
    ("cancelled, hold expired", PAY, HoldExpired),
    ("cancelled, hold expired", CANCEL, BookingCancelled),
    ("cancelled, hold expired", EXPIRE, HoldNotDue),
]
STATES = sorted({state for state, _, _ in TABLE})
COMMANDS = {PAY: lambda id: PayBooking(id, "alice", COST), CANCEL: CancelBooking, EXPIRE: ExpireHold}


def lead_into(state: str, scenario: Scenario, booking_id: UUID) -> None:
    """Bring a fresh hold into a state."""
    booking = scenario.bookings[booking_id]
    if state.startswith("pending"):
        booking.trigger_event(
            Booking.PaymentPending,
            payment_id=booking_id,
            amount=COST,
            capture="manual",
            timestamp=scenario.now,
        )
        booking.collect_events()
    if state == "booked":
        scenario.when(PayBooking(booking_id, "alice", COST))
    if state == "cancelled on request":
        scenario.when(CancelBooking(booking_id))
    if state.endswith(("hold due", "hold expired")):
        scenario.later(minutes=5)
    if state == "cancelled, hold expired":
        scenario.when(ExpireHold(booking_id))


@pytest.mark.parametrize(("state", "command", "answer"), TABLE)
def test_every_state_has_an_answer_to_every_command(
    scenario: Scenario, alices: UUID, flight_id: UUID, state: str, command: str, answer: Any
) -> None:
    lead_into(state, scenario, alices)
    before = scenario.bookings[alices].status
    make: Any = COMMANDS[command]
    ask: Command = make(alices)
    scenario.when(ask)
    if isinstance(answer, Status):
        assert scenario.verdict.status is answer
    else:
        scenario.then_refused(answer)
        assert scenario.bookings[alices].status is before
        assert scenario.events == []
    assert ("booking.refund_due" in scenario.events) is ((state, command) == ("booked", CANCEL))
    held = scenario.bookings[alices].status in (Status.INITIATED, Status.PENDING)
    booked = scenario.bookings[alices].status is Status.BOOKED
    scenario.then_seats(flight_id, held=2 * held, booked=2 * booked)


def test_the_table_is_complete() -> None:
    assert len(TABLE) == len(STATES) * len(COMMANDS)
    assert {state.partition(",")[0].partition(" ")[0] for state in STATES} == {s.value for s in Status}
