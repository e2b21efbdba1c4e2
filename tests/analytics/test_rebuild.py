"""A rebuild changes nothing for readers, and an interrupted rebuild continues."""

import asyncio
import contextlib
import dataclasses
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

import analytics.follower.rebuild
from analytics.facts import PROJECTIONS
from analytics.facts.bookings import BOOKINGS
from analytics.facts.projection import Column
from analytics.follower.rebuild import rebuild
from analytics.follower.swap import RebuildStopped
from api.readiness import check_readiness
from tests.analytics.conftest import Follow
from tests.analytics.trade import Trade
from tests.own_connections import Follower
from tests.waiting import await_until

Rows = Callable[..., list[Any]]
Facts = Callable[[], dict[str, list[Any]]]


async def test_a_rebuild_produces_identical_rows(
    trade: Trade, follow: Follow, facts: Facts, database_url: str
) -> None:
    for _ in range(4):
        await trade.rush(3)
        await trade.answer_by_gateway()
        await follow(11)
    before = facts()
    for projection in PROJECTIONS.values():
        done = await rebuild(database_url, projection, lambda _: None)
        assert (done.version, done.position) == (projection.version, done.events)
    assert facts() == before


async def test_readers_never_see_an_error_or_an_incomplete_table(
    trade: Trade, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics.follower.rebuild, "BATCH_MAX", 100)
    await trade.rush(10)
    follower = Follower(database_url)
    await follower.run()
    finished = asyncio.get_running_loop().create_future()
    seen: list[tuple[int, ...]] = []

    async def write() -> None:
        while not finished.done():
            await trade.rush(1, 8)
            await follower.run()

    async def read(level: str) -> None:
        latest = 0
        async with await AsyncConnection.connect(database_url, autocommit=True) as reader:
            await reader.execute(f"set default_transaction_isolation = '{level}'")
            while not finished.done():
                async with reader.transaction():
                    await reader.execute("select 1")
                    await asyncio.wait({finished}, timeout=random.random() / 50)
                    for _ in range(2):
                        (row,) = await (await reader.execute(WHOLE)).fetchall()
                        seen.append(row)
                        assert row[0] >= latest, "the reader saw an older state than before"
                        latest = row[0]

    working = [asyncio.create_task(task) for task in (write(), *map(read, LEVELS * 2))]
    for _ in range(4):
        await rebuild(database_url, BOOKINGS, lambda _: None)
    finished.set_result(None)
    await asyncio.gather(*working)
    await follower.close()
    assert len(seen) > 100
    assert all(versions == events for versions, events in seen)
    assert len(set(seen)) > 3


LEVELS = ["read committed", "repeatable read"]
# Each event of a booking counts once in its row's version, so the sums agree for a complete table.
WHOLE = """
    with seen as (select sum(version) as versions, max(position) as position from ledger.analytics_bookings)
    select versions, (select count(*) from ledger.events
        where topic like 'booking.%' and position <= seen.position) from seen
"""


async def test_a_rebuild_killed_at_any_point_continues_and_ends_with_identical_rows(
    trade: Trade, follow: Follow, facts: Facts, rows: Rows, database_url: str, checkout: Path
) -> None:
    await trade.rush(20)
    await follow()
    before, dice = facts(), random.Random(7)
    positions = []
    for _ in range(8):
        await asyncio.to_thread(run_and_kill, [sys.executable, "-c", SLOW, database_url], checkout, dice)
        positions += rows("select build, position from ledger.facts_builds where not live")
    assert len({build for build, _ in positions}) == 1
    assert positions == sorted(positions)
    done = await rebuild(database_url, BOOKINGS, lambda _: None)
    assert done.events < done.position
    assert facts() == before


