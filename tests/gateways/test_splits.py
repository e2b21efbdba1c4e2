"""Split bookings that were paid through the gateway: one charge, and refunds of each half that add up."""

from typing import Any

import pytest

from tests.api.conftest import BA117
from tests.gateways.program import Program
from tests.gateways.storefront import Storefront

ALWAYS = {"chance": 1}
PRICE = {"amount": 10_001, "currency": "INR"}
FAMILY = [{"given_name": name, "family_name": "Nguyen", "type": "adult"} for name in ("Alice", "Tom", "Bea")]


@pytest.fixture
async def booking(storefront: Storefront) -> Any:
    """A booking of three seats, with one passenger for each."""
    return await hold(storefront, PRICE)


async def hold(storefront: Storefront, price: Any, **more: Any) -> Any:
    flight = await storefront.operator.post("/api/v1/flights", json=BA117 | {"price": price, **more})
    body = {"flight_id": flight.json()["id"], "user_id": "alice", "seats": 3, "passengers": FAMILY}
    held = await storefront.alice.post("/api/v1/bookings", json=body)
    assert held.status_code == 201, held.text
    return held.json()


async def split(storefront: Storefront, booking: Any, passengers: int = 1) -> Any:
    """Split the first passengers off. Return the new booking."""
    chosen = [one["id"] for one in booking["passengers"][:passengers]]
    answer = await storefront.alice.post(
        f"/api/v1/bookings/{booking['id']}/split", json={"passengers": chosen}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def pay(storefront: Storefront, booking: Any, **more: Any) -> Any:
    paid = await storefront.pay(booking, **more)
    assert paid.status_code == 201, paid.text
    return paid.json()


async def cancel(storefront: Storefront, booking: Any) -> Any:
    """Cancel the booking. Return its refund."""
    cancelled = await storefront.alice.post(f"/api/v1/bookings/{booking['id']}/cancel", json={})
    assert cancelled.status_code == 200, cancelled.text
    found = await storefront.operator.get("/api/v1/refunds", params={"booking_id": booking["id"]})
    (refund,) = found.json()["data"]
    return refund


async def settle(storefront: Storefront, refund: Any, key: str = "") -> Any:
    path = f"/api/v1/refunds/{refund['id']}/settle"
    return await storefront.operator.post(path, json={}, headers={"x-idempotency-key": key or refund["id"]})


async def test_each_half_of_a_paid_booking_is_refunded_from_the_one_charge(
    storefront: Storefront, simulator: Program, booking: Any
) -> None:
    paid = await pay(storefront, booking)
    new = await split(storefront, booking)
    left = await storefront.booking(booking)
    assert new["payment"]["payment_id"] == left["payment"]["payment_id"] == paid["payment_id"]
    [intent] = simulator.intents(paid["payment_id"])
    for half in (new, left):
        refund = await cancel(storefront, half)
        assert refund["amount"] == half["total_cost"]
        for _ in range(2):
            settled = await settle(storefront, refund)
            assert (settled.status_code, settled.json()["status"]) == (200, "settled"), settled.text
    amounts = [row["amount"] for row in simulator.refunds(intent["id"])]
    assert amounts == [new["total_cost"]["amount"], left["total_cost"]["amount"]] == [10_001, 20_002]
    assert sum(amounts) == intent["captured"] == booking["total_cost"]["amount"]


async def test_refunds_of_many_parts_add_up_to_the_minor_unit(
    storefront: Storefront, simulator: Program, booking: Any
) -> None:
    paid = await pay(storefront, booking)
    [intent] = simulator.intents(paid["payment_id"])
    new = await split(storefront, booking, passengers=2)
    newest = await split(storefront, new)
    parts = [await storefront.booking(one) for one in (booking, new, newest)]
    refunds = [await cancel(storefront, one) for one in parts]
    assert [refund["amount"] for refund in refunds] == [one["total_cost"] for one in parts]
    simulator.switch(lose=ALWAYS)
    assert (await settle(storefront, refunds[0])).status_code == 503
    simulator.switch()
    for refund in refunds:
        assert (await settle(storefront, refund)).json()["status"] == "settled"
    ledger = sorted(refund["amount"]["amount"] for refund in refunds)
    assert sorted(row["amount"] for row in simulator.refunds(intent["id"])) == ledger
    assert sum(ledger) == intent["captured"] == paid["booking"]["total_cost"]["amount"]


async def test_a_part_that_stays_booked_keeps_its_money(
    storefront: Storefront, simulator: Program, booking: Any
) -> None:
    paid = await pay(storefront, booking)
    [intent] = simulator.intents(paid["payment_id"])
    new = await split(storefront, booking)
    await settle(storefront, await cancel(storefront, new))
    [row] = simulator.refunds(intent["id"])
    left = await storefront.booking(booking)
    assert (left["status"], left["payment"]["status"]) == ("booked", "captured")
    assert intent["captured"] - row["amount"] == left["total_cost"]["amount"]


async def test_halves_of_a_hold_are_paid_and_refunded_apart(
    storefront: Storefront, simulator: Program, booking: Any
) -> None:
    new = await split(storefront, booking)
    halves = [await storefront.booking(booking), new]
    for number, half in enumerate(halves):
        paid = await pay(storefront, half, key=f"pay-{number}")
        [intent] = simulator.intents(paid["payment_id"])
        assert intent["captured"] == half["total_cost"]["amount"]
        assert (await settle(storefront, await cancel(storefront, half))).json()["status"] == "settled"
        assert [row["amount"] for row in simulator.refunds(intent["id"])] == [intent["captured"]]


async def test_an_authorised_booking_is_split_once_it_is_captured(
    storefront: Storefront, simulator: Program, booking: Any
) -> None:
    paid = await pay(storefront, booking, capture="manual")
    chosen = [booking["passengers"][0]["id"]]
    path = f"/api/v1/bookings/{booking['id']}/split"
    refused = await storefront.alice.post(path, json={"passengers": chosen})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-in-progress")
    assert (await storefront.asks(booking, "capture", "capture-1")).status_code == 200
    new = await split(storefront, booking)
    assert new["status"] == "booked"
    [intent] = simulator.intents(paid["payment_id"])
    assert intent["captured"] == 3 * PRICE["amount"]


async def test_a_policy_that_gives_back_a_third_rounds_alike_in_ledger_and_gateway(
    storefront: Storefront, simulator: Program
) -> None:
    parts = {"amount": 10_001, "currency": "INR", "parts": {"fare": 9_001, "tax:IN": 1_000}}
    policy = {"percentages": {"fare": 33, "tax:*": 100}}
    booking = await hold(storefront, parts, cancellation_policy=policy)
    paid = await pay(storefront, booking)
    new = await split(storefront, booking)
    [intent] = simulator.intents(paid["payment_id"])
    ledger = []
    for half in (new, await storefront.booking(booking)):
        refund = await cancel(storefront, half)
        fare = half["total_cost"]["parts"]["fare"]
        assert refund["amount"]["parts"] == {"fare": fare * 33 // 100, "tax:IN": 1_000 * half["seats"]}
        assert (await settle(storefront, refund)).json()["status"] == "settled"
        ledger.append(refund["amount"]["amount"])
    assert [row["amount"] for row in simulator.refunds(intent["id"])] == ledger
