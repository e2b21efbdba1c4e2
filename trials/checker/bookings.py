"""Bookings in the judge's fold: the form that callers see, and what may follow what."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from trials.checker.flights import Flight, Shown
from trials.checker.log import Event

MAY_FOLLOW = {
    "booking.payment_pending": ("initiated",),
    "booking.booked": ("pending",),
    "booking.payment_voided": ("pending",),
    "booking.reseated": ("cancelled",),
    "booking.seats_reduced": ("initiated", "booked"),
}
"""In which states each event may find a booking. Cancelling has sentences of its own."""

_NO_END = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Booking:
    """`reason` is why it was cancelled; `refunds` are in the order in which they fell due."""

    shown: Shown
    flight: Flight
    reason: str | None = None
    refunds: dict[str, Shown] = field(default_factory=dict)

    @classmethod
    def initiated(cls, event: Event, flight: Flight) -> "Booking":
        made = _text(event.recorded_at)
        last = {"status": "initiated", "version": 1, "created_at": made, "updated_at": made, "payment": None}
        booking = cls({"id": str(event.subject), **event.state, **last}, flight)
        booking._hold_until(instant(event.state["expires_at"]))
        return booking

    @property
    def status(self) -> str:
        return str(self.shown["status"])

    @property
    def seats(self) -> int:
        return int(self.shown["seats"])

    @property
    def payment_status(self) -> str | None:
        payment = self.shown["payment"]
        return payment and str(payment["status"])

    def is_due(self, at: datetime) -> bool:
        """Has its hold run out, whether or not anybody has tidied it away?"""
        hold = self.flight.holds.get(self.shown["id"])
        return hold is not None and hold[1] <= at

    def follow(self, event: Event) -> list[str]:
        """What is wrong with this event, one sentence each."""
        self.shown.update(version=event.version, updated_at=_text(event.recorded_at))
        step = _STEPS.get(event.topic)
        if step is None:
            return [f"the judge knows no event {event.topic}: {event}"]
        before = MAY_FOLLOW.get(event.topic, (self.status,))
        wrong = [] if self.status in before else [f"a booking that was {self.status} meets with {event}"]
        return wrong + step(self, event)

    def _payment_pending(self, event: Event) -> list[str]:
        wrong = []
        ends, before = self._ends, event.state.get("capture_before")
        if event.recorded_at >= ends:
            wrong.append(f"a payment is accepted after the hold's end {ends:%H:%M:%S.%f}: {event}")
        if before and instant(before) < ends:
            wrong.append(f"a payment lapses at {before}, before the hold would have: {event}")
        self.shown.update(status="pending", payment={"payment_id": event.state["payment_id"]})
        self._pay(status="pending", capture_before=before)
        self._hold_until(instant(before) if before else ends)
        return wrong

    def _booked(self, event: Event) -> list[str]:
        wrong = []
        if self.is_due(event.recorded_at):
            wrong.append(f"a payment is captured in time, although it was late ({self._ends}): {event}")
        self._leave()
        self.flight.sold[self.shown["id"]] = self.seats
        self.shown["status"] = "booked"
        self._pay(status="captured", capture_before=None)
        return wrong + self.flight.oversold(event)

    def _payment_voided(self, _: Event) -> list[str]:
        self.shown["status"] = "initiated"
        self._pay(status="voided", capture_before=None)
        self._hold_until(instant(self.shown["expires_at"]))
        return []

    def _reseated(self, event: Event) -> list[str]:
        """Seats that the customer gave back, or that went with the flight, are not taken again."""
        wrong = []
        if self.payment_status != "lapsed" or self.reason != "hold_expired" or self.flight.is_cancelled:
            was = f"cancelled by {self.reason}, its payment {self.payment_status}"
            wrong.append(f"a booking that was {was}, is seated again: {event}")
        self.shown["status"], self.reason = "pending", None
        self._pay(status="pending", capture_before=None)
        self._hold_until(_NO_END)
        return wrong + self.flight.oversold(event)

    def _seats_reduced(self, event: Event) -> list[str]:
        wrong = []
        seats, cost = event.state["seats"], event.state["total_cost"]
        if not 0 < seats < self.seats:
            wrong.append(f"{self.seats} seats become {seats}: {event}")
        if cost["amount"] * self.seats != self.shown["total_cost"]["amount"] * seats:
            wrong.append(f"the price of a seat changes from {self.shown['total_cost']}: {event}")
        self.shown.update(seats=seats, total_cost=cost)
        if self.status == "booked":
            self.flight.sold[self.shown["id"]] = seats
        else:
            self._hold_until(self._ends)
        return wrong

    def _cancelled(self, event: Event) -> list[str]:
        before, ends, reason = self.status, self._ends, event.state["reason"]
        self.shown["status"], self.reason = "cancelled", reason
        self._leave()
        if self.payment_status == "pending":
            self._pay(status="lapsed", capture_before=None)
        if before == "cancelled":
            return [f"a booking is cancelled twice: {event}"]
        if reason == "hold_expired" and before == "booked":
            return [f"a hold expires although the booking was {before}: {event}"]
        if reason == "hold_expired" and event.recorded_at < ends:
            return [f"a hold expires before its end {ends:%H:%M:%S.%f}: {event}"]
        if reason == "flight_cancelled" and not self.flight.is_cancelled:
            return [f"a booking is cancelled with a flight that is not: {event}"]
        return []

    def _refund_due(self, event: Event) -> list[str]:
        state = event.state
        told = {name: state[name] for name in ("payment_id", "amount", "reason")}
        whose = {name: self.shown[name] for name in ("flight_id", "user_id")}
        times = {"due_at": _text(event.recorded_at), "settled_at": None}
        row = {"id": state["refund_id"], "booking_id": self.shown["id"], **whose, **told, **times}
        self.refunds[state["refund_id"]] = row | {
            "status": "due",
            "reference": None,
            "gateway": None,
            "refusal": None,
        }
        wrong = self._late(event) if state["reason"] == "late_payment" else []
        if self.status == "cancelled":
            self._pay(status="refund_due")
        return wrong

    def _late(self, event: Event) -> list[str]:
        """Late money is owed only where it could not buy its seats again; a due hold blocks none."""
        if self.payment_status != "lapsed":
            return [f"late money comes for a payment that is {self.payment_status}: {event}"]
        flight = self.flight
        free = flight.seats - flight.booked - flight.held(event.recorded_at)
        if self.reason == "hold_expired" and not flight.is_cancelled and self.seats <= free:
            return [f"late money is owed, although its {self.seats} of {free} free seats were there: {event}"]
        return []

    def _refund_settled(self, event: Event) -> list[str]:
        refund = self.refunds[event.state["refund_id"]]
        settled_at, reference = _text(event.recorded_at), event.state["reference"]
        refund.update(status="settled", settled_at=settled_at, reference=reference)
        if self.status == "cancelled" and all(each["settled_at"] for each in self.refunds.values()):
            self._pay(status="refunded")
        return []

    @property
    def _ends(self) -> datetime:
        """Until when its seats are held; for ever where they are not, or no longer."""
        _, ends = self.flight.holds.get(self.shown["id"], (0, _NO_END))
        return ends

    def _hold_until(self, ends: datetime) -> None:
        self.flight.holds[self.shown["id"]] = (self.seats, ends)

    def _leave(self) -> None:
        self.flight.holds.pop(self.shown["id"], None)
        self.flight.sold.pop(self.shown["id"], None)

    def _pay(self, **told: str | None) -> None:
        """A new object, because forged histories may have none to change."""
        self.shown["payment"] = {**(self.shown["payment"] or {}), **told}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return str(msgspec.to_builtins(moment))


_STEPS: dict[str, Callable[[Booking, Event], list[str]]] = {
    "booking.payment_pending": Booking._payment_pending,
    "booking.booked": Booking._booked,
    "booking.payment_voided": Booking._payment_voided,
    "booking.reseated": Booking._reseated,
    "booking.seats_reduced": Booking._seats_reduced,
    "booking.cancelled": Booking._cancelled,
    "booking.refund_due": Booking._refund_due,
    "booking.refund_settled": Booking._refund_settled,
}
