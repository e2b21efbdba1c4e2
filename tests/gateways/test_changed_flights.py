"""A payment through the gateway keeps its answer when an operator changes the flight of the booking later.

Such a command has an event of each booking. In the stream of one booking its ordinal is not 1.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.api.conftest import BA117
from tests.gateways.storefront import Storefront
from tests.gateways.test_itineraries import pay as pay_itinerary
from tests.gateways.test_itineraries import send, trip

CARD_DECLINED = "pm_card_chargeDeclined"


async def retime(storefront: Storefront, flight_id: str) -> None:
    times = {"departs_at": "2030-06-01T20:00:00Z", "arrives_at": "2030-06-02T04:00:00Z", "reason": "fog"}
    done = await storefront.operator.post(f"/api/v1/flights/{flight_id}/times", json=times)
    assert done.status_code == 200, done.text


async def move_all(storefront: Storefront, flight_id: str) -> None:
    other = await storefront.operator.post("/api/v1/flights", json=BA117 | {"number": "BA999"})
    body = {"to": [other.json()["id"]], "order": "booked_first"}
    done = await storefront.operator.post(f"/api/v1/flights/{flight_id}/move-all", json=body)
    assert done.status_code == 200, done.text


Change = Callable[[Storefront, str], Awaitable[None]]
changes = pytest.mark.parametrize("change", [retime, move_all])


@changes
@pytest.mark.parametrize(("method", "status"), [("pm_card_visa", 201), (CARD_DECLINED, 402)])
async def test_a_payment_is_replayed_as_it_was(
    storefront: Storefront, change: Change, method: str, status: int
) -> None:
    booking = await storefront.hold()
    first = await storefront.pay(booking, method=method)
    assert first.status_code == status
    await change(storefront, booking["flight_id"])
    again = await storefront.pay(booking, method=method)
    assert (again.status_code, without_request(again)) == (status, without_request(first))


@changes
async def test_a_capture_is_replayed_as_it_was(storefront: Storefront, change: Change) -> None:
    booking = await storefront.hold()
    assert (await storefront.pay(booking, capture="manual")).status_code == 201
    first = await storefront.asks(booking, "capture", "capture-1")
    assert first.status_code == 200
    await change(storefront, booking["flight_id"])
    again = await storefront.asks(booking, "capture", "capture-1")
    assert (again.status_code, again.json()) == (200, first.json())


@changes
async def test_commands_of_an_itinerary_are_replayed_as_they_were(
    storefront: Storefront, change: Change
) -> None:
    itinerary = await trip(storefront)
    paid = await pay_itinerary(storefront, itinerary, capture="manual")
    captured = await send(storefront, itinerary, "capture")
    assert (paid.status_code, captured.status_code) == (201, 200)
    await change(storefront, itinerary["bookings"][1]["flight_id"])
    paid_again = await pay_itinerary(storefront, itinerary, capture="manual")
    captured_again = await send(storefront, itinerary, "capture")
    assert (paid_again.status_code, paid_again.json()) == (201, paid.json())
    assert (captured_again.status_code, captured_again.json()) == (200, captured.json())


def without_request(answer: Any) -> dict[str, Any]:
    """Return the body without the id of the request, which each refusal has."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}
