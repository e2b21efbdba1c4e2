"""Verification over HTTP of the whole log or a part, on a program of its own."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.contract.conftest import serve
from tests.contract.people import SECRET


@pytest.fixture(scope="module")
def program(server_url):
    """Server on a database of its own with a log that a test may change."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create database verification")
    yield from serve(
        DATABASE_URL=make_conninfo(server_url, dbname="verification"), SEATLEDGER_JWT_SECRET=SECRET
    )


@pytest.fixture
async def last(operator, alice):
    """Position of the last event of a log with bookings and payments."""
    flight = await operator.create_flight(seats=50)
    await asyncio.gather(*(alice.book_and_pay(flight) for _ in range(2)))
    return (await operator.read_head())["position"]


async def verify(caller, **part):
    return (await caller.post("/audit/verify", part)).ok()


async def test_the_whole_log_verifies(auditor, last):
    result = await verify(auditor)
    assert result == {"ok": True, "checked": last, "first_bad_position": None, "reason": None}
    assert (await auditor.post("/audit/verify")).ok() == result


async def test_every_part_of_the_log_verifies(auditor, last):
    # Cuts at any place, also between the two events of one payment.
    for first in range(1, last + 1, 3):
        for end in (first, min(first + 4, last), last):
            result = await verify(auditor, **{"from": first, "to": end})
            assert (result["ok"], result["checked"]) == (True, end - first + 1), (first, end, result)
    assert (await verify(auditor, **{"from": last}))["checked"] == 1
    assert (await verify(auditor, to=3))["checked"] == 3


async def test_positions_beyond_the_log_fail_verification(auditor, last):
    result = await verify(auditor, to=last + 10)
    assert (result["ok"], result["first_bad_position"]) == (False, last + 1)
    for beyond in ({"from": last + 5, "to": last + 10}, {"from": last + 2}):
        result = await verify(auditor, **beyond)
        assert (result["ok"], result["checked"], result["first_bad_position"]) == (False, 0, last + 1)


async def test_an_empty_part_at_the_end_verifies(auditor, last):
    result = await verify(auditor, **{"from": last + 1})
    assert (result["ok"], result["checked"]) == (True, 0)


@pytest.mark.parametrize(
    "part", [{"from": 0}, {"from": -1}, {"to": "3"}, {"from": 3, "to": 2}, {"until": 3}, {"from": 1.5}]
)
async def test_an_invalid_part_is_refused(auditor, part):
    (await auditor.post("/audit/verify", part)).refusal(400)


async def test_verifying_is_for_auditors_and_operators(alice, last):
    (await alice.post("/audit/verify", {})).refusal(403)


async def test_an_edited_event_is_found_in_every_part_that_contains_it(program, auditor, last):
    url = program.run("db-url").stdout.strip()
    edit = "update ledger.events set actor = actor || %s where position = 5"
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(edit, ("x",))
    for part in ({}, {"from": 5, "to": 5}, {"from": 2}, {"to": 7}):
        result = await verify(auditor, **part)
        assert (result["ok"], result["first_bad_position"]) == (False, 5), part
    assert (await verify(auditor, to=4))["ok"] is True
