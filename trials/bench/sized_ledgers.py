"""Ledgers of several sizes, filled through the writer, with sample bookings of each."""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from database.connection import connect_sync
from database.person_tokens import token_sql
from ledger.keyring import Keyring
from trials.bench.fresh import BenchLedger, fresh_folder, ledger_in
from trials.bench.load import load
from trials.bench.process import run

BYTES_EACH = 1_700
"""Disk space per event, including indexes and views, rounded up."""

BYTES_SPARE = 3 * 1024**3
"""Extra disk space per ledger, for the WAL and temporary files of `vacuum` and `verify`."""

SMALL = 100_000
"""Number of events up to which no extra space is needed."""

SAMPLE = 1_000
"""Number of sample bookings per ledger."""


class SampleBooking(NamedTuple):
    """A booking whose `user` made no other."""

    id: UUID
    flight_id: UUID
    user: str
    position: int


class SizedLedger(NamedTuple):
    """A filled ledger, with sample bookings from its whole log. Its server need not run."""

    events: int
    data: Path
    bookings: list[SampleBooking]


def sizes_that_fit(sizes: Sequence[int]) -> tuple[list[int], str]:
    """Return the sizes that fit on the disk, smallest first, and a note about those left out."""
    place, requested = tempfile.gettempdir(), sorted(sizes)
    free = shutil.disk_usage(place).free
    needed = list(accumulate(size * BYTES_EACH + (BYTES_SPARE if size > SMALL else 0) for size in requested))
    fit = [size for size, total in zip(requested, needed, strict=True) if total <= free]
    if fit == requested:
        return fit, ""
    left = ", ".join(f"{size:,}" for size in requested[len(fit) :])
    return (
        fit,
        f"no disk for {left} events: {needed[-1] / 1e9:.0f} GB needed, {free / 1e9:.0f} free in {place}",
    )


@contextmanager
def grown(sizes: Sequence[int]) -> Iterator[list[SizedLedger]]:
    """Fill a ledger of each size. Remove them at the end of the context."""
    with ExitStack() as stack:
        yield [_fill(stack.enter_context(fresh_folder()), size) for size in sizes]


@contextmanager
def running(ledgers: Sequence[SizedLedger]) -> Iterator[list[BenchLedger]]:
    """Run the servers of all ledgers at the same time."""
    with ExitStack() as stack:
        yield [stack.enter_context(ledger_in(ledger.data)) for ledger in ledgers]


def _fill(data: Path, size: int) -> SizedLedger:
    with ledger_in(data) as ledger:
        began = time.monotonic()
        events = run(load(ledger, size))
        print(f"growth: {events:,} events loaded in {time.monotonic() - began:.0f} s", file=sys.stderr)
        with connect_sync(ledger.url, "bench") as connection:
            connection.execute("vacuum analyze")
            return SizedLedger(events, data, _bookings(connection, events, Keyring(ledger.master)))


def _bookings(connection: psycopg.Connection[Any], events: int, keyring: Keyring) -> list[SampleBooking]:
    """Return bookings whose user made no other, so that a list by user has one row at any size."""
    positions = random.sample(range(1, events), min(events - 1, 20 * SAMPLE))
    found = connection.execute(_SOME, (positions, SAMPLE)).fetchall()
    return [
        SampleBooking(id, flight, keyring.decrypt(token) or "", position)
        for id, flight, token, position in found
    ]


_SOME: LiteralString = f"""
    select b.id, b.flight_id, {token_sql("b.user_id")}, e.position
    from ledger.events as e join ledger.bookings as b on b.id = e.originator_id
    where e.position = any(%s) and 1 = (select count(*) from ledger.bookings as o where o.user_id = b.user_id)
    limit %s
"""
