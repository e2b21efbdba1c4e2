"""Flights in the checker's fold: the row that callers see, and the bookings that use its seats."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from trials.checker.log import Event

Row = dict[str, Any]
"""A flight, a booking or a refund in the form in which callers see it."""


DELAY_MAX = timedelta(hours=24)
"""A flight whose departure is not recorded may be late by as much, by default."""

SMALL_CHANGE = timedelta(minutes=60)
"""A smaller change of both times needs no answer, by default."""


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def needs_answer(was: Row, now: Row) -> bool:
    """Return whether a customer that agreed to the times `was` has to be asked about `now`."""
    shifts = [abs(instant(now[name]) - instant(was[name])) for name in ("departs_at", "arrives_at")]
    return max(shifts) >= SMALL_CHANGE


def text_of(moment: datetime) -> str:
    return str(msgspec.to_builtins(moment))


def without_local_times(row: Row) -> Row:
    """Return the row without those local times that name the instants of the times beside them."""
    return {name: value for name, value in row.items() if not _repeats(row, name, value)}


def _repeats(row: Row, name: str, value: Any) -> bool:
    if not name.endswith("_local"):
        return False
    # A ledger without its API, as in the simulation, knows no airports.
    return value is None or instant(value) == instant(row[name.removesuffix("_local")])


@dataclass(slots=True)
class Flight:
    row: Row
    natural_key: tuple[str, str, str]
    """Number, origin and day of departure."""
    departs_at: datetime
    holds: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Seats and end of each hold that is not yet booked, cancelled or expired, by booking."""
    sold: dict[str, int] = field(default_factory=dict)
    """Seats of each paid booking."""
    times_before: Row = field(default_factory=dict)
    """The times before the last change of them."""

    @classmethod
    def scheduled(cls, event: Event) -> "Flight":
        fields = dict(event.state)
        day = fields.pop("departure_day", fields["departs_at"][:10])
        departs_at = instant(fields["departs_at"])
        status = "departed" if departs_at <= event.recorded_at else "scheduled"
        fields.pop("backfill", None)
        row = {"id": str(event.subject), **fields, "status": status, "version": 1, "departed_at": None}
        row |= {"overbooking": 0, "departure_day": day}
        return cls(row, (row["number"], row["origin"], day), departs_at)

    @property
    def seats(self) -> int:
        return int(self.row["seats"])

    @property
    def overbooking(self) -> int:
        return int(self.row["overbooking"])

    @property
    def sellable(self) -> int:
        return self.seats + self.overbooking

    @property
    def booked(self) -> int:
        return sum(self.sold.values())

    @property
    def counted_holds(self) -> int:
        """Seats of all holds. A hold that is due counts until it is expired."""
        return sum(seats for seats, _ in self.holds.values())

    def held(self, at: datetime) -> int:
        """Seats of the holds that are not yet due at that instant."""
        return sum(seats for seats, ends in self.holds.values() if ends > at)

    def free(self, at: datetime) -> int:
        return self.sellable - self.booked - self.held(at)

    @property
    def is_cancelled(self) -> bool:
        return bool(self.row["status"] == "cancelled")

    @property
    def is_departure_recorded(self) -> bool:
        return self.row["departed_at"] is not None

    def has_departed(self, at: datetime) -> bool:
        return self.is_departure_recorded or self.departs_at <= at

    def is_closed(self, at: datetime) -> bool:
        """Is it cancelled or departed?"""
        return self.is_cancelled or self.has_departed(at)

    def is_in_the_air(self, at: datetime) -> bool:
        """Is it certain that it has departed?"""
        return self.is_departure_recorded or self.departs_at + DELAY_MAX <= at

    @property
    def route(self) -> tuple[str, str]:
        return self.row["origin"], self.row["destination"]

    @property
    def times(self) -> Row:
        return {name: self.row[name] for name in ("departs_at", "arrives_at")}

    @property
    def live(self) -> list[str]:
        """Bookings that use seats of it."""
        return [*self.holds, *self.sold]

    def follow(self, event: Event) -> list[str]:
        """Apply the event; return what is wrong with it, one sentence each."""
        self.row["version"] = event.version
        if not self.is_cancelled:
            self.row["status"] = "departed" if self.has_departed(event.recorded_at) else "scheduled"
        if event.topic == "flight.retimed":
            return self._retime(event)
        wrong = [f"a cancelled flight is changed: {event}"] if self.is_cancelled else []
        if self.is_in_the_air(event.recorded_at) and event.topic != "flight.departed":
            wrong.append(f"a departed flight is changed: {event}")
        if event.topic == "flight.cancelled":
            self.row["status"] = "cancelled"
            return wrong
        if event.topic == "flight.departed":
            if self.is_departure_recorded:
                wrong.append(f"a flight departs twice: {event}")
            self.row.update(status="departed", departed_at=text_of(event.recorded_at))
            return wrong
        if event.topic == "flight.bookings_moved":
            return wrong
        if event.topic == "flight.overbooking_changed":
            self.row["overbooking"] = event.state["seats"]
        else:
            self.row.update(event.state)
        if self.row.get("cancellation_policy", "") is None:
            del self.row["cancellation_policy"]
        return wrong + self.oversold(event)

    def _retime(self, event: Event) -> list[str]:
        wrong = [f"a closed flight is retimed: {event}"] if self.is_cancelled else []
        if self.is_in_the_air(event.recorded_at):
            wrong.append(f"a departed flight is retimed: {event}")
        if event.state["was"] != self.times:
            wrong.append(f"the flight had the times {self.times}: {event}")
        self.times_before = self.times
        self.row.update(event.state["now"], status="scheduled")
        self.departs_at = instant(self.row["departs_at"])
        self.row["departure_day"] = event.state["departure_day"]
        self.natural_key = (*self.natural_key[:2], event.state["departure_day"])
        if self.departs_at <= event.recorded_at:
            wrong.append(f"a flight gets times in the past: {event}")
        return wrong

    def oversold(self, event: Event) -> list[str]:
        free = self.sellable - self.booked - self.counted_holds
        return [] if free >= 0 else [f"flight {self.row['id']} is oversold by {-free}: {event}"]
