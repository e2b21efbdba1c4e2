"""The follower recovers from killed, black-holed and frozen connections."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import analytics.follower.batch
import analytics.follower.follower
import analytics.follower.lag
from analytics.facts import PROJECTIONS
from analytics.facts.bookings import BOOKINGS
from analytics.follower.batch import advance
from database.connection import Connection, connect
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.analytics.conftest import Follow
from tests.analytics.trade import Trade
from tests.own_connections import Follower
from tests.repetitions import times
from tests.waiting import await_until
from trials.torture.proxy import Proxy, Trouble

Rows = Callable[..., list[Any]]
KILLS = times(50, 200)
LEAST = "select min(position) from ledger.facts_builds"
HEAD = "select max(position) from ledger.events"


async def test_a_follower_killed_at_random_points_ends_with_identical_rows(
    trade: Trade, follow: Follow, rows: Rows, facts: Callable[[], Any], database_url: str
) -> None:
    await trade.rush(40)
    dice, killed = random.Random(3), 0
    follower = Follower(database_url, 1)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as killer:
        while killed < KILLS:
            running = asyncio.create_task(follower.run())
            await asyncio.wait({running}, timeout=dice.random() / 50)
            cursor = await killer.execute(KILL)
            killed += cursor.rowcount
            await running
    await follower.close()
    ((least,), (head,)) = rows(LEAST + " union all " + HEAD)
    assert 0 < least < head, "the follower must be killed before it reaches the head"
    await follow(1_000)
    interrupted = facts()
    rows(RESET)
    await follow()
    assert facts() == interrupted


KILL = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'seatledger follower' and datname = current_database()
"""
RESET = """
    truncate ledger.facts_bookings_1, ledger.facts_flights_1, ledger.facts_payments_1,
        ledger.facts_refunds_1, ledger.facts_seat_changes_1;
    update ledger.facts_builds set position = 0, hash = null
"""


async def test_rows_are_rolled_back_with_their_checkpoint(
    trade: Trade, follower: Connection, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(2)
    monkeypatch.setattr(analytics.follower.batch, "_RECORD", "select 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await advance(follower, BOOKINGS, None, 1_000)
    assert rows("select count(*) from ledger.analytics_bookings") == [(0,)]


async def test_a_black_holed_connection_is_replaced(
    trade: Trade, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = conninfo_to_dict(database_url)
    path = f"{server['host']}/.s.PGSQL.{server['port']}"
    proxy = Proxy(lambda: asyncio.open_unix_connection(path), random.Random(1))
    port = await proxy.open()
    monkeypatch.setattr(analytics.follower.follower, "SEVERED_SECONDS", 0.3)
    follower = Follower(make_conninfo(database_url, host="127.0.0.1", port=port))
    await trade.rush(1)
    await follower.run()
    proxy.trouble = Trouble.BLACK_HOLE
    await trade.rush(1)
    started = time.monotonic()
    await follower.run()
    assert time.monotonic() - started < 6
    proxy.trouble = Trouble.NONE
    proxy.reset_all()
    await follower.run()
    await follower.close()
    await proxy.close()
    assert rows(LEAST) == rows(HEAD)


async def test_a_frozen_leader_loses_its_batch_to_the_next(
    trade: Trade, follower: Connection, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(1)
    limits = analytics.follower.batch._LIMITS.replace("'15s'", "'200ms'")
    monkeypatch.setattr(analytics.follower.batch, "_LIMITS", limits)
    frozen = await connect(database_url, "test frozen")
    await frozen.execute("begin")
    await analytics.follower.batch.limit_batch(frozen)
    assert await analytics.follower.batch.lock_checkpoint(frozen, BOOKINGS, None) is not None
    assert await advance(follower, BOOKINGS, None, 1_000) is None

    async def is_leader() -> bool:
        return await advance(follower, BOOKINGS, None, 1_000) is not None

    await await_until(is_leader, 5)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        await frozen.execute("commit")
    await frozen.close()


async def test_the_lag_is_zero_after_concurrent_writes_end(
    trade: Trade, rows: Rows, database_url: str
) -> None:
    follower = Follower(database_url)
    writing = asyncio.create_task(trade.rush(30))
    while not writing.done():
        await follower.run()
        await asyncio.wait({writing}, timeout=0.01)
    await follower.run()
    await follower.close()
    assert rows("select distinct lag_events, lag_seconds from ledger.analytics_checkpoints") == [(0, 0.0)]
    assert len(rows("select 1 from ledger.analytics_checkpoints")) == len(PROJECTIONS)


async def test_projections_whose_checkpoints_are_gone_lag_by_the_whole_log_and_are_made_anew(
    trade: Trade, rows: Rows, database_url: str
) -> None:
    follower = Follower(database_url)
    await trade.rush(2)
    await follower.run()
    before = rows("select * from ledger.analytics_bookings order by 1")
    rows("truncate ledger.facts_builds")
    async with open_ledger(database_url, Settings()) as ledger, ledger.read() as connection:
        found = await analytics.follower.lag.check(connection)
        ((head,),) = rows(HEAD)
        assert {lag.events for lag in await analytics.follower.lag.lags(connection)} == {head}
    assert not found.ok
    assert "bookings MISSING" in found.detail
    await follower.run()
    await follower.run()
    await follower.close()
    assert rows(LEAST) == rows(HEAD)
    assert rows("select * from ledger.analytics_bookings order by 1") == before
    tables = "select count(*) from pg_tables where tablename like 'facts%'"
    assert rows(tables) == [(len(PROJECTIONS) + 1,)]


async def test_any_error_of_one_projection_is_counted_and_leaves_the_others_alone(
    trade: Trade, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance_or_park = analytics.follower.follower.advance_or_park

    async def fails_for_flights(connection: Connection, projection: Any, *rest: Any) -> Any:
        if projection.name == "flights":
            raise UnboundLocalError("last")
        return await advance_or_park(connection, projection, *rest)

    await trade.rush(1)
    follower = Follower(database_url)
    with monkeypatch.context() as broken:
        broken.setattr(analytics.follower.follower, "advance_or_park", fails_for_flights)
        await follower.run()
    assert follower.task.failures == 1
    behind = "select projection from ledger.analytics_checkpoints where lag_events > 0"
    assert rows(behind) == [("flights",)]
    await follower.run()
    await follower.close()
    assert follower.task.error is None
    assert rows(behind) == []
