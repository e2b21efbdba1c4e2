"""Payments through a gateway, folded from the log: what was requested, and how each one ended."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from trials.checker.log import Event


class Payment(msgspec.Struct):
    """`booking` is the first one, and `amount` the sum of all shares.

    `booked` and `late` are captured; the other ends are `declined`, with a code, and `released`.
    """

    id: str
    booking: UUID
    amount: int
    currency: str
    reference: str | None = None
    booked: bool = False
    late: bool = False
    declined: str | None = None
    released: bool = False

    @property
    def captured(self) -> bool:
        return self.booked or self.late

    @property
    def end(self) -> str:
        """The end in a few words, for sentences and counts."""
        if self.captured:
            return "booked" if self.booked else "captured too late"
        if self.declined is not None:
            return "declined"
        return "let go" if self.released else "open"


def payments_of(events: Iterable[Event]) -> dict[str, Payment]:
    """Return every payment that was requested, by its id."""
    payments: dict[str, Payment] = {}
    for event in events:
        id, name = event.state.get("payment_id", ""), event.topic.removeprefix("booking.")
        if name == "payment_requested":
            amount = event.state["amount"]
            if id in payments:
                # The share of another booking in the payment of their itinerary.
                payments[id].amount += amount["amount"]
            else:
                payments[id] = Payment(id, event.subject, amount["amount"], amount["currency"])
        elif id in payments:
            _follow(payments[id], name, event.state)
    return payments


def _follow(payment: Payment, name: str, state: dict[str, Any]) -> None:
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
            payment.released = True
