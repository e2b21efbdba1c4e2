"""Itineraries in the checker's fold: bookings that are made, paid and seated again all together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from trials.checker.bookings import Booking
from trials.checker.flights import Row
from trials.checker.log import Event, Outcome
from trials.checker.model import Model
from trials.checker.prices import total

_STARTS = ("booking.payment_pending", "booking.payment_requested")


@dataclass(slots=True)
class Itinerary:
    """The bookings of one itinerary, in the order of their ids."""

    id: str
    bookings: list[Booking]

    @classmethod
    def of(cls, model: Model, id: str) -> "Itinerary | None":
        found = [one for one in model.bookings.values() if one.row.get("itinerary_id") == id]
        return cls(id, sorted(found, key=lambda one: str(one.row["id"]))) if found else None

    @property
    def live(self) -> list[Booking]:
        return [one for one in self.bookings if one.status != "cancelled"]

    @property
    def user(self) -> str:
        return str(self.bookings[0].row["user_id"])

    @property
    def version(self) -> int:
        return 1 + sum(int(one.row["version"]) - 1 for one in self.bookings)

    @property
    def total_cost(self) -> Row:
        costs = [one.row["total_cost"] for one in self.live or self.bookings]
        return total(costs)

    @property
    def awaiting_money(self) -> list[Booking]:
        """The bookings with an open share in the latest payment."""
        payers = [one for one in self.live if one.row["payment"]] or [
            one for one in self.bookings if one.payment_status == "lapsed"
        ]
        latest = _payment_id(payers[0]) if payers else None
        open_ = (one for one in self.bookings if one.awaits_money)
        return [one for one in open_ if _payment_id(one) == latest]

    def has_seats(self, at: datetime) -> bool:
        """Return whether all late bookings find seats at that instant. A due hold blocks no seats."""
        needed: dict[str, int] = {}
        for one in self.awaiting_money:
            if one.is_due(at) or one.reason == "hold_expired":
                needed[one.flight.row["id"]] = needed.get(one.flight.row["id"], 0) + one.seats
        flights = {one.flight.row["id"]: one.flight for one in self.bookings}
        return all(
            not flights[id].is_closed(at) and seats <= flights[id].free(at) for id, seats in needed.items()
        )

    @property
    def row(self) -> Row:
        """The itinerary as callers see it."""
        rows = [one.row for one in self.bookings]
        live = [one.row for one in self.live] or rows
        payments = [row["payment"] for row in live if row["payment"]]
        lapsed = [payment for payment in payments if payment["status"] == "lapsed"]
        return {
            "id": self.id,
            "user_id": self.user,
            "bookings": rows,
            "total_cost": self.total_cost,
            "status": live[0]["status"],
            "expires_at": min((row["expires_at"] for row in live), key=datetime.fromisoformat),
            "version": self.version,
            "created_at": rows[0]["created_at"],
            "updated_at": max(rows, key=lambda row: datetime.fromisoformat(row["updated_at"]))["updated_at"],
            "payment": (lapsed or payments or [None])[0],
        }


class ItineraryCommands:
    """Follows the log beside the model, and checks each itinerary after every command that touches it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._makers: dict[str, tuple[Any, ...]] = {}
        self._touched: dict[str, list[Event]] = {}
        self._had_seats: dict[str, bool] = {}
        self._outcome: Outcome | None = None

    def before_command(self, outcome: Outcome) -> Iterator[str]:
        yield from self.at_rest()
        self._outcome = outcome

    def before_event(self, event: Event) -> None:
        """Note whether there are seats for late bookings, at the first event of a command on an itinerary."""
        id = self._itinerary_of(event)
        if id and id not in self._touched and (itinerary := Itinerary.of(self._model, id)):
            self._had_seats[id] = itinerary.has_seats(event.recorded_at)

    def after_event(self, event: Event) -> Iterator[str]:
        id, booking = self._itinerary_of(event), self._model.bookings.get(str(event.subject))
        if booking is None or id is None:
            return
        self._touched.setdefault(id, []).append(event)
        if event.topic == "booking.initiated" and event.operation != "split_booking":
            row = booking.row
            maker = (event.command, row["user_id"], row["expires_at"], row["total_cost"]["currency"])
            if self._makers.setdefault(id, maker) != maker:
                yield f"a booking joins an itinerary made by {self._makers[id]}: {event}"

    def at_rest(self) -> Iterator[str]:
        """Check the itineraries that the last command touched."""
        for id, events in self._touched.items():
            itinerary = Itinerary.of(self._model, id)
            assert itinerary is not None
            yield from _all_or_none(itinerary, events)
            yield from self._one_payment(itinerary, events)
            yield from self._late(itinerary, events)
        self._touched.clear()
        self._had_seats.clear()

    def _one_payment(self, itinerary: Itinerary, events: Sequence[Event]) -> Iterator[str]:
        """A command starts one payment, and the shares add up to the cost of the itinerary."""
        started = [event for event in events if event.topic in _STARTS]
        if not started:
            return
        if len({event.state["payment_id"] for event in started}) > 1:
            yield f"one command starts several payments for itinerary {itinerary.id}: {started[-1]}"
        shares = sum(event.state["amount"]["amount"] for event in started)
        body = msgspec.json.decode(self._outcome.body) if self._outcome else {}
        answered = body.get("itinerary", {}).get("total_cost", itinerary.total_cost)
        if shares != answered["amount"]:
            yield f"shares of {shares} are paid for an itinerary of {answered}: {started[-1]}"

    def _late(self, itinerary: Itinerary, events: Sequence[Event]) -> Iterator[str]:
        """Late money is owed only if not all late bookings could be seated again."""
        for event in events:
            is_late = event.topic == "booking.refund_due" and event.state["reason"] == "late_payment"
            booking = self._model.bookings[str(event.subject)]
            if is_late and booking.reason == "hold_expired" and self._had_seats.get(itinerary.id):
                yield f"late money is owed, although all seats of the itinerary were there: {event}"

    def _itinerary_of(self, event: Event) -> str | None:
        booking = self._model.bookings.get(str(event.subject))
        return booking.row.get("itinerary_id") if booking else None


def _payment_id(booking: Booking) -> str | None:
    """Return the id of the latest payment; forged histories may have none."""
    return (booking.row["payment"] or {}).get("payment_id")


def _all_or_none(itinerary: Itinerary, events: Sequence[Event]) -> Iterator[str]:
    """All bookings that are not cancelled have one status and one payment; late ones are seated together."""
    event, live = events[-1], itinerary.live
    paid = {_payment_id(one) for one in live if one.status in ("pending", "booked")}
    if len({one.status for one in live}) > 1 or len(paid) > 1:
        states = [(one.row["id"], one.status) for one in live]
        yield f"some bookings of an itinerary are paid only, {states}: {event}"
    seated = {e.state["payment_id"] for e in events if e.topic == "booking.reseated"}
    expired = [one for one in itinerary.bookings if one.reason == "hold_expired"]
    if any(_payment_id(one) in seated for one in expired):
        yield f"some late bookings of an itinerary are seated again only: {event}"
