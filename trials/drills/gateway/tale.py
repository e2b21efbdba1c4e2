"""What the log tells of money: every payment, refund and booking, folded by the judge's own few lines."""

from typing import Any
from uuid import UUID

import msgspec

from trials.checker.log import Event, Log


class Payment(msgspec.Struct):
    """`came`: booked, or late; the rest are the other ways in which it may have ended."""

    id: str
    booking: UUID
    amount: int
    currency: str
    reference: str | None = None
    booked: bool = False
    late: bool = False
    declined: str | None = None
    let_go: bool = False

    @property
    def came(self) -> bool:
        return self.booked or self.late

    @property
    def end(self) -> str:
        """In a word, for sentences and counts."""
        if self.came:
            return "booked" if self.booked else "captured too late"
        if self.declined is not None:
            return "declined"
        return "let go" if self.let_go else "open"


class Refund(msgspec.Struct):
    """`settled`: the gateway's name for it, each time that it was settled."""

    id: str
    payment: str
    booking: UUID
    amount: int
    reason: str
    settled: list[str | None] = []


class Booking(msgspec.Struct):
    """`ended`: why it was cancelled, if it is; `history` are its topics, without `booking.`."""

    id: UUID
    flight: str
    seats: int
    cost: int
    booked: bool = False
    ended: str | None = None
    history: list[str] = []


class Tale(msgspec.Struct):
    payments: dict[str, Payment] = {}
    refunds: dict[str, Refund] = {}
    bookings: dict[UUID, Booking] = {}

    def kept(self, booking: Booking) -> int:
        """Of what was captured for it, what is still ours and what is still owed back."""
        owed = sum(r.amount for r in self.refunds.values() if r.booking == booking.id and not r.settled)
        return owed + (booking.cost if booking.booked else 0)


def tale_of(log: Log) -> Tale:
    tale = Tale()
    for event in log.events:
        kind, _, name = event.topic.partition(".")
        if kind != "booking":
            continue
        if name == "initiated":
            state = event.state
            cost = state["total_cost"]["amount"]
            tale.bookings[event.subject] = Booking(event.subject, state["flight_id"], state["seats"], cost)
        booking = tale.bookings[event.subject]
        booking.history.append(name)
        if name in _BOOKING:
            _BOOKING[name](booking, event.state)
        elif name == "payment_requested":
            amount = event.state["amount"]
            payment_id = event.state["payment_id"]
            tale.payments[payment_id] = Payment(
                payment_id, event.subject, amount["amount"], amount["currency"]
            )
        elif "refund" in name:
            _refund(tale, booking, name, event)
        if payment := tale.payments.get(event.state.get("payment_id", "")):
            _pay(payment, name, event.state)
    return tale


def _booked(booking: Booking, state: dict[str, Any]) -> None:
    booking.booked = True


def _ended(booking: Booking, state: dict[str, Any]) -> None:
    booking.booked = False
    booking.ended = state["reason"]


def _seated_again(booking: Booking, state: dict[str, Any]) -> None:
    booking.ended = None


def _fewer(booking: Booking, state: dict[str, Any]) -> None:
    booking.seats = state["seats"]
    booking.cost = state["total_cost"]["amount"]


_BOOKING = {"booked": _booked, "cancelled": _ended, "reseated": _seated_again, "seats_reduced": _fewer}


def _pay(payment: Payment, name: str, state: dict[str, Any]) -> None:
    match name:
        case "payment_authorised":
            payment.reference = state["reference"]
        case "booked":
            payment.booked = True
        case "refund_due" if state["reason"] == "late_payment":
            payment.late = True
        case "payment_declined":
            payment.declined = state["code"]
        case "payment_voided" | "payment_released":
            payment.let_go = True


def _refund(tale: Tale, booking: Booking, name: str, event: Event) -> None:
    state = event.state
    if name == "refund_due":
        refund_id, amount = state["refund_id"], state["amount"]["amount"]
        tale.refunds[refund_id] = Refund(refund_id, state["payment_id"], booking.id, amount, state["reason"])
    elif name == "refund_settled":
        tale.refunds[state["refund_id"]].settled.append(state["reference"])
