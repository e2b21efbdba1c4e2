"""The self-audit finds each change of the index of passengers by family name, if it has the master key."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from audit.self_audit.rounds import full_round
from audit.self_audit.status import AuditStatus, read_status
from audit.verify import verify
from database.connection import Connection
from domain.commands.bookings import InitiateBooking
from domain.commands.passengers import NewPassenger
from domain.passengers import PassengerType
from ledger.erasure import erase
from ledger.keyring import NO_KEYRING, Keyring
from ledger.ledger import open_ledger
from tests.desk import Desk
from tests.erasure.conftest import SETTINGS, keyed_url, keyring
from tests.own_connections import Auditor

__all__ = ["keyed_url", "keyring"]

OF_ALICE = "booking_id = (select id from ledger.bookings order by created_at limit 1)"
CHANGES = (
    f"delete from ledger.passenger_names where {OF_ALICE}",
    f"update ledger.passenger_names set lookup = sha256(lookup) where {OF_ALICE}",
    "insert into ledger.passenger_names"
    f" select sha256(lookup), booking_id from ledger.passenger_names where {OF_ALICE}",
)
FOREIGN = "insert into ledger.passenger_names values ('x', '00000000-0000-0000-0000-000000000001')"


@pytest.fixture
async def bookings(keyed_url: str) -> AsyncIterator[list[Any]]:
    """The ids of a booking of alice and one of bob, each with a passenger; bob has cancelled."""
    async with open_ledger(keyed_url, SETTINGS) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        ids = []
        for name, family_name in (("alice", "Liddell"), ("bob", "Kitty-Cheshire")):
            passengers = (NewPassenger("Dinah", family_name, PassengerType.ADULT),)
            ids.append((await desk.submit(InitiateBooking(flight, name, 1, passengers), name)).subject_id)
        await desk.cancel(ids[1], "bob")
        yield ids


async def audit(auditor: Connection, keyring: Keyring) -> AuditStatus:
    await full_round(auditor, keyring)
    return await read_status(auditor)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_removed_altered_or_extra_row_names_the_booking(
    bookings: list[Any], auditor: Connection, keyring: Keyring, tamper: Any, keyed_url: str, change: str
) -> None:
    assert (await audit(auditor, keyring)).ok
    tamper(change)
    found, verified = await audit(auditor, keyring), verify(keyed_url, keyring=keyring)
    assert str(bookings[0]) in (found.reason or "")
    assert (found.ok, found.first_bad_position, found.reason) == (
        False,
        verified.first_bad_position,
        verified.reason,
    )


async def test_a_row_of_no_booking_is_found_and_its_removal_mends_it(
    bookings: list[Any], auditor: Connection, keyring: Keyring, tamper: Any
) -> None:
    tamper(FOREIGN)
    assert "00000000-0000-0000-0000-000000000001" in ((await audit(auditor, keyring)).reason or "")
    tamper("delete from ledger.passenger_names where lookup = 'x'")
    assert (await audit(auditor, keyring)).ok


async def test_a_view_without_a_readable_list_of_passengers_is_found_and_breaks_no_round(
    bookings: list[Any], auditor: Connection, keyring: Keyring, tamper: Any, keyed_url: str
) -> None:
    tamper(f"update ledger.bookings set passengers = 'none' where id = '{bookings[0]}'")
    found, verified = await audit(auditor, keyring), verify(keyed_url, keyring=keyring)
    assert (found.ok, found.first_bad_position) == (False, verified.first_bad_position)
    assert f"bookings does not show {bookings[0]}" in (found.reason or "")


async def test_without_the_ledgers_master_key_nothing_is_compared(
    bookings: list[Any], auditor: Connection, keyring: Keyring, tamper: Any
) -> None:
    tamper(CHANGES[0])
    for other in (NO_KEYRING, Keyring(bytes(32))):
        assert (await audit(auditor, other)).ok
    assert not (await audit(auditor, keyring)).ok


async def test_an_erasure_leaves_the_index_as_it_must_be(
    bookings: list[Any], auditor: Connection, keyring: Keyring, keyed_url: str, rows: Callable[..., Any]
) -> None:
    erase(keyed_url, keyring, "bob", "the operator")
    assert [id for (id,) in rows("select booking_id from ledger.passenger_names")] == [bookings[0]]
    assert (await audit(auditor, keyring)).ok


async def test_the_scheduler_compares_the_index(
    bookings: list[Any], keyed_url: str, keyring: Keyring, tamper: Any, rows: Callable[..., Any]
) -> None:
    tamper(CHANGES[0])
    auditor = Auditor(keyed_url, keyring)
    await auditor.run()
    await auditor.close()
    [(reason,)] = rows("select reason from ledger.self_audit")
    assert str(bookings[0]) in (reason or "")
