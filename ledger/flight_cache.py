"""The flights that a store remembers, so that a block reads only what is new of them."""

from collections.abc import Iterable
from uuid import UUID

from domain.flight import Flight
from domain.read_set import ReadSet

REMEMBERED_MAX = 512
"""One that is repriced all day has thousands of events."""

LONG_STREAM = 16
"""What is looked up when only the database knows which flights a block touches: a few that are worth it."""


class FlightCache:
    """As the last block left them. Whoever changes one says then to `keep` it, or to `forget` all."""

    def __init__(self) -> None:
        self._flights: dict[UUID, Flight] = {}

    def of(self, wanted: ReadSet) -> list[Flight]:
        """Those that the commands of a block may touch."""
        named = [self._flights[id] for id in wanted.flights if id in self._flights]
        if not wanted.names_flights_indirectly:
            return named
        long = [flight for flight in self._flights.values() if flight.version >= LONG_STREAM]
        return list({flight.id: flight for flight in named + long}.values())

    def keep(self, flights: Iterable[Flight]) -> None:
        """As the log has them now. Whoever was not asked for longest goes first."""
        for flight in flights:
            self._flights.pop(flight.id, None)
            self._flights[flight.id] = flight
        while len(self._flights) > REMEMBERED_MAX:
            del self._flights[next(iter(self._flights))]

    def forget(self) -> None:
        """What was decided on them never happened."""
        self._flights.clear()
