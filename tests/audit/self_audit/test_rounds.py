"""Rounds: digests that follow the log equal digests built from scratch, and give no false alarms."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from audit.self_audit import folding, round_state, rounds
from audit.self_audit.rounds import step
from database.connection import Connection, connect
from tests.analytics.trade import Trade
from tests.audit.self_audit.conftest import Audit
from tests.desk import Desk

Rows = Callable[..., list[Any]]
Told = Callable[[], list[str]]

RENEWED = "self_audit.digest_renewed"
"""Logged if a digest does not fit although no row differs; an intact log never causes it."""


@pytest.mark.parametrize("chunk", [7, 1_000])
async def test_batches_make_no_difference(
    trade: Trade,
    auditor: Connection,
    audit: Audit,
    rows: Rows,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
) -> None:
    monkeypatch.setattr(folding, "CHUNK", chunk)
    monkeypatch.setattr(rounds, "CHUNK", chunk)
    monkeypatch.setattr(folding, "RANGE_ROWS", 40)
    for _ in range(3):
        await trade.rush(2)
        await trade.answer_by_gateway()
        assert (await audit()).ok
    assert RENEWED not in told()
    ranges = "select first, last, rows, digest from ledger.audited_ranges order by first"
    followed = rows(ranges)
    async with auditor.transaction():
        for first, last, *_ in followed:
            assert await folding.refold_range(auditor, first, last, 0) is None
    assert rows(ranges) == followed
    counts = "select flight_id, seats, held, booked from {} order by 1"
    assert rows(counts.format("ledger.audited_seats")) == rows(counts.format("ledger.seats"))
    last = rows("select max(last::text) from ledger.audited_ranges")
    assert last == [("ffffffff-ffff-ffff-ffff-ffffffffffff",)]


async def test_no_difference_is_seen_while_the_ledger_is_written(
    desk: Desk, audit: Audit, told: Told
) -> None:
    flight = await desk.schedule(seats=1000)

    async def write() -> None:
        for n in range(120):
            held = await desk.hold(flight, f"user-{n}")
            await desk.pay(held.subject_id, f"user-{n}")

    writing = asyncio.create_task(write())
    stands = [await audit() for _ in range(3)]
    while not writing.done():
        stands.append(await audit())
    await writing
    assert all(found.ok for found in stands)
    assert RENEWED not in told()
    assert stands[-1].position > stands[0].position


async def test_refolding_ranges_in_turn_finds_an_edited_event(
    log: Any, audit: Audit, rows: Rows, tamper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await audit()).ok
    tamper("update ledger.events set state = replace(state, '\"seats\":1', '\"seats\":2') where position = 3")
    assert (await audit()).ok
    monkeypatch.setattr(rounds, "RENEW_SECONDS", 0)
    assert (await audit()).first_bad_position == 3


async def test_a_wrong_digest_is_renewed_without_an_alarm(
    log: Any, audit: Audit, rows: Rows, tamper: Any, told: Told
) -> None:
    await audit()
    tamper("update ledger.audited_ranges set digest = digest + 1")
    assert (await audit()).ok
    assert RENEWED in told()
    assert (await audit()).ok
    assert told().count(RENEWED) == 1


async def test_a_log_restored_from_an_older_backup_resets_the_digests(
    log: Any, desk: Desk, audit: Audit, rows: Rows, tamper: Any, told: Told
) -> None:
    await desk.hold(log[0], "eve")
    assert (await audit()).ok
    tamper(
        "delete from ledger.events where position > 8; delete from ledger.bookings where user_id = 'eve';"
        "update ledger.seats set held = held - 1"
    )
    found = await audit()
    assert (found.ok, found.position) == (True, 8)
    assert "self_audit.begun_anew" in told()


async def test_a_restored_log_that_grew_to_the_same_position_resets_the_digests(
    log: Any, audit: Audit, tamper: Any, told: Told
) -> None:
    assert (await audit()).position == 8
    tamper("update ledger.events set hash = sha256('') where position = 8")
    assert (await audit()).ok
    assert "self_audit.begun_anew" in told()


async def test_one_wrong_digest_is_renewed_a_transaction(
    log: Any, auditor: Connection, audit: Audit, tamper: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "RANGE_ROWS", 1)
    monkeypatch.setattr(folding, "CHUNK", 1)
    monkeypatch.setattr(rounds, "CHUNK", 1)
    await audit()
    tamper("update ledger.audited_ranges set digest = digest + 1")
    await step(auditor, eager=True)
    assert told().count(RENEWED) == 1
    await audit()
    assert told().count(RENEWED) > 2


async def test_an_event_that_cannot_be_folded_is_named_and_stops_the_digests(
    log: Any, audit: Audit, rows: Rows, tamper: Any
) -> None:
    assert (await audit()).position == 8
    tamper(
        "insert into ledger.events select 9, gen_random_uuid(), 1, 'booking.teleported', '{}', actor,"
        " operation, ordinal, 'new', '', '', recorded_at, command_hash, hash from ledger.events limit 1"
    )
    found = await audit()
    assert (found.first_bad_position, found.position) == (9, 8)
    assert "booking.teleported" in (found.reason or "")
    tamper("delete from ledger.events where position = 9")
    assert (await audit()).ok


async def test_a_rest_follows_a_round(log: Any, auditor: Connection) -> None:
    while await step(auditor) == 0:
        pass
    rest = await step(auditor)
    assert 0 < rest <= round_state.REST_SECONDS_MAX


async def test_the_rest_grows_with_the_work_up_to_a_limit(
    log: Any, auditor: Connection, audit: Audit, rows: Rows
) -> None:
    await audit()
    for seconds, rest in ((0.2, 20), (500, round_state.REST_SECONDS_MAX)):
        rows("update ledger.self_audit set seconds = %s, began_at = clock_timestamp()", seconds)
        assert timedelta(seconds=rest - 1) < timedelta(seconds=await step(auditor)) <= timedelta(seconds=rest)


async def test_one_process_at_a_time_does_a_step(
    log: Any, auditor: Connection, audit: Audit, database_url: str, rows: Rows
) -> None:
    async with await connect(database_url, "another") as another:
        async with another.transaction():
            await another.execute("select from ledger.self_audit for update")
            assert await step(auditor, eager=True) == rounds.BUSY_SECONDS
        together = await asyncio.gather(*(step(one, eager=True) for one in (auditor, another)))
    assert 0.0 in together
    assert (await audit()).ok
