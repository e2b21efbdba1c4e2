"""Reference: the same bookings by the library's application and recorder, as in its tutorial.

A flight and a booking are aggregates, saved in one transaction. A version conflict on the flight is retried.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from psycopg.conninfo import conninfo_to_dict

from trials.bench.pace import Pace, pace_of

FLIGHTS = 200
THREADS = 8
TRIES_MAX = 1_000


class StockFlight(Aggregate):
    def __init__(self, seats: int) -> None:
        self.free = seats

    @event("Held")
    def hold(self, seats: int) -> None:
        if seats > self.free:
            raise ValueError("not enough seats")
        self.free -= seats


class StockBooking(Aggregate):
    def __init__(self, flight_id: UUID, user_id: str, seats: int) -> None:
        self.flight_id, self.user_id, self.seats = flight_id, user_id, seats


class StockBookings(Application[UUID]):
    name = "stock"

    def book(self, flight_id: UUID, user_id: str) -> None:
        """Book one seat. Raises IntegrityError after too many version conflicts."""
        for attempt in range(TRIES_MAX):
            flight: StockFlight = self.repository.get(flight_id)
            flight.hold(1)
            try:
                self.save(flight, StockBooking(flight_id, user_id, 1))
                return
            except IntegrityError:
                if attempt == TRIES_MAX - 1:
                    raise


class Stock:
    """Book many flights with a few threads; more threads are not faster."""

    def __init__(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        self._application = StockBookings(env=_environment(parts))
        flights = [StockFlight(1_000_000) for _ in range(FLIGHTS)]
        self._application.save(*flights)
        self._flights = [flight.id for flight in flights]

    def book(self, seconds: float) -> Pace:
        until = time.perf_counter() + seconds
        with ThreadPoolExecutor(THREADS) as threads:
            began = time.perf_counter()
            tasks = [threads.submit(self._book_until, until, Random(number)) for number in range(THREADS)]
            times = [taken for task in tasks for taken in task.result()]
            return pace_of(times, time.perf_counter() - began)

    def close(self) -> None:
        self._application.close()

    def _book_until(self, until: float, random: Random) -> list[float]:
        times = []
        while (began := time.perf_counter()) < until:
            self._application.book(random.choice(self._flights), "passenger")
            times.append(time.perf_counter() - began)
        return times


def _environment(parts: dict[str, Any]) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts.get("port", 5432)),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts.get("password", "-")),
        "POSTGRES_POOL_SIZE": str(THREADS),
        "POSTGRES_MAX_OVERFLOW": "4",
    }
