"""Flights in the judge's fold: what callers see of them, and to whom their seats are promised."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trials.checker.log import Event

Shown = dict[str, Any]
"""A flight, a booking or a refund in the form in which callers see it."""


@dataclass(slots=True)
class Flight:
    shown: Shown
    holds: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Seats and end of each hold that nobody has paid, cancelled or tidied away; by booking."""
    sold: dict[str, int] = field(default_factory=dict)
    """Seats of each booking that is paid for."""

    @classmethod
    def scheduled(cls, event: Event) -> "Flight":
        told = {name: value for name, value in event.state.items() if name != "departure_day"}
        return cls({"id": str(event.subject), **told, "status": "scheduled", "version": 1})

    @property
    def seats(self) -> int:
        return int(self.shown["seats"])

    @property
    def booked(self) -> int:
        return sum(self.sold.values())

    def held(self, at: datetime) -> int:
        """Seats of the holds that still run at that instant."""
        return sum(seats for seats, ends in self.holds.values() if ends > at)

    @property
    def is_cancelled(self) -> bool:
        return bool(self.shown["status"] == "cancelled")

    @property
    def live(self) -> list[str]:
        """Bookings that use seats of it."""
        return [*self.holds, *self.sold]

    def follow(self, event: Event) -> list[str]:
        """What is wrong with this event, one sentence each."""
        self.shown["version"] = event.version
        wrong = [f"a cancelled flight is changed: {event}"] if self.is_cancelled else []
        if event.topic == "flight.cancelled":
            self.shown["status"] = "cancelled"
            return wrong
        self.shown.update(event.state)
        return wrong + self.oversold(event)

    def oversold(self, event: Event) -> list[str]:
        """More is promised than there is; a due hold counts until somebody has tidied it away."""
        free = self.seats - self.booked - sum(seats for seats, _ in self.holds.values())
        return [] if free >= 0 else [f"flight {self.shown['id']} is oversold by {-free}: {event}"]
