"""The judge of waiting lists: nobody is passed over, and at rest nobody waits for seats that are free."""

from datetime import datetime
from itertools import takewhile
from uuid import UUID

from ledger.log import RecordedEvent
from ledger.records import RecordedCommand
from trials.simulation.model import Model
from trials.simulation.violation import require

_MOVES = frozenset(
    {
        "booking.cancelled",
        "booking.initiated",
        "booking.seats_reduced",
        "flight.seats_changed",
        "waiting.joined",
    }
)
"""After these the ledger has looked at all due holds of a flight on which somebody waits."""


class LineJudge:
    """Follows the log beside the model. What the ledger does besides a command bears that one's correlation
    id, so that the end of such a group is a moment of rest.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._correlation_id = ""
        self._at: datetime | None = None
        self._moved: dict[UUID, bool] = {}
        self._offered: set[UUID] = set()

    def before(self, recorded: RecordedCommand) -> None:
        if recorded.correlation_id != self._correlation_id:
            self.rest()
        self._correlation_id, self._at = recorded.correlation_id, recorded.recorded_at

    def before_event(self, event: RecordedEvent) -> None:
        """The skip rule, the offer's hold right behind it, and no newcomer before those who wait."""
        model, fields = self._model, event.decoded()
        if event.topic == "waiting.offered":
            party = model.parties[event.originator_id]
            for earlier in takewhile(lambda one: one is not party, model.line(party.flight_id)):
                require(earlier.seats > party.seats, f"somebody is passed over at {event.position}")
            free, flight = model.free(party.flight_id, event.recorded_at), model.flights[party.flight_id]
            require(party.seats <= free, f"{party.seats} seats are offered at {event.position}, {free} free")
            require(not flight.gone(event.recorded_at), f"an offer for a closed flight at {event.position}")
            self._offered.add(fields.booking_id)
        if event.topic in ("booking.initiated", "booking.reseated") and event.operation != "hold_offer":
            # A booking that is made now is not in the model yet.
            flight_id = getattr(fields, "flight_id", None) or model.flight_of(event.originator_id)
            free = model.free(flight_id, event.recorded_at)
            for party in model.line(flight_id):
                require(party.seats > free, f"a newcomer takes seats before a party at {event.position}")
        if event.topic == "booking.initiated" and event.operation == "hold_offer":
            party = next(p for p in model.parties.values() if p.booking_id == event.originator_id)
            require(
                (fields.flight_id, fields.user_id, fields.seats)
                == (party.flight_id, party.user_id, party.seats),
                f"the hold at {event.position} is not what was offered",
            )
            self._offered.discard(event.originator_id)

    def follow(self, event: RecordedEvent) -> None:
        flight_id = self._model.flight_of(event.originator_id)
        self._moved[flight_id] = self._moved.get(flight_id, False) or event.topic in _MOVES

    def rest(self) -> None:
        """No party fits into what is free; where seats have just moved, due holds are free as well."""
        require(not self._offered, "an offer has no hold")
        for flight_id, moved in self._moved.items():
            flight, now = self._model.flights[flight_id], self._at
            assert now is not None
            if flight.gone(now):
                require(not (flight.cancelled and self._model.line(flight_id)), "they wait for no flight")
                continue
            seats, held, booked = self._model.written(flight_id)
            free = self._model.free(flight_id, now) if moved else seats - held - booked
            for party in self._model.line(flight_id):
                require(party.seats > free, f"{free} seats are free, and a party of {party.seats} waits")
        self._moved.clear()
