"""The stored tree equals the tree over the log, regardless of how it was extended."""

import asyncio
import random
from typing import Any

import psycopg
import pytest

from audit.proofs import tiles
from audit.proofs.tiles import extend, root_at, subtree_hashes
from audit.proofs.tree import Subtree, consistency_path, inclusion_path, leaf_hash, root_of
from database.connection import connect
from ledger import log
from ledger.chain import lines
from ledger.log import EVENTS, RecordedEvent
from tests.audit.proofs.conftest import MANY


async def extended(url: str) -> None:
    async with await connect(url, "test") as connection:
        while await extend(connection):
            pass


def leaves(rows: Any) -> list[bytes]:
    """Computed in Python from the log."""
    found = rows(f"select {EVENTS.names} from ledger.events order by position")
    return [leaf_hash(lines(RecordedEvent(*row))) for row in found]


async def hashes(url: str, subtrees: list[Subtree]) -> list[bytes]:
    async with await connect(url, "test") as connection:
        return await subtree_hashes(connection, subtrees)


async def test_a_short_log_needs_no_tiles(log: list[Any], rows: Any, database_url: str) -> None:
    await extended(database_url)
    assert rows("select count(*) from ledger.tiles") == [(0,)]
    for size in range(9):
        assert await hashes(database_url, [(0, size)]) == [root_of(leaves(rows)[:size])]


@pytest.mark.parametrize("count", [255, 256, 257, 511, 512, 1000])
async def test_roots_and_paths_are_those_of_the_log(count: int, rows: Any, database_url: str) -> None:
    rows(MANY, 1, count)
    await extended(database_url)
    known = leaves(rows)
    wanted = [(0, size) for size in {1, 2, 255, count - 1, count} if size <= count]
    for index in random.Random(count).sample(range(count), 10):
        wanted += inclusion_path(index, count) + consistency_path(index + 1, count)
    assert await hashes(database_url, wanted) == [root_of(known[a:b]) for a, b in wanted]


async def test_three_levels_of_tiles(rows: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILES_MAX", 7)
    last = 65_536 + 256 * 3 + 5
    rows(MANY, 1, 40_000)
    await extended(database_url)
    rows(MANY, 40_001, last)
    await extended(database_url)
    assert rows("select level, count(*) from ledger.tiles group by 1 order by 1") == [(0, 259), (1, 1)]
    known = leaves(rows)
    wanted = [(0, last), (0, 65_536), (0, 65_535), *inclusion_path(65_540, last), *inclusion_path(3, last)]
    assert await hashes(database_url, wanted) == [root_of(known[a:b]) for a, b in wanted]


async def test_any_number_of_followers_add_the_same(rows: Any, database_url: str) -> None:
    rows(MANY, 1, 5_000)
    await asyncio.gather(*(extended(database_url) for _ in range(4)))
    assert await hashes(database_url, [(0, 5_000)]) == [root_of(leaves(rows))]
    assert rows("select count(*) from ledger.tiles") == [(19,)]


async def test_neither_appending_nor_proving_reads_the_whole_log(rows: Any, database_url: str) -> None:
    rows(MANY, 1, 3_000)
    await extended(database_url)
    known = leaves(rows)
    rows("set session_replication_role = replica; delete from ledger.events where position <= 2816")
    rows(MANY, 3_001, 3_100)
    await extended(database_url)
    assert (await hashes(database_url, [(0, 3_000)])) == [root_of(known)]


async def test_a_hole_in_the_log_stops_the_stored_tree(tamper: Any, rows: Any, database_url: str) -> None:
    rows(MANY, 1, 600)
    tamper("delete from ledger.events where position = 300")
    with pytest.raises(tiles.LogMismatch, match="missing from the log between positions 1 and 512"):
        await extended(database_url)
    assert rows("select count(*) from ledger.tiles") == [(0,)]


CHANGES = ["update {} set {} = {}", "delete from {}", "truncate {}"]


@pytest.mark.parametrize(
    ("table", "column"),
    [("tiles", "level"), ("checkpoints", "time"), ("published", "sink"), ("checkpoint_refusals", "at")],
)
@pytest.mark.parametrize("change", CHANGES)
async def test_evidence_is_protected_from_accidental_changes(
    rows: Any, database_url: str, table: str, column: str, change: str
) -> None:
    statement = change.format(f"ledger.{table}", column, column)
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        rows(statement)
    async with await connect(database_url, "test") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement)  # type: ignore[arg-type]


async def test_the_root_of_an_empty_log(database_url: str) -> None:
    async with await connect(database_url, "test") as connection:
        assert await root_at(connection, 0) == root_of([])
        assert await log.read_last_event(connection) is None
