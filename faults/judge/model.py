"""The judge's own fold of the log, which shares no code with the program that it judges."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from faults.judge.log import Event

Shown = dict[str, Any]
"""A flight or a booking in the form in which callers see it."""


@dataclass(slots=True)
class Flight:
    shown: Shown
    booked: int = 0
    holds: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Seats and end of each hold that nobody has paid, cancelled or tidied away."""

    @property
    def seats(self) -> int:
        return int(self.shown["seats"])

    def held(self, at: datetime) -> int:
        """Seats of the holds that still run at that instant."""
        return sum(seats for seats, ends in self.holds.values() if ends > at)

    @property
    def free(self) -> int:
        """Below zero when more is promised than there is, due holds counted as promised."""
        return self.seats - self.booked - sum(seats for seats, _ in self.holds.values())


class Model:
    """All flights and bookings as of the last event applied."""

    def __init__(self) -> None:
        self.flights: dict[str, Flight] = {}
        self.bookings: dict[str, Shown] = {}
        self.time = datetime.min.replace(tzinfo=UTC)
        """That of the last event: the ledger's time is never behind it."""
        self.reasons: dict[str, str] = {}
        """Why each cancelled booking was."""

    def apply(self, event: Event) -> list[str]:
        """What is wrong with this event, one sentence each."""
        self.time = max(self.time, event.recorded_at)
        subject, topic, state = str(event.subject), event.topic, event.state
        if topic == "flight.scheduled":
            shown = {name: value for name, value in state.items() if name != "departure_day"}
            self.flights[subject] = Flight({"id": subject, **shown, "status": "scheduled", "version": 1})
            return []
        if topic.startswith("flight."):
            flight = self.flights[subject]
            flight.shown.update(state, version=event.version)
            return self._oversold(flight, event)
        if topic == "booking.initiated":
            self.bookings[subject] = _new_booking(subject, event)
            flight = self.flights[state["flight_id"]]
            flight.holds[subject] = (state["seats"], instant(state["expires_at"]))
            return self._oversold(flight, event)
        return self._change(self.bookings[subject], event)

    def _change(self, booking: Shown, event: Event) -> list[str]:
        flight = self.flights[booking["flight_id"]]
        before = booking["status"]
        ends = instant(booking["expires_at"])
        booking["version"] = event.version
        booking["updated_at"] = _text(event.recorded_at)
        match event.topic:
            case "booking.payment_pending":
                booking["status"] = "pending"
                booking["payment"] = {"payment_id": event.state["payment_id"], "status": "pending"}
                if before != "initiated":
                    return [f"a booking that was {before} is paid: {event}"]
                if event.recorded_at >= ends:
                    return [f"a payment is accepted after the hold's end {ends:%H:%M:%S.%f}: {event}"]
            case "booking.booked":
                booking["status"] = "booked"
                booking["payment"] = {**booking["payment"], "status": "captured"}
                self._end_hold(flight, booking)
                flight.booked += booking["seats"]
                if before != "pending":
                    return [f"a booking that was {before} is booked: {event}"]
                return self._oversold(flight, event)
            case "booking.cancelled":
                return self._cancel(flight, booking, before, ends, event)
            case "booking.refund_due":
                booking["payment"] = {**booking["payment"], "status": "refund_due"}
            case unknown:
                return [f"the judge knows no event {unknown}: {event}"]
        return []

    def _cancel(self, flight: Flight, booking: Shown, before: str, ends: datetime, event: Event) -> list[str]:
        booking["status"] = "cancelled"
        self.reasons[booking["id"]] = reason = event.state["reason"]
        self._end_hold(flight, booking)
        if before == "booked":
            flight.booked -= booking["seats"]
        if before == "cancelled":
            return [f"a booking is cancelled twice: {event}"]
        if reason == "hold_expired" and before != "initiated":
            return [f"a hold expires although the booking was {before}: {event}"]
        if reason == "hold_expired" and event.recorded_at < ends:
            return [f"a hold expires before its end {ends:%H:%M:%S.%f}: {event}"]
        return []

    def _end_hold(self, flight: Flight, booking: Shown) -> None:
        flight.holds.pop(booking["id"], None)

    def _oversold(self, flight: Flight, event: Event) -> list[str]:
        if flight.free >= 0:
            return []
        return [f"flight {flight.shown['id']} is oversold by {-flight.free}: {event}"]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _new_booking(id: str, event: Event) -> Shown:
    return {
        "id": id,
        **event.state,
        "status": "initiated",
        "version": 1,
        "created_at": _text(event.recorded_at),
        "updated_at": _text(event.recorded_at),
        "payment": None,
    }


def _text(moment: datetime) -> str:
    return str(msgspec.to_builtins(moment))
