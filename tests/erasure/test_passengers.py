"""Names of passengers: sealed everywhere, and unreadable once the user of the booking is erased."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from audit.verify import verify
from audit.verify.people_pass import _decrypts
from domain.commands.bookings import InitiateBooking
from domain.commands.passengers import NewPassenger
from domain.passengers import PassengerType
from ledger.erasure import erase
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from ledger.master_key import rotate
from tests.desk import Desk
from tests.erasure.conftest import NAME, SETTINGS, House

TEXTS = ("Dinah", "Kitty-Cheshire", "2019-11-04")
PASSENGER = dict(zip(("given_name", "family_name", "date_of_birth"), TEXTS, strict=True)) | {"type": "adult"}


@pytest.fixture
async def booking(house: House) -> Any:
    """A cancelled booking of alice with a passenger, which does not keep alice from being erased."""
    flight = await house.flight()
    body = {"flight_id": flight["id"], "user_id": NAME, "seats": 1, "passengers": [PASSENGER]}
    booking = await house.post(house.alice, "/bookings", body, **{"x-idempotency-key": "hold-1"})
    path = f"/api/v1/bookings/{booking['id']}/passengers"
    assert (await house.operator.put(path, json={"passengers": booking["passengers"]})).status_code == 200
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel")
    return booking


async def test_no_name_of_a_passenger_is_stored_in_clear(
    house: House, booking: Any, keyed_url: str, keyring: Keyring, places: Callable[..., list[str]]
) -> None:
    assert [booking["passengers"][0][key] for key in PASSENGER] == list(PASSENGER.values())
    assert places(*TEXTS, *(text.encode().hex() for text in TEXTS)) == []
    assert verify(keyed_url, keyring=keyring).ok


async def test_the_names_of_passengers_are_erased_with_the_user(
    house: House, booking: Any, keyed_url: str, keyring: Keyring
) -> None:
    async def answers() -> str:
        path = f"/api/v1/bookings/{booking['id']}"
        paths = (path, f"{path}/history", f"{path}?version=2", f"/api/v1/events?booking_id={booking['id']}")
        return "".join([(await house.auditor.get(path)).text for path in paths])

    before = await answers()
    assert all(text in before for text in TEXTS)
    erase(keyed_url, keyring, NAME, "the operator")
    after = await answers()
    assert not any(text in after for text in TEXTS)
    assert '"type":"adult"' in after
    assert verify(keyed_url, keyring=keyring).ok


def test_verify_decrypts_the_names_of_passengers(keyring: Keyring) -> None:
    person, other = keyring.new_person("alice"), keyring.new_person("bob")
    sealed = keyring.encrypt_passenger(person, "Dinah")
    state = msgspec.json.encode({"passengers": [{"given_name": sealed}]}).decode()
    assert _decrypts(keyring, person, state, uuid4())
    assert not _decrypts(keyring, other, state, uuid4())
    assert not _decrypts(keyring, person, state.replace(person.person, other.person), uuid4())


async def test_the_search_ends_with_the_erasure(
    house: House, booking: Any, keyed_url: str, keyring: Keyring, rows: Callable[..., list[Any]]
) -> None:
    path = "/api/v1/bookings?family_name=kitty cheshire"
    assert [one["id"] for one in (await house.operator.get(path)).json()["data"]] == [booking["id"]]
    erase(keyed_url, keyring, NAME, "the operator")
    assert (await house.operator.get(path)).json()["data"] == []
    assert rows("select * from ledger.passenger_names") == []
    assert verify(keyed_url, keyring=keyring).ok


async def test_a_wrong_row_of_the_index_is_found(
    booking: Any, keyed_url: str, keyring: Keyring, tamper: Any
) -> None:
    tamper("update ledger.passenger_names set lookup = sha256(lookup)")
    wrong = verify(keyed_url, keyring=keyring)
    assert not wrong.ok
    assert "other family names" in str(wrong.reason)


async def test_another_master_key_gives_the_index_other_hashes(
    keyed_url: str, keyring: Keyring, rows: Callable[..., list[Any]]
) -> None:
    async with open_ledger(keyed_url, SETTINGS) as ledger:
        desk = Desk(ledger)
        passengers = (NewPassenger("Dinah", "Kitty-Cheshire", PassengerType.ADULT),)
        await desk.submit(InitiateBooking(await desk.schedule(), NAME, 1, passengers), NAME)
    new = Keyring(bytes(32))
    for key in (keyring, new):
        [(lookup,)] = rows("select lookup from ledger.passenger_names")
        assert bytes(lookup) == key.family_hash("kittycheshire")
        if key is keyring:
            rotate(keyed_url, keyring, new)
    assert verify(keyed_url, keyring=new).ok
