"""Verify over HTTP, on a program of its own: all of the log, or a part of it."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.contract.client import connect
from tests.contract.conftest import serve
from tests.contract.people import ALICE, AMIR, OLGA, SECRET, ApiCaller


@pytest.fixture(scope="module")
def own_program():
    yield from serve(SEATLEDGER_JWT_SECRET=SECRET)


@pytest.fixture
async def here(own_program):
    async with connect(own_program) as api:
        yield {person: ApiCaller.of(api, person) for person in (OLGA, ALICE, AMIR)}


@pytest.fixture
async def worked(here):
    """Events there are, and the position of the last one."""
    flight = await here[OLGA].create_flight(seats=50)
    await asyncio.gather(*(here[ALICE].book_and_pay(flight) for _ in range(2)))
    return (await here[OLGA].read_head())["position"]


async def verified(caller, **part):
    return (await caller.post("/audit/verify", part)).ok()


async def test_all_of_the_log_holds(here, worked):
    result = await verified(here[AMIR])
    assert result == {"ok": True, "checked": worked, "first_bad_position": None, "reason": None}
    assert (await here[AMIR].post("/audit/verify")).ok() == result


async def test_a_part_of_the_log_holds(here, worked):
    # Wherever it is cut, also between the two events of one payment.
    for first in range(1, worked + 1, 3):
        for last in (first, min(first + 4, worked), worked):
            result = await verified(here[AMIR], **{"from": first, "to": last})
            assert (result["ok"], result["checked"]) == (True, last - first + 1), (first, last, result)
    assert (await verified(here[AMIR], **{"from": worked}))["checked"] == 1
    assert (await verified(here[AMIR], to=3))["checked"] == 3


async def test_a_part_that_the_log_does_not_have_is_missing(here, worked):
    result = await verified(here[AMIR], to=worked + 10)
    assert (result["ok"], result["first_bad_position"]) == (False, worked + 1)
    for beyond in ({"from": worked + 5, "to": worked + 10}, {"from": worked + 2}):
        result = await verified(here[AMIR], **beyond)
        assert (result["ok"], result["checked"], result["first_bad_position"]) == (False, 0, worked + 1)


async def test_nothing_new_since_the_last_check_is_fine(here, worked):
    result = await verified(here[AMIR], **{"from": worked + 1})
    assert (result["ok"], result["checked"]) == (True, 0)


@pytest.mark.parametrize(
    "part", [{"from": 0}, {"from": -1}, {"to": "3"}, {"from": 3, "to": 2}, {"until": 3}, {"from": 1.5}]
)
async def test_a_part_that_cannot_be_is_refused(here, part):
    (await here[AMIR].post("/audit/verify", part)).refusal(400)


async def test_verifying_is_for_auditors_and_operators(here, worked):
    (await here[ALICE].post("/audit/verify", {})).refusal(403)


async def test_an_edited_event_is_named_in_all_and_in_its_part_only(own_program, here, worked):
    url = own_program.run("db-url").stdout.strip()
    edit = "update ledger.events set actor = actor || %s where position = 5"
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(edit, ("x",))
    for part in ({}, {"from": 5, "to": 5}, {"from": 2}, {"to": 7}):
        result = await verified(here[AMIR], **part)
        assert (result["ok"], result["first_bad_position"]) == (False, 5), part
    assert (await verified(here[AMIR], to=4))["ok"] is True
