"""Bookings in the checker's fold: the row that callers see, and the seats of its flight."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from trials.checker.flights import Flight, Row, instant, text_of
from trials.checker.log import Event
from trials.checker.references import expected_reference

NO_END = datetime.max.replace(tzinfo=UTC)


def seats_needed(passengers: list[Row]) -> int:
    return sum(passenger["type"] != "infant_on_lap" for passenger in passengers)


@dataclass(slots=True)
class Booking:
    """`reason` is why it was cancelled; `refunds` are in the order in which they fell due."""

    row: Row
    flight: Flight
    flights: dict[str, Flight]
    """All flights, to which it may be moved."""
    reason: str | None = None
    refunds: dict[str, Row] = field(default_factory=dict)
    forfeited: int = 0
    """What cancellations kept, by the policy or by a smaller refund that an operator stated."""
    topics: list[str] = field(default_factory=list)
    change: Row | None = None
    """The latest change of its flight's times since it was made or the customer accepted one."""

    @classmethod
    def initiated(cls, event: Event, flights: dict[str, Flight]) -> "Booking":
        at = text_of(event.recorded_at)
        last = {"status": "initiated", "version": 1, "created_at": at, "updated_at": at, "payment": None}
        last |= {"travel": None, "schedule_change": None, "passengers": [], "split_from": None}
        names = {"id": str(event.subject), "reference": expected_reference(event.position)}
        booking = cls({**names, **event.state, **last}, flights[event.state["flight_id"]], flights)
        booking.hold_until(instant(event.state["expires_at"]))
        return booking

    @property
    def status(self) -> str:
        return str(self.row["status"])

    @property
    def seats(self) -> int:
        return int(self.row["seats"])

    @property
    def cost(self) -> int:
        """In minor units."""
        return int(self.row["total_cost"]["amount"])

    @property
    def payment_status(self) -> str | None:
        payment = self.row["payment"]
        return payment and str(payment["status"])

    @property
    def awaits_money(self) -> bool:
        """Is a payment authorised, and neither captured nor voided since?"""
        return self.payment_status in ("pending", "lapsed")

    def is_due(self, at: datetime) -> bool:
        """Is its hold over at that instant, expired or not?"""
        hold = self.flight.holds.get(self.row["id"])
        return hold is not None and hold[1] <= at

    @property
    def ends(self) -> datetime:
        """The end of its hold; the end of time for a booking without a hold."""
        _, ends = self.flight.holds.get(self.row["id"], (0, NO_END))
        return ends

    def hold_until(self, ends: datetime) -> None:
        self.flight.holds[self.row["id"]] = (self.seats, ends)

    def leave(self) -> None:
        self.flight.holds.pop(self.row["id"], None)
        self.flight.sold.pop(self.row["id"], None)

    def keep(self, seats: int, total_cost: Row) -> None:
        """Keep these seats at this cost, and give the others back."""
        self.row.update(seats=seats, total_cost=total_cost)
        if self.status == "booked":
            self.flight.sold[self.row["id"]] = seats
        else:
            self.hold_until(self.ends)

    def buy(self) -> None:
        """Turn the held seats into sold ones, and capture the payment."""
        self.leave()
        self.flight.sold[self.row["id"]] = self.seats
        self.row["status"] = "booked"
        self.pay(status="captured", capture_before=None)

    def pay(self, **facts: str | None) -> None:
        """Replace the payment: forged histories may have none to change."""
        self.row["payment"] = {**(self.row["payment"] or {}), **facts}
