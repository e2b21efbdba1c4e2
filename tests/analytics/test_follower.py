"""The follower: one leader per projection, poison is parked, restored logs are refused."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loguru import logger

from analytics.facts import PROJECTIONS
from api.readiness import Readiness, check_readiness
from ledger.codec import EVENT_TYPES
from tests.analytics.conftest import Follow
from tests.analytics.trade import Trade
from tests.own_connections import Follower

Rows = Callable[..., list[Any]]
AT = "select projection, position from ledger.analytics_checkpoints"


@pytest.fixture
def alarms() -> Iterator[list[tuple[str, Any]]]:
    """Collect logged errors."""
    errors: list[tuple[str, Any]] = []
    sink = logger.add(lambda m: errors.append((m.record["message"], m.record["extra"])), level="ERROR")
    yield errors
    logger.remove(sink)


def head(rows: Rows) -> int:
    ((position,),) = rows("select max(position) from ledger.events")
    return int(position)


async def run(url: str, batch: int = 5_000) -> None:
    follower = Follower(url, batch)
    await follower.run()
    await follower.close()


async def test_concurrent_followers_apply_each_event_once(
    trade: Trade, database_url: str, rows: Rows, follow: Follow, facts: Callable[[], Any]
) -> None:
    followers = [Follower(database_url, 17) for _ in range(4)]
    for _ in range(5):
        await trade.rush(2)
        await asyncio.gather(*(follower.run() for follower in followers))
    await followers[0].run()
    assert dict(rows(AT)) == dict.fromkeys(PROJECTIONS, head(rows))
    for follower in followers:
        await follower.close()
    live = facts()
    rows(
        "truncate ledger.facts_bookings_1, ledger.facts_flights_1, ledger.facts_payments_1,"
        " ledger.facts_refunds_1, ledger.facts_seat_changes_1;"
        " update ledger.facts_builds set position = 0, hash = null"
    )
    await follow()
    assert facts() == live


async def test_a_poison_event_parks_one_projection_and_the_others_follow(
    trade: Trade, database_url: str, rows: Rows, alarms: list[Any]
) -> None:
    await trade.rush(4)
    poison = head(rows) + 1
    rows(POISON, poison, "booking.initiated", '{"flight_id":"none"}')
    await trade.rush(4)
    for _ in range(3):
        await run(database_url)
    at = {name: head(rows) for name in PROJECTIONS} | dict.fromkeys(("bookings", "seat_changes"), poison - 1)
    assert dict(rows(AT)) == at
    assert [message for message, _ in alarms] == ["projection.parked"] * 6  # two projections, three followers
    readiness = await check_readiness(trade.patient)
    assert readiness.ok
    assert not analytics_check(readiness).ok
    assert f"bookings PARKED at {poison}, " in analytics_check(readiness).detail


async def test_a_follower_logs_poison_once_and_a_fixed_program_continues(
    trade: Trade, database_url: str, rows: Rows, alarms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(2)
    poison = head(rows) + 1
    rows(UPGRADED, poison)
    await trade.schedule()
    follower = Follower(database_url)
    for _ in range(3):
        await follower.run()
    await follower.close()
    assert [extra["projection"] for _, extra in alarms] == ["bookings", "payments", "seat_changes"]
    assert {extra["error"] for _, extra in alarms} == {"unknown topic booking.upgraded"}
    parked = (
        "select distinct position, parked_position from ledger.analytics_checkpoints where error is not null"
    )
    assert rows(parked) == [(poison - 1, poison)]
    monkeypatch.setitem(EVENT_TYPES, "booking.upgraded", object)
    await run(database_url)
    assert rows(parked) == []
    assert dict(rows(AT)) == dict.fromkeys(PROJECTIONS, head(rows))


async def test_a_log_restored_from_an_older_backup_is_refused(
    trade: Trade, database_url: str, rows: Rows, alarms: list[Any]
) -> None:
    await trade.rush(2)
    await run(database_url)
    end = head(rows)
    rows(f"{TAMPERING} delete from ledger.events where position > {end - 5}")
    await run(database_url)
    assert len(alarms) == len(PROJECTIONS)
    errors = rows("select error from ledger.analytics_checkpoints")
    assert all("restored from an older backup" in error for (error,) in errors)
    # The log grows past the checkpoint again, with other events.
    for position in range(end - 4, end + 10):
        rows(POISON, position, "waiting.left", "{}")
    await run(database_url)
    errors = rows("select position, error from ledger.analytics_checkpoints")
    assert all(at == end and "is another than it was" in error for at, error in errors)


async def test_a_reset_connection_is_replaced(
    trade: Trade, database_url: str, rows: Rows, end_sessions: Callable[[str], None]
) -> None:
    follower = Follower(database_url)
    await follower.run()
    end_sessions("seatledger follower")
    await trade.rush(1)
    await follower.run()
    await follower.run()
    await follower.close()
    assert dict(rows(AT)) == dict.fromkeys(PROJECTIONS, head(rows))


async def test_an_old_unapplied_event_is_unhealthy(trade: Trade, rows: Rows) -> None:
    await trade.schedule()
    assert analytics_check(await check_readiness(trade.patient)).ok
    rows(f"{TAMPERING} update ledger.events set recorded_at = now() - interval '1 hour'")
    readiness = await check_readiness(trade.patient)
    assert readiness.ok
    assert not analytics_check(readiness).ok
    assert "flights 1 events, 36" in analytics_check(readiness).detail


def analytics_check(readiness: Readiness) -> Any:
    (check,) = (check for check in readiness.checks if check.name == "analytics")
    assert not check.vital
    return check


TAMPERING = "set session_replication_role = replica;"

POISON = """
    insert into ledger.events values (%s, gen_random_uuid(), 1, %s, %s, 'a', 'o', 1, gen_random_uuid()::text,
        '', '', clock_timestamp(), '', sha256(gen_random_uuid()::text::bytea))
"""

UPGRADED = """
    insert into ledger.events
    select %s, id, version + 1, 'booking.upgraded', '{}', 'a', 'o', 1, 'upgraded', '', '',
        clock_timestamp(), '', sha256('upgraded')
    from ledger.bookings order by id limit 1
"""
