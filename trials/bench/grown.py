"""Ledgers of several sizes, filled through the real writer, and some bookings from all of each log."""

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

from analytics.schema import migrate
from database.embedded import running_database
from database.person_tokens import token_sql
from ledger.keyring import Keyring
from trials.bench.ledgers import Fresh, fresh_folder, sealed
from trials.bench.load import load
from trials.bench.process import run

BYTES_EACH = 1_700
"""What an event takes on disk with all that belongs to it, with some room left."""

BYTES_SPARE = 3 * 1024**3
"""For each ledger: PostgreSQL's own log, and what `vacuum` and `verify` write in passing."""

SMALL = 100_000
"""Events, for which no room to spare is needed."""

SAMPLE = 1_000
"""Bookings."""


class Booking(NamedTuple):
    """`user` is the name of who made it, and made no other."""

    id: UUID
    flight_id: UUID
    user: str
    position: int


class Ground(NamedTuple):
    """One ledger: its data folder, and some of its bookings from all of its log."""

    events: int
    data: Path
    url: str
    master: bytes
    bookings: list[Booking]


def those_that_fit(sizes: Sequence[int]) -> tuple[list[int], str]:
    """The sizes, smallest first, that there is disk for; and a sentence when some are left out."""
    place, wanted = tempfile.gettempdir(), sorted(sizes)
    free = shutil.disk_usage(place).free
    needed = list(accumulate(size * BYTES_EACH + (BYTES_SPARE if size > SMALL else 0) for size in wanted))
    fit = [size for size, total in zip(wanted, needed, strict=True) if total <= free]
    if fit == wanted:
        return fit, ""
    left = ", ".join(f"{size:,}" for size in wanted[len(fit) :])
    return (
        fit,
        f"no disk for {left} events: {needed[-1] / 1e9:.0f} GB wanted, {free / 1e9:.0f} free in {place}",
    )


@contextmanager
def grown(sizes: Sequence[int]) -> Iterator[list[Ground]]:
    """None of them running; gone at the end of the context."""
    with ExitStack() as stack:
        yield [_filled(stack.enter_context(fresh_folder()), size) for size in sizes]


@contextmanager
def running(grounds: Sequence[Ground]) -> Iterator[list[Ground]]:
    """Their servers, all at once."""
    with ExitStack() as stack:
        yield [
            ground._replace(url=stack.enter_context(running_database(None, ground.data)))
            for ground in grounds
        ]


def _filled(data: Path, size: int) -> Ground:
    with running_database(None, data) as url:
        migrate(url)
        master, began = sealed(Fresh(url, data)), time.monotonic()
        events = run(load(url, size, master))
        print(f"growth: {events:,} events loaded in {time.monotonic() - began:.0f} s", file=sys.stderr)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
            return Ground(events, data, url, master, _bookings(connection, events, Keyring(master)))


def _bookings(connection: psycopg.Connection[Any], events: int, keyring: Keyring) -> list[Booking]:
    """Each of somebody who made no other, so that a list of theirs is as long in a ledger of any size."""
    positions = random.sample(range(1, events), min(events - 1, 20 * SAMPLE))
    found = connection.execute(_SOME, (positions, SAMPLE)).fetchall()
    return [Booking(id, flight, keyring.open(token) or "", position) for id, flight, token, position in found]


_SOME: LiteralString = f"""
    select b.id, b.flight_id, {token_sql("b.user_id")}, e.position
    from ledger.events as e join views.bookings as b on b.id = e.originator_id
    where e.position = any(%s) and 1 = (select count(*) from views.bookings as o where o.user_id = b.user_id)
    limit %s
"""