def run_and_kill(program: list[str], checkout: Path, dice: random.Random) -> None:
    """Run the program until it reports a few batches, then kill it within the next."""
    killed = subprocess.Popen(program, cwd=checkout, stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    for _ in range(dice.randint(1, 6)):
        killed.stdout.readline()
    with contextlib.suppress(subprocess.TimeoutExpired):
        killed.wait(dice.random() / 100)
    killed.kill()
    killed.communicate()


SLOW = """
import asyncio, sys
import analytics.follower.rebuild as rebuild
from analytics.facts.bookings import BOOKINGS
rebuild.BATCH_MAX = 10
asyncio.run(rebuild.rebuild(sys.argv[1], BOOKINGS, lambda progress: print(progress.done, flush=True)))
"""


async def test_a_rebuild_deploys_a_new_version_and_the_old_one_stops(
    trade: Trade, follow: Follow, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(4)
    await follow()
    ((old,),) = rows("select position from ledger.analytics_checkpoints where projection = 'bookings'")
    new = dataclasses.replace(
        BOOKINGS,
        version=BOOKINGS.version + 1,
        columns=(*BOOKINGS.columns, Column("events", "integer default 7", "Seven")),
    )
    monkeypatch.setitem(PROJECTIONS, "bookings", new)
    await trade.rush(1)
    await follow()
    checks = {check.name: check for check in (await check_readiness(trade.patient)).checks}
    analytics_check = checks["analytics"]
    assert not analytics_check.ok
    assert (
        f"bookings version {BOOKINGS.version} (run `seatledger rebuild bookings`)" in analytics_check.detail
    )
    assert rows("select position from ledger.analytics_checkpoints where projection = 'bookings'") == [(old,)]
    await rebuild(database_url, new, lambda _: None)
    assert rows("select distinct events from ledger.analytics_bookings") == [(7,)]
    assert rows("select version from ledger.analytics_checkpoints where projection = 'bookings'") == [
        (new.version,)
    ]
    # Derived views and their grants stay.
    with psycopg.connect(database_url, options="-c role=seatledger_analyst") as analyst:
        assert analyst.execute("select sum(initiated) from ledger.analytics_funnel").fetchone() is not None


async def test_poison_stops_a_rebuild_and_readers_keep_the_old_table(
    trade: Trade, follow: Follow, rows: Rows, facts: Facts, database_url: str
) -> None:
    await trade.rush(2)
    await follow()
    before = facts()
    rows(
        "insert into ledger.events select max(position) + 1, gen_random_uuid(), 1, 'booking.initiated', '{}',"
        " 'a', 'o', 1, 'k', '', '', now(), '', '' from ledger.events"
    )
    with pytest.raises(RebuildStopped, match="cannot apply the event after"):
        await rebuild(database_url, BOOKINGS, lambda _: None)
    assert facts() == before


async def test_a_long_query_delays_the_swap_but_no_other_query(
    trade: Trade, follow: Follow, rows: Rows, database_url: str
) -> None:
    await trade.rush(1)
    await follow()
    waits: list[str] = []
    async with await AsyncConnection.connect(database_url) as slow:
        await slow.execute(
            "select count(*) from ledger.analytics_bookings"
        )  # keeps its lock until the transaction ends
        task = asyncio.create_task(
            rebuild(database_url, BOOKINGS, lambda p: waits.append(p.waits_for) if p.waits_for else None)
        )

        def is_read_while_the_swap_waits() -> bool:
            assert (
                rows("set statement_timeout = '2s'; select count(*) from ledger.analytics_bookings")
                is not None
            )
            return len(waits) >= 3

        await await_until(is_read_while_the_swap_waits)
        await slow.commit()
    await task
    assert {*waits} <= {"queries that read the old table", "1 transactions that began before it was complete"}


async def test_an_older_transaction_sees_a_complete_table(
    trade: Trade, follow: Follow, database_url: str
) -> None:
    await trade.rush(4)
    await follow()
    waits: list[str] = []
    async with await AsyncConnection.connect(database_url) as reader:
        await reader.execute("set transaction isolation level repeatable read")
        await reader.execute("select 1")  # takes the snapshot
        task = asyncio.create_task(
            rebuild(database_url, BOOKINGS, lambda p: waits.append(p.waits_for) if p.waits_for else None)
        )
        await await_until(lambda: waits or task.done())
        ((versions, events),) = await (await reader.execute(WHOLE)).fetchall()
        assert versions == events > 0
        await reader.commit()
    await task
    assert set(waits) == {"1 transactions that began before it was complete"}


async def test_concurrent_rebuilds_do_not_wait_for_each_other(
    trade: Trade, follow: Follow, database_url: str
) -> None:
    await trade.rush(4)
    await follow()
    waits: list[str] = []
    await asyncio.gather(
        *(
            rebuild(database_url, projection, lambda p: waits.append(p.waits_for) if p.waits_for else None)
            for projection in PROJECTIONS.values()
        )
    )
    assert not [reason for reason in waits if "transactions" in reason]


def test_the_command_reports_each_projection(database_url: str, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "rebuild", "--all", "--json"],
        cwd=checkout,
        env=os.environ | {"DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(line.split('"')[3] for line in done.stdout.splitlines()) == sorted(PROJECTIONS)
    with psycopg.connect(database_url) as connection:
        builds = connection.execute("select distinct build, live from ledger.facts_builds").fetchall()
    assert builds == [(2, True)]
