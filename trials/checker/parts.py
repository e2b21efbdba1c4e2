"""Parts of a split booking: both sides of a split agree, and no passenger is lost or in both."""

from collections.abc import Mapping

from trials.checker.bookings import Booking
from trials.checker.log import Event

_KEPT = ("itinerary_id", "cancellation_policy")
"""Optional fields that a part has in common with the booking that it left, whatever its flight says now."""


class Parts:
    """Follows the splits of the log beside the bookings of the model."""

    def __init__(self, bookings: Mapping[str, Booking]) -> None:
        self._bookings = bookings
        self._passengers: set[str] = set()
        """Ids of the passengers of the booking that is being split."""
        self._unmade: tuple[str, Event] | None = None
        """The id of the part that the current command still has to make."""

    def before(self, event: Event) -> list[str]:
        """Return what is wrong with the command before the event, if the event begins another one."""
        if event.topic == "booking.split":
            self._passengers = _ids(self._bookings[str(event.subject)])
        left = self._unmade
        if left and event.command != left[1].command:
            self._unmade = None
            return [f"the part {left[0]} of a split is never made: {left[1]}"]
        return []

    def after(self, event: Event) -> list[str]:
        """Return what is wrong with the event of a split, once it is applied."""
        subject = str(event.subject)
        if event.topic == "booking.split":
            self._unmade = event.state["into"], event
        elif event.topic == "booking.split_off":
            return self._compare(subject, event)
        elif event.topic == "booking.passengers_named" and event.operation == "split_booking":
            return self._count(subject, event)
        elif event.topic == "booking.payment_shared":
            whole = self._bookings[str(self._bookings[subject].row["split_from"])]
            paid = whole.status == "booked" and whole.row["payment"]["payment_id"]
            return [] if paid == event.state["payment_id"] else [f"a share in no payment: {event}"]
        return []

    def _compare(self, subject: str, event: Event) -> list[str]:
        """The new booking is what left the other one: seats and money, of the same user and flight."""
        part, left = self._bookings[subject], self._unmade
        self._unmade = None
        if left is None or left[0] != subject or str(left[1].subject) != event.state["split_from"]:
            return [f"a booking is a part of none: {event}"]
        whole, state = self._bookings[event.state["split_from"]], left[1].state
        same = all(part.row[name] == whole.row[name] for name in ("flight_id", "user_id"))
        same &= all(part.row.get(name) == whole.row.get(name) for name in _KEPT)
        moved = (part.seats, part.row["total_cost"]) == (state["moved_seats"], state["moved_cost"])
        return [] if same and moved else [f"a part differs from what left {whole.row}: {event}"]

    def _count(self, subject: str, event: Event) -> list[str]:
        part = self._bookings[subject]
        if part.row["split_from"] is None or part.row["version"] > 3:
            return []  # the other side of the split, which comes first
        whole = self._bookings[str(part.row["split_from"])]
        together = [*_ids(part), *_ids(whole)]
        if len(together) != len(set(together)) or set(together) != self._passengers:
            return [f"the passengers of a split are not those before it: {event}"]
        return []


def _ids(booking: Booking) -> set[str]:
    return {passenger["id"] for passenger in booking.row["passengers"]}
