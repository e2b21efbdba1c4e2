"""Verify finds a changed row of a person or of an erasure."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from audit.verify import verify
from audit.verify.coverage import CHECKED
from ledger.erasure import erase
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from tests.desk import Desk
from tests.erasure.conftest import NAME, SETTINGS

Rows = Callable[..., list[Any]]


@pytest.fixture
async def people(keyed_url: str, keyring: Keyring) -> AsyncIterator[None]:
    """Alice and bob have bookings; bob's ended, and bob is erased."""
    async with open_ledger(keyed_url, SETTINGS) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        await desk.hold(flight, NAME)
        booking = (await desk.hold(flight, "bob")).subject_id
        await desk.cancel(booking, "bob")
        erase(keyed_url, keyring, "bob", "root")
        yield


PEOPLE = {
    "person": "person || 'X'",
    "lookup": "sha256(lookup)",
    "wrapped_key": "reverse(wrapped_key)",
    "sealed_name": "reverse(sealed_name)",
}


async def test_each_checked_column_of_a_person_is_tampered_with_and_found(
    people: None, keyed_url: str, keyring: Keyring, tamper: Any
) -> None:
    assert CHECKED["people"] == PEOPLE.keys() | {"forgotten_at"}
    assert verify(keyed_url, workers=1, keyring=keyring).ok
    tamper("create table kept as table ledger.people")
    for column, expression in PEOPLE.items():
        tamper(f"update ledger.people set {column} = {expression} where forgotten_at is null")
        assert not verify(keyed_url, workers=1, keyring=keyring).ok, column
        tamper("delete from ledger.people; insert into ledger.people table kept")
    tamper("update ledger.people set forgotten_at = forgotten_at - interval '1 hour'")
    assert not verify(keyed_url, workers=1, keyring=keyring).ok


FORGED = [
    (
        "insert into ledger.forgotten (person, forgotten_by)"
        " select person, 'root' from ledger.people where forgotten_at is null limit 1",
        "whose key is still there",
    ),
    ("update ledger.forgotten set person = 'psn_' || md5('')", "is recorded|lacks"),
    ("delete from ledger.forgotten", "no erasure is recorded"),
    ("update ledger.forgotten set forgotten_at = forgotten_at + interval '1 hour'", "after its key"),
    ("update ledger.forgotten set forgotten_at = forgotten_at - interval '1 hour'", "before the person"),
]


@pytest.mark.parametrize(("statement", "reason"), FORGED)
async def test_a_forged_erasure_is_found(
    people: None, keyed_url: str, keyring: Keyring, tamper: Any, statement: str, reason: str
) -> None:
    assert verify(keyed_url, workers=1, keyring=keyring).ok
    tamper(statement)
    result = verify(keyed_url, workers=1, keyring=keyring)
    assert not result.ok
    assert any(words in (result.reason or "") for words in reason.split("|")), result


async def test_without_the_master_key_the_sealed_columns_are_listed_as_unchecked(
    people: None, keyed_url: str
) -> None:
    result = verify(keyed_url, workers=1)
    listed = [one for one in result.unchecked if "master key" in one.reason]
    assert [one.columns for one in listed] == [["lookup", "wrapped_key", "sealed_name"]]
