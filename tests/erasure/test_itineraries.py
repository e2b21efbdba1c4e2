"""Names and reasons of itineraries: readable for each of the bookings, until the person is erased."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.verify import verify
from ledger.erasure import erase
from ledger.keyring import Keyring
from tests.erasure.conftest import NAME, House

WROTE = "my cat Dinah is ill"


async def history(house: House, trip: dict[str, Any]) -> Any:
    return await house.auditor.get(f"/api/v1/itineraries/{trip['id']}/history")


@pytest.fixture
async def trip(house: House) -> Any:
    """Alice's bookings of one flight: authorised, voided and cancelled, both with a reason."""
    flight = await house.flight()
    body = {"user_id": NAME, "bookings": [{"flight_id": flight["id"], "seats": 1}] * 2}
    trip = await house.post(house.alice, "/itineraries", body)
    assert trip["user_id"] == trip["bookings"][1]["user_id"] == NAME
    payment = {"itinerary_id": trip["id"], "user_id": NAME, "total_cost": trip["total_cost"]}
    key = {"x-idempotency-key": "pay-1"}
    await house.post(house.alice, "/itineraries/payments", {**payment, "capture": "manual"}, **key)
    await house.post(house.operator, f"/itineraries/{trip['id']}/void", {"reason": WROTE})
    await house.post(house.alice, f"/itineraries/{trip['id']}/cancel", {"reason": WROTE})
    return trip


async def test_each_booking_has_the_reason_in_its_own_stream(
    house: House, trip: Any, keyed_url: str, keyring: Keyring
) -> None:
    events = (await history(house, trip)).json()["events"]
    assert [one["data"]["reason"] for one in events if one["type"] == "booking.payment_voided"] == [WROTE] * 2
    assert [one["data"]["note"] for one in events if one["type"] == "booking.cancelled"] == [WROTE] * 2
    for booking in trip["bookings"]:
        assert WROTE in (await house.auditor.get(f"/api/v1/bookings/{booking['id']}/history")).text
    assert verify(keyed_url, keyring=keyring).ok


async def test_an_erased_person_is_in_no_itinerary(
    house: House, trip: Any, keyed_url: str, keyring: Keyring, places: Callable[..., list[str]]
) -> None:
    pseudonym = erase(keyed_url, keyring, NAME, "test")
    assert places(NAME, WROTE) == []
    shown = await house.auditor.get(f"/api/v1/itineraries/{trip['id']}")
    assert shown.json()["user_id"] == pseudonym
    assert NAME not in (await history(house, trip)).text
    assert WROTE not in (await history(house, trip)).text
    assert (await house.alice.get(f"/api/v1/itineraries/{trip['id']}")).status_code == 404
    assert verify(keyed_url, keyring=keyring).ok
