"""Waiting lists: parties are served in their order, and none waits for seats that are free."""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

from trials.checker.log import Event, Outcome
from trials.checker.model import Model

_SEATS_MOVE = frozenset(
    {
        "booking.cancelled",
        "booking.initiated",
        "booking.moved",
        "booking.seats_reduced",
        "flight.overbooking_changed",
        "flight.retimed",
        "flight.seats_changed",
        "waiting.joined",
    }
)
"""After one of these the ledger has expired all due holds of a flight that a party waits for."""


class WaitingLists:
    """Follows the log beside the model.

    The ledger's own commands bear the correlation id of the command that caused them, and the time of its
    block. Between two such groups the lists must be at rest. Commands of sweeps have no cause: two blocks of
    sweeps differ only in their times.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._group = ("", model.time)
        """Correlation id and time."""
        self._moved: dict[str, bool] = {}
        self._offered: set[str] = set()

    def before_command(self, outcome: Outcome) -> Iterator[str]:
        group = (outcome.correlation_id, outcome.recorded_at)
        if group != self._group:
            yield from self.at_rest()
        self._group = group

    def before_event(self, event: Event) -> Iterator[str]:
        """Check the order of offers, the hold behind each offer, and that newcomers stand behind parties."""
        if event.topic == "waiting.offered":
            yield from self._offer(event)
        elif event.topic == "booking.initiated" and event.operation == "hold_offer":
            yield from self._hold(event)
        elif event.operation == "split_booking":
            return  # It takes no seats that were free.
        elif event.topic in ("booking.initiated", "booking.reseated", "booking.moved"):
            # A new booking is not in the model yet.
            flight = event.state.get("flight_id") or self._flight_id(event)
            free = self._model.flights[flight].free(event.recorded_at)
            for party in self._model.waiting(flight):
                if party.seats <= free:
                    yield f"a newcomer takes seats before a waiting party of {party.seats}: {event}"

    def after_event(self, event: Event) -> None:
        if event.topic == "booking.moved":
            self._moved[event.state["from_flight_id"]] = True
        flight = self._flight_id(event)
        moves = event.topic in _SEATS_MOVE and event.operation != "split_booking"
        self._moved[flight] = self._moved.get(flight, False) or moves

    def at_rest(self) -> Iterator[str]:
        """Check that no party fits into the free seats.

        Due holds are free seats as well where seats have moved in this group.
        """
        for booking in self._offered:
            yield f"the offered booking {booking} has no hold"
        self._offered.clear()
        for id, moved in self._moved.items():
            yield from self._flight_at_rest(id, moved, self._group[1])
        self._moved.clear()

    def _flight_at_rest(self, id: str, moved: bool, now: datetime) -> Iterator[str]:
        flight, parties = self._model.flights[id], self._model.waiting(id)
        if flight.is_closed(now):
            if (flight.is_cancelled or flight.is_departure_recorded) and parties:
                yield f"{len(parties)} parties wait for the {flight.row['status']} flight {id} at {now}"
            return
        free = flight.free(now) if moved else flight.sellable - flight.booked - flight.counted_holds
        for party in parties:
            if party.seats <= free:
                yield f"{free} seats of {id} are free, and a party of {party.seats} waits at {now}"

    def _offer(self, event: Event) -> Iterator[str]:
        party = self._model.parties[str(event.subject)]
        flight, now = self._model.flights[party.flight], event.recorded_at
        for earlier in takewhile(lambda each: each is not party, self._model.waiting(party.flight)):
            if earlier.seats <= party.seats:
                yield f"a waiting party of {earlier.seats} is passed over: {event}"
        if party.seats > flight.free(now):
            yield f"{party.seats} seats are offered, {flight.free(now)} are free: {event}"
        if flight.is_closed(now):
            yield f"seats of a closed flight are offered: {event}"
        self._offered.add(event.state["booking_id"])

    def _hold(self, event: Event) -> Iterator[str]:
        subject, state = str(event.subject), event.state
        party = next((each for each in self._model.parties.values() if each.booking == subject), None)
        hold = (state["flight_id"], state["user_id"], state["seats"])
        if party is None or hold != (party.flight, party.user, party.seats):
            yield f"the hold is not what was offered: {event}"
        self._offered.discard(subject)

    def _flight_id(self, event: Event) -> str:
        return str(self._model.flight_of(str(event.subject)).row["id"])
