"""Sweeps: due holds are given back, in batches; late, doubled or stumbling sweeps do no harm."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from loguru import logger
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import ledger.jobs
import scheduler.sweeper
from domain.booking import Capture
from domain.commands import CapturePayment, PayBooking
from domain.money import Money
from ledger.block import expiry_of
from ledger.jobs import Pulse, due_holds
from ledger.ledger import Ledger, open_ledger
from ledger.log import stream
from ledger.settings import Settings
from ledger.submission import Submission, neutral
from scheduler.sweeper import JOB, Sweeper, expire_holds
from tests.scheduler.airline import OLGA, Airline

SLOT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HALF_HOURLY = "*/30 * * * *"


@pytest.fixture
def told() -> Iterator[Callable[[], list[str]]]:
    """What was logged, in order."""
    messages: list[str] = []
    sink = logger.add(lambda message: messages.append(message.record["message"]), format="")
    yield lambda: messages
    logger.remove(sink)


async def test_a_due_hold_is_expired_and_its_seats_are_free(airline: Airline) -> None:
    (booking,) = await airline.due_holds(1)
    assert await expire_holds(airline.ledger) == 1
    assert await airline.ask("select id, status, cancel_reason from views.bookings") == [
        (booking, "cancelled", "hold_expired")
    ]
    assert await airline.ask("select held, booked from ledger.seats") == [(0, 0)]


async def test_a_sweep_goes_through_all_holds_one_batch_at_a_time(
    airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.sweeper, "BATCH_MAX", 3)
    await airline.due_holds(10)
    at_once, submit = [0], airline.ledger.submit

    async def watched(submission: Any) -> Any:
        at_once.append(at_once[-1] + 1)
        answer = await submit(submission)
        at_once.append(at_once[-1] - 1)
        return answer

    monkeypatch.setattr(airline.ledger, "submit", watched)
    assert await expire_holds(airline.ledger) == 10
    assert max(at_once) == 3


async def test_sweeps_at_the_same_time_expire_each_hold_once(airline: Airline) -> None:
    await airline.due_holds(20)
    assert sum(await asyncio.gather(*(expire_holds(airline.ledger) for _ in range(4)))) == 20
    assert await airline.expired() == 20


async def test_a_hold_that_the_ledger_refuses_to_expire_holds_up_nobody(
    airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.sweeper, "BATCH_MAX", 2)
    wrong = await airline.due_holds(2)
    await expire_holds(airline.ledger)
    # A view that is wrong about the two oldest: they look due and are not.
    await airline.owner.execute(
        "update views.bookings set held_until = '2020-01-01Z' where id = any(%s)", (wrong,)
    )
    await airline.due_holds(3)
    assert await expire_holds(airline.ledger) == 3


async def test_a_hold_that_a_sweep_tried_too_early_is_expired_by_a_later_one(database_url: str) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=1)) as ledger:
        (booking,) = await Airline(ledger).due_holds(1)
        early = await ledger.submit(expiry_of(booking))
        assert b"hold-not-due" in early.body
        async with asyncio.timeout(10):
            while not await expire_holds(ledger):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_holds_that_still_run_are_not_due(airline: Airline) -> None:
    bookings = await airline.due_holds(2)
    hour = "update views.bookings set held_until = now() + interval '1 hour' where id = %s"
    await airline.owner.execute(hour, (bookings[0],))
    async with airline.ledger.read() as connection:
        assert [hold.booking_id for hold in await due_holds(connection, 10)] == [bookings[1]]


async def test_due_holds_are_listed_from_behind_the_last_one_seen(airline: Airline) -> None:
    bookings = await airline.due_holds(3)
    async with airline.ledger.read() as connection:
        first = await due_holds(connection, 2)
        rest = await due_holds(connection, 2, after=first[-1])
    assert [hold.booking_id for hold in first + rest] == bookings


async def test_what_the_log_has_seen_run_out_is_due_whatever_the_clock_says(airline: Airline) -> None:
    await airline.due_holds(1)
    await airline.owner.execute("update views.bookings set held_until = '2045-01-01Z'")
    await airline.owner.execute("alter table ledger.events disable trigger append_only")
    async with airline.ledger.read() as connection:
        assert await due_holds(connection, 10) == []
        await airline.owner.execute("update ledger.events set recorded_at = '2045-01-01Z' where position = 2")
        assert len(await due_holds(connection, 10)) == 1


@pytest.mark.parametrize("recorded", [(JOB, "now() + interval '1 year'"), ("another", "now()")])
async def test_a_slot_of_the_future_or_of_another_job_holds_no_sweep_up(
    airline: Airline, database_url: str, recorded: tuple[str, str]
) -> None:
    job, slot = recorded
    await airline.owner.execute(f"insert into ledger.job_runs values ('{job}', {slot}, now(), 0)")
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.pulse()
    assert sweeper.is_due()


async def test_due_holds_are_found_by_index_however_many_still_run(airline: Airline) -> None:
    await airline.owner.execute("set enable_seqscan = off")
    plan = await airline.ask("explain " + ledger.jobs._DUE, SLOT, "0" * 32, 9)
    assert any("Index Cond" in line and "held_until <=" in line for (line,) in plan)


async def test_nothing_is_due_before_the_first_pulse_and_the_latest_slot_after_it(
    airline: Airline, database_url: str
) -> None:
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    assert not sweeper.is_due()
    await sweeper.pulse()
    assert sweeper.is_due()
    await sweeper.sweep()
    assert not sweeper.is_due()
    await sweeper.pulse()
    assert not sweeper.is_due()


async def test_an_empty_cron_means_a_pulse_and_no_sweeps(airline: Airline, database_url: str) -> None:
    sweeper = Sweeper(airline.ledger, database_url, "")
    await sweeper.pulse()
    assert not sweeper.is_due()
    await sweeper.sweep()
    assert await airline.ask("select name from ledger.heartbeats") == [("scheduler",)]
    assert await airline.runs() == []


async def test_the_database_clock_names_the_slot_and_not_the_machines(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhen(*_: object) -> Pulse:
        return Pulse(SLOT + timedelta(minutes=10), SLOT - timedelta(hours=3))

    monkeypatch.setattr(scheduler.sweeper, "beat", elsewhen)
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.pulse()
    await sweeper.sweep()
    assert await airline.runs() == [(SLOT, 0)]


async def test_slots_missed_in_a_stall_are_made_up_for_at_once_by_one_run(
    airline: Airline, database_url: str
) -> None:
    await airline.owner.execute(
        "insert into ledger.job_runs values ('expire_holds', now() - interval '1 day', now(), 0)"
    )
    await airline.due_holds(2)
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.pulse()
    assert sweeper.is_due()
    await sweeper.sweep()
    await sweeper.pulse()
    assert not sweeper.is_due()
    assert [done for _, done in await airline.runs()] == [0, 2]


async def test_a_sweep_that_failed_is_due_again_at_the_next_pulse(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(ledger: Ledger, slot: datetime) -> int:
        raise scheduler.sweeper.Unavailable

    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.pulse()
    with monkeypatch.context() as broken:
        broken.setattr(scheduler.sweeper, "expire_holds", fails)
        await sweeper.sweep()
    assert not sweeper.is_due()
    await sweeper.pulse()
    assert sweeper.is_due()
    await sweeper.sweep()
    assert len(await airline.runs()) == 1


async def test_a_database_that_is_away_is_told_once_and_its_return_too(
    airline: Airline, database_url: str, server_url: str, told: Callable[[], list[str]]
) -> None:
    name = str(conninfo_to_dict(database_url)["dbname"])
    sweeper = Sweeper(airline.ledger, database_url, HALF_HOURLY)
    await sweeper.pulse()
    switch_off(server_url, name)
    for _ in range(3):
        await sweeper.pulse()
    await sweeper.sweep()
    switch_on(server_url, name)
    await until_it_answers(airline.ledger)
    await sweeper.pulse()
    await sweeper.sweep()
    await sweeper.pulse()
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
    async with asyncio.timeout(20):
        while not (await ledger.readiness()).checks[0].ok:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_payment_that_nobody_captured_in_time_is_swept_with_the_holds(database_url: str) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=1, capture_seconds=1)) as ledger:
        (booking,) = await Airline(ledger).due_holds(1)
        payment = PayBooking(booking, "alice", Money(900_000, "INR"), Capture.MANUAL)
        assert (await ledger.submit(Submission(payment, OLGA, neutral))).status == 200
        assert await expire_holds(ledger) == 0
        async with asyncio.timeout(10):
            while not await expire_holds(ledger):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        late = await ledger.submit(Submission(CapturePayment(booking), OLGA, neutral))
        assert late.status == 200
        async with ledger.read() as connection:
            recorded = await stream(connection, booking)
    assert [event.topic for event in recorded][-3:] == [
        "booking.cancelled",
        "booking.reseated",
        "booking.booked",
    ]
