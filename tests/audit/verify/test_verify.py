"""Verify passes on real work and reports the right position for each change by a superuser."""

import asyncio
import itertools
from typing import Any
from uuid import UUID

import pytest

import audit.verify
from tests.audit.verify.verified import verify
from tests.desk import Desk

ZEROES = "00000000-0000-0000-0000-000000000000"


async def test_all_holds_after_real_work(log: list[UUID], database_url: str) -> None:
    result = verify(database_url)
    assert (result.ok, result.checked, result.first_bad_position) == (True, 8, None)


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_the_ranges_make_no_difference(
    log: list[UUID], tamper: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("audit.verify.EVENTS_AT_ONCE", at_once)
    result = verify(database_url)
    assert (result.ok, result.checked) == (True, 8)
    tamper("update ledger.events set actor = 'mallory' where position = 6")
    assert verify(database_url).first_bad_position == 6


async def test_an_empty_ledger_holds(database_url: str) -> None:
    assert verify(database_url).ok


EDITS = [
    ("state = replace(state, '\"seats\":1', '\"seats\":2')", 3),
    ("actor = 'mallory'", 3),
    ("operation = 'cancel_booking'", 3),
    ("causation_id = 'other'", 3),
    ("correlation_id = 'other'", 3),
    ("traceparent = 'other'", 3),
    ("recorded_at = recorded_at + interval '1 microsecond'", 3),
    ("topic = 'booking.cancelled'", 3),
    ("originator_version = 9", 3),
    (f"originator_id = '{ZEROES}'", 3),
    ("ordinal = 2", 3),
    ("command_hash = sha256('')", 3),
    ("hash = sha256('')", 3),
]


@pytest.mark.parametrize(("edit", "position"), EDITS, ids=[edit.split()[0] for edit, _ in EDITS])
async def test_an_edited_event_is_named(
    log: list[UUID], tamper: Any, database_url: str, edit: str, position: int
) -> None:
    tamper(f"update ledger.events set {edit} where position = {position}")
    assert verify(database_url).first_bad_position == position


@pytest.mark.parametrize("position", [1, 4, 7])
async def test_a_deleted_event_is_named(
    log: list[UUID], tamper: Any, database_url: str, position: int
) -> None:
    tamper(f"delete from ledger.events where position = {position}")
    assert verify(database_url).first_bad_position == position


async def test_recorded_commands_reveal_a_deleted_tail(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    tamper("delete from ledger.events where position >= 7")
    assert verify(database_url).first_bad_position == 7


async def test_the_views_reveal_a_tail_deleted_with_its_commands(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    tamper(
        "delete from ledger.events where position >= 7; delete from ledger.commands where last_position >= 7"
    )
    result = verify(database_url)
    assert not result.ok
    assert result.first_bad_position in (6, 7)


async def test_an_inserted_event_is_named(log: list[UUID], tamper: Any, database_url: str) -> None:
    tamper(
        "insert into ledger.events select 9, originator_id, 9, topic, state, actor, operation, ordinal,"
        " 'more', correlation_id, traceparent, recorded_at, command_hash, hash"
        " from ledger.events where position = 8"
    )
    assert verify(database_url).first_bad_position == 9


async def test_swapped_events_are_named(log: list[UUID], tamper: Any, database_url: str) -> None:
    tamper(
        "update ledger.events set position = -position where position in (3, 4);"
        "update ledger.events set position = position + 7 where position < 0"
    )
    assert verify(database_url).first_bad_position == 3


BESIDE = [
    ("update ledger.bookings set status = 'booked' where user_id = 'bob'", 3),
    ("update ledger.bookings set cancel_reason = null where user_id = 'alice'", 8),
    ("delete from ledger.bookings where user_id = 'carol'", 4),
    (
        f"insert into ledger.bookings select '{ZEROES}', flight_id, 'eve', 1, 1, 'INR', 'booked', null,"
        " expires_at, null, null, 1, created_at, updated_at from ledger.bookings limit 1",
        9,
    ),
    (
        "insert into ledger.bookings select 'ffffffff-ffff-ffff-ffff-ffffffffffff', flight_id, 'eve', 1, 1,"
        " 'INR', 'booked', null, expires_at, null, null, 1, created_at, updated_at from ledger.bookings"
        " limit 1",
        9,
    ),
    ("update ledger.refunds set settled_at = now()", 8),
    ("update ledger.refunds set amount = 1", 8),
    ("delete from ledger.refunds", 8),
    (
        f"insert into ledger.refunds select '{ZEROES}', booking_id, flight_id, user_id, payment_id, 1, 'INR',"
        " reason, due_at from ledger.refunds",
        8,
    ),
    (
        f"insert into ledger.refunds select '{ZEROES}', '{ZEROES}', flight_id, 'eve', payment_id, 1, 'INR',"
        " reason, due_at from ledger.refunds",
        9,
    ),
    ("update ledger.flights set price_amount = 1", 1),
    ("delete from ledger.flights", 1),
    ("update ledger.seats set held = held + 1", 8),
    ("delete from ledger.seats", 8),
    (f"insert into ledger.seats values ('{ZEROES}', 1, 0, 0)", 9),
    ("update ledger.commands set body = '{}' where first_position = 3", 3),
    ("update ledger.commands set status = 500 where first_position = 3", 3),
    ("update ledger.commands set fingerprint = sha256('') where first_position = 3", 3),
    ("update ledger.commands set key = 'other' where first_position = 3", 3),
    ("delete from ledger.commands where first_position = 3", 3),
    ("update ledger.commands set last_position = 5 where first_position = 5", 6),
    ("update ledger.commands set last_position = 99 where first_position is null", 9),
    (
        "insert into ledger.commands select 'eve', operation, key, fingerprint, status, body, subject_id,"
        " version, 3, 3, correlation_id, recorded_at from ledger.commands where first_position = 4",
        3,
    ),
    (
        "insert into ledger.commands select 'eve', operation, key, fingerprint, status, body, subject_id,"
        " version, 6, 6, correlation_id, recorded_at from ledger.commands where first_position = 4",
        9,
    ),
]


@pytest.mark.parametrize(("statement", "position"), BESIDE)
async def test_tables_beside_the_log_must_agree_with_it(
    log: list[UUID], tamper: Any, database_url: str, statement: str, position: int
) -> None:
    tamper(statement)
    assert verify(database_url).first_bad_position == position


async def test_the_lowest_of_several_divergences_is_named(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    stranger = BESIDE[3][0]
    tamper(f"{stranger}; update ledger.bookings set version = 7; update ledger.flights set version = 7")
    assert verify(database_url).first_bad_position == 1
    tamper("update ledger.flights set version = 1")
    assert verify(database_url).first_bad_position == 3


async def test_verify_reads_one_snapshot_while_the_ledger_is_written(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.verify.EVENTS_AT_ONCE", 10)
    flights = [await desk.schedule(f"BA{n}", seats=1000) for n in range(1, 11)]

    async def write() -> None:
        for n in itertools.count():
            await desk.hold(flights[n % len(flights)], f"user-{n}")

    writing = asyncio.create_task(write())
    results = [await asyncio.to_thread(audit.verify.verify, database_url, workers=1) for _ in range(5)]
    writing.cancel()
    assert all(result.ok for result in results)
    heads = [result.checked for result in results]
    assert len(set(heads)) == len(heads)
