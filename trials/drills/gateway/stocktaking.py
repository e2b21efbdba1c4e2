"""Stocktaking: what still moves, what is judged, and whether `verify` agrees."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import psycopg

from gateways.simulator.books import read_books
from trials.checker.calls import Call
from trials.drills.gateway.judge import Count, Evidence
from trials.drills.gateway.site import Site
from trials.torture.names import read_named_log


def moving(url: str) -> dict[str, int]:
    """How much is on its way, by what it waits for; empty when all is at rest."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        return dict(connection.execute(_MOVING).fetchall())


def evidence_of(site: Site, calls: Sequence[Call]) -> Evidence:
    with psycopg.connect(site.server.url, connect_timeout=5) as connection:
        counts = [Count(*row) for row in connection.execute(_COUNTS).fetchall()]
    return Evidence(read_named_log(site.server.url, site.server.data), read_books(site.store), counts, calls)


def keep(site: Site, found: Evidence, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.json").write_bytes(msgspec.json.encode(found))
    for name in ("program.log", "gateway.log"):
        (folder / name).write_bytes((site.folder / name).read_bytes())


_MOVING = """
    select what, count(*) from (
        select gateway_task as what from views.bookings where gateway_task is not null
        union all select 'refund' from views.refunds where status = 'requested'
        union all select 'hold' from views.bookings where held_until is not null
    ) moving group by what
"""

_COUNTS = "select flight_id::text, seats, held, booked from ledger.seats"
