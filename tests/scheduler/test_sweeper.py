"""The sweeper: each slot is due once by the database's clock; a lost database is logged."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from loguru import logger
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import ledger.sweeps
import scheduler.sweeper
from api.readiness import check_readiness
from database.job_slots import Heartbeat
from ledger.ledger import Ledger
from scheduler.sweeper import JOB, Sweeper
from tests.scheduler.airline import Airline
from tests.waiting import await_until

SLOT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HALF_HOURLY = "*/30 * * * *"


@pytest.fixture
def told() -> Iterator[Callable[[], list[str]]]:
    """Collect this program's log events in order, without those of libraries."""
    messages: list[str] = []

    def write(message: Any) -> None:
        if "logger" not in message.record["extra"]:
            messages.append(message.record["message"])

    sink = logger.add(write, format="")
    yield lambda: messages
    logger.remove(sink)


async def test_the_latest_slot_is_due_after_the_first_heartbeat_only(
    airline: Airline, database_url: str
) -> None:
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    assert not sweeper.is_due()
    await sweeper.heartbeat()
    assert sweeper.is_due()
    await sweeper.sweep()
    assert not sweeper.is_due()
    await sweeper.heartbeat()
    assert not sweeper.is_due()


async def test_an_empty_cron_means_heartbeats_and_no_sweeps(airline: Airline, database_url: str) -> None:
    sweeper = Sweeper(airline.ledger, database_url, "")
    await sweeper.heartbeat()
    assert not sweeper.is_due()
    await sweeper.sweep()
    assert await airline.ask("select name from ledger.heartbeats") == [("scheduler",)]
    assert await airline.runs() == []


async def test_the_database_clock_decides_the_slot(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhen(*_: object) -> Heartbeat:
        return Heartbeat(SLOT + timedelta(minutes=10), SLOT - timedelta(hours=3))

    monkeypatch.setattr(scheduler.sweeper, "record_heartbeat", elsewhen)
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.heartbeat()
    await sweeper.sweep()
    assert await airline.runs() == [(SLOT, 0)]


@pytest.mark.parametrize("recorded", [(JOB, "now() + interval '1 year'"), ("another", "now()")])
async def test_a_future_slot_or_another_job_delays_no_sweep(
    airline: Airline, database_url: str, recorded: tuple[str, str]
) -> None:
    job, slot = recorded
    await airline.owner.execute(f"insert into ledger.job_runs values ('{job}', {slot}, now(), 0)")
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.heartbeat()
    assert sweeper.is_due()


async def test_one_run_covers_all_slots_missed_in_a_stall(airline: Airline, database_url: str) -> None:
    await airline.owner.execute(
        "insert into ledger.job_runs values ('expire_holds', now() - interval '1 day', now(), 0)"
    )
    await airline.due_holds(2)
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.heartbeat()
    assert sweeper.is_due()
    await sweeper.sweep()
    await sweeper.heartbeat()
    assert not sweeper.is_due()
    assert [done for _, done in await airline.runs()] == [0, 2]


async def test_a_failed_sweep_is_due_again_after_the_next_heartbeat(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(ledger: Ledger, slot: datetime) -> int:
        raise scheduler.sweeper.Unavailable

    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.heartbeat()
    with monkeypatch.context() as broken:
        broken.setattr(ledger.sweeps, "expire_holds", fails)
        await sweeper.sweep()
    assert not sweeper.is_due()
    await sweeper.heartbeat()
    assert sweeper.is_due()
    await sweeper.sweep()
    assert len(await airline.runs()) == 1


async def test_the_loss_and_return_of_the_database_are_each_logged_once(
    airline: Airline, database_url: str, server_url: str, told: Callable[[], list[str]]
) -> None:
    name = str(conninfo_to_dict(database_url)["dbname"])
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.heartbeat()
    switch_off(server_url, name)
    for _ in range(3):
        await sweeper.heartbeat()
    await sweeper.sweep()
    switch_on(server_url, name)
    await until_it_answers(airline.ledger)
    await sweeper.heartbeat()
    await sweeper.sweep()
    await sweeper.heartbeat()
    await sweeper.sweep()
    assert told() == [
        "database.lost",
        "sweep.interrupted",
        "database.back",
        "sweep.done",
    ]


def switch_off(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name)))
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )


def switch_on(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(name)))


async def until_it_answers(ledger: Ledger) -> None:
    async def answers() -> bool:
        return (await check_readiness(ledger)).checks[0].ok

    await await_until(answers)
