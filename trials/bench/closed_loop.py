"""One round of load over HTTP: every case once, next to its reference."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from trials.bench import pgbench, wrk
from trials.bench.footprint import cpu_seconds
from trials.bench.traffic import RATE_MAX, SEATS, Traffic
from trials.bench.wrk import LoadResult, Request

NOOP = "trials.bench.noop"
LONE = 1
MANY = 64
"""Connections for comparing one API process with two, and new connections with persistent ones."""

PGBENCH_SECONDS = 2
UNPAID_MIN, UNPAID_SHARE = 5_000, 2

CASES = {
    "book, no-op": "",
    "book, many flights": "book, no-op",
    "book, one hot flight": "book, no-op",
    "book, one process": "book, no-op",
    "book, one hot flight, one process": "book, no-op",
    "pgbench, 1 client": "",
    "book, no-op, new connections": "",
    "book, new connections": "book, no-op, new connections",
    "pay, no-op": "",
    "pay": "pay, no-op",
    "cancel, no-op": "",
    "cancel": "cancel, no-op",
    "read a booking, no-op": "",
    "read a booking": "read a booking, no-op",
    "read a history": "read a booking, no-op",
    "read seats, no-op": "",
    "read seats": "read seats, no-op",
}
"""All cases, each with its reference."""

Loads = dict[str, LoadResult]
"""LoadResult results by case."""


class Urls(NamedTuple):
    """Addresses. `alone` is a single API process on the same ledger; `database` is its connection string."""

    ledger: str
    alone: str
    noop: str
    database: str


class LoadRound:
    def __init__(self, traffic: Traffic, urls: Urls, data: str, connections: int, seconds: int) -> None:
        self._traffic = traffic
        self._urls = urls
        self._data = data
        self._connections = connections
        self._seconds = seconds

    def warm(self) -> None:
        anywhere = self._anywhere()
        for url in (self._urls.ledger, self._urls.alone, self._urls.noop):
            self._load(url, anywhere)

    def measure(self) -> Loads:
        ledger, noop = self._urls.ledger, self._urls.noop
        # New flights each time, so that none becomes full.
        anywhere = self._anywhere()
        loads = {
            "book, no-op": self._load(noop, anywhere),
            "book, many flights": self._load(ledger, anywhere),
            "book, one hot flight": self._hot(ledger),
        }
        if self._connections == MANY:
            loads |= self._comparisons()
        if self._connections == LONE:
            loads["pgbench, 1 client"] = self._pgbench()
        return loads | self._on_new_bookings(loads)

    def _on_new_bookings(self, made: Loads) -> Loads:
        ledger, noop, traffic = self._urls.ledger, self._urls.noop, self._traffic
        # More than were just made: the payment cases must not run out of bookings.
        paces = [made[case].accepted_per_second for case in ("book, many flights", "book, one hot flight")]
        bookings = traffic.unpaid(UNPAID_MIN + int(UNPAID_SHARE * sum(paces) * self._seconds))
        payments, cancellations = traffic.payments(bookings), traffic.cancellations(bookings)
        reads, seats = traffic.booking_reads(bookings), traffic.seat_reads(bookings)
        histories = [read._replace(path=read.path + "/history") for read in reads]
        return {
            "pay": self._load(ledger, payments),
            "pay, no-op": self._load(noop, payments),
            "read a booking, no-op": self._load(noop, reads),
            "read a booking": self._load(ledger, reads),
            "read seats": self._load(ledger, seats),
            "read seats, no-op": self._load(noop, seats),
            "read a history": self._load(ledger, histories),
            "cancel, no-op": self._load(noop, cancellations),
            "cancel": self._load(ledger, cancellations),
        }

    def _comparisons(self) -> Loads:
        anywhere, alone = self._anywhere(), self._urls.alone
        return {
            "book, one process": self._load(alone, anywhere),
            "book, one hot flight, one process": self._hot(alone),
            "book, no-op, new connections": self._load(self._urls.noop, anywhere, persistent=False),
            "book, new connections": self._load(self._urls.ledger, anywhere, persistent=False),
        }

    def _pgbench(self) -> LoadResult:
        pace = pgbench.book(self._urls.database, clients=1, seconds=PGBENCH_SECONDS, hot=False)
        return LoadResult(pace.per_second, 0, 0, pace.p50_ms, pace.p99_ms, 0.0)

    def _anywhere(self) -> list[Request]:
        return self._traffic.bookings_anywhere(self._flights())

    def _hot(self, url: str) -> LoadResult:
        """Book one flight with all connections until it is full, then the next."""
        return self._load(url, self._traffic.bookings(self._flights()), repeat=SEATS)

    def _flights(self) -> list[str]:
        return self._traffic.schedule(RATE_MAX * self._seconds // SEATS)

    def _load(
        self, url: str, requests: Sequence[Request], repeat: int = 1, persistent: bool = True
    ) -> LoadResult:
        server = NOOP if url == self._urls.noop else self._data
        before = cpu_seconds(server)
        loaded = wrk.load(
            url,
            requests,
            connections=self._connections,
            seconds=self._seconds,
            repeat=repeat,
            persistent=persistent,
        )
        accepted = loaded.accepted_per_second * self._seconds
        cpu_us = (cpu_seconds(server) - before) * 1e6 / max(accepted, 1)
        return msgspec.structs.replace(loaded, cpu_us=cpu_us)
