"""One round of load over HTTP: every case once, next to its reference."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from trials.bench import pgbench, wrk
from trials.bench.footprint import cpu_seconds
from trials.bench.pace import Pace
from trials.bench.traffic import RATE_MAX, SEATS, Booking, Traffic
from trials.bench.wrk import Request

NOOP_SERVER = "trials.bench.noop"
LONE = 1
MANY = 64
"""Connections for comparing one API process with two, and new connections with persistent ones."""

PGBENCH = "pgbench, 1 client"
PGBENCH_SECONDS = 2
UNPAID_MIN, UNPAID_SHARE = 5_000, 2


class Case(NamedTuple):
    """A kind of requests to a server (a field of Servers), at any number of connections or at one."""

    server: str
    requests: str
    reference: str = ""
    at: int | None = None
    persistent: bool = True


NOOP, NEW = "book, no-op", "book, no-op, new connections"
CASES = {
    NOOP: Case("noop", "book"),
    "book, many flights": Case("ledger", "book", NOOP),
    "book, one hot flight": Case("ledger", "book one flight", NOOP),
    "book, one process": Case("alone", "book", NOOP, at=MANY),
    "book, one hot flight, one process": Case("alone", "book one flight", NOOP, at=MANY),
    NEW: Case("noop", "book", at=MANY, persistent=False),
    "book, new connections": Case("ledger", "book", NEW, at=MANY, persistent=False),
    "pay, no-op": Case("noop", "pay"),
    "pay": Case("ledger", "pay", "pay, no-op"),
    "read a booking, no-op": Case("noop", "read a booking"),
    "read a booking": Case("ledger", "read a booking", "read a booking, no-op"),
    "read a history": Case("ledger", "read a history", "read a booking, no-op"),
    "read seats, no-op": Case("noop", "read seats"),
    "read seats": Case("ledger", "read seats", "read seats, no-op"),
    "cancel, no-op": Case("noop", "cancel"),
    "cancel": Case("ledger", "cancel", "cancel, no-op"),
}
"""The cases in the order in which they are measured, each with its reference."""

Loads = dict[str, Pace]
"""Paces by case."""


class Servers(NamedTuple):
    """Addresses. `alone` is a single API process on the same ledger, in the folder `data`."""

    ledger: str
    alone: str
    noop: str
    database: str
    data: Path


class LoadRound:
    def __init__(self, traffic: Traffic, servers: Servers, connections: int, seconds: int) -> None:
        self._traffic = traffic
        self._servers = servers
        self._connections = connections
        self._seconds = seconds
        self._loads: Loads = {}

    def warm(self) -> None:
        for case in (NOOP, "book, many flights", "book, one process"):
            self._load(CASES[case])

    def measure(self) -> Loads:
        for name, case in CASES.items():
            if case.at in (None, self._connections):
                self._loads[name] = self._load(case)
        if self._connections == LONE:
            self._loads[PGBENCH] = pgbench.book(self._servers.database, 1, PGBENCH_SECONDS)
        return self._loads

    def _load(self, case: Case) -> Pace:
        server = NOOP_SERVER if case.server == "noop" else str(self._servers.data)
        # The requests to one flight are sent until it is full, and then those to the next.
        repeat = SEATS if case.requests == "book one flight" else 1
        requests, url = self._requests(case.requests), getattr(self._servers, case.server)
        before = cpu_seconds(server)
        loaded = wrk.load(
            url, requests, self._connections, self._seconds, repeat=repeat, persistent=case.persistent
        )
        accepted = loaded.per_second * self._seconds
        return msgspec.structs.replace(loaded, cpu_us=(cpu_seconds(server) - before) * 1e6 / max(accepted, 1))

    def _requests(self, kind: str) -> list[Request]:
        traffic = self._traffic
        match kind:
            case "book" | "book one flight":
                # New flights each time, so that none becomes full.
                flights = traffic.schedule(RATE_MAX * self._seconds // SEATS)
                return traffic.bookings(flights) if kind != "book" else traffic.bookings_anywhere(flights)
            case "pay":
                return traffic.payments(self._unpaid)
            case "cancel":
                return traffic.cancellations(self._unpaid)
            case "read a booking":
                return traffic.reads("/bookings/{id}", self._unpaid)
            case "read a history":
                return traffic.reads("/bookings/{id}/history", self._unpaid)
            case _:
                return traffic.reads("/flights/{flight_id}/availability", self._unpaid)

    @cached_property
    def _unpaid(self) -> list[Booking]:
        """More bookings than were just made: the payment cases must not run out of them."""
        paces = self._loads["book, many flights"].per_second + self._loads["book, one hot flight"].per_second
        return self._traffic.unpaid(UNPAID_MIN + int(UNPAID_SHARE * paces * self._seconds))
