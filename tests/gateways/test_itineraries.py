"""Itineraries through the gateway: one authorisation for the total, one charge, shares as refunds."""

from typing import Any

from ledger.sweeps import expire_holds
from tests.api.conftest import BA117
from tests.gateways.program import Program
from tests.gateways.storefront import VISA, Storefront

ALWAYS = {"chance": 1}


async def trip(storefront: Storefront, seats: int = 2) -> dict[str, Any]:
    """Hold seats on two flights with ten seats each."""
    flights = []
    for number in (117, 118):
        flight = await storefront.operator.post("/api/v1/flights", json=BA117 | {"number": f"BA{number}"})
        flights.append({"flight_id": flight.json()["id"], "seats": seats})
    body = {"user_id": "alice", "bookings": flights}
    held = await storefront.alice.post("/api/v1/itineraries", json=body)
    assert held.status_code == 201, held.text
    return dict(held.json())


async def pay(
    storefront: Storefront, itinerary: dict[str, Any], key: str = "pay-1", method: str = VISA, **more: Any
) -> Any:
    body = {
        "itinerary_id": itinerary["id"],
        "user_id": "alice",
        "total_cost": itinerary["total_cost"],
        "payment_method": method,
        **more,
    }
    headers = {"x-idempotency-key": key}
    return await storefront.alice.post("/api/v1/itineraries/payments", json=body, headers=headers)


async def send(storefront: Storefront, itinerary: dict[str, Any], what: str, body: Any = None) -> Any:
    return await storefront.operator.post(
        f"/api/v1/itineraries/{itinerary['id']}/{what}", json=body or {}, headers={"x-idempotency-key": what}
    )


async def read(storefront: Storefront, itinerary: dict[str, Any]) -> Any:
    return (await storefront.operator.get(f"/api/v1/itineraries/{itinerary['id']}")).json()


def statuses(itinerary: dict[str, Any]) -> list[str]:
    return [booking["status"] for booking in itinerary["bookings"]]


async def test_one_charge_of_the_total_books_all(storefront: Storefront, simulator: Program) -> None:
    itinerary = await trip(storefront)
    paid = await pay(storefront, itinerary)
    assert paid.status_code == 201, paid.text
    assert statuses(paid.json()["itinerary"]) == ["booked", "booked"]
    assert paid.headers["etag"] == f'"v{paid.json()["itinerary"]["version"]}"'
    [intent] = simulator.intents(paid.json()["payment_id"])
    total = itinerary["total_cost"]["amount"]
    assert (intent["status"], intent["amount"], intent["captured"]) == ("succeeded", total, total)
    again = await pay(storefront, itinerary)
    assert (again.status_code, again.json()) == (201, paid.json())
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_declined_payment_leaves_all_held(storefront: Storefront, simulator: Program) -> None:
    itinerary = await trip(storefront)
    declined = await pay(storefront, itinerary, method="pm_card_chargeDeclined")
    assert (declined.status_code, declined.json()["itinerary_id"]) == (402, itinerary["id"])
    assert statuses(await read(storefront, itinerary)) == ["initiated", "initiated"]
    paid = await pay(storefront, itinerary, key="pay-2")
    assert statuses(paid.json()["itinerary"]) == ["booked", "booked"]


async def test_a_manual_payment_is_captured_once(storefront: Storefront, simulator: Program) -> None:
    itinerary = await trip(storefront)
    paid = await pay(storefront, itinerary, capture="manual")
    assert paid.json()["itinerary"]["status"] == "pending"
    assert [one["status"] for one in simulator.intents(paid.json()["payment_id"])] == ["requires_capture"]
    captured = await send(storefront, itinerary, "capture")
    assert (captured.status_code, statuses(captured.json())) == (200, ["booked", "booked"])
    assert [one["status"] for one in simulator.intents(paid.json()["payment_id"])] == ["succeeded"]


async def test_a_void_releases_the_charge(storefront: Storefront, simulator: Program) -> None:
    itinerary = await trip(storefront)
    paid = await pay(storefront, itinerary, capture="manual")
    voided = await send(storefront, itinerary, "void", {"reason": "changed plans"})
    assert (voided.status_code, statuses(voided.json())) == (200, ["initiated", "initiated"])
    assert [one["status"] for one in simulator.intents(paid.json()["payment_id"])] == ["canceled"]


async def test_the_reconciler_finishes_an_interrupted_payment(
    storefront: Storefront, simulator: Program
) -> None:
    itinerary = await trip(storefront)
    simulator.switch(down=True)
    assert (await pay(storefront, itinerary)).status_code == 503
    simulator.switch(down=False)
    await storefront.reconciler.run()
    assert statuses(await read(storefront, itinerary)) == ["booked", "booked"]
    paid = await pay(storefront, itinerary)
    assert (paid.status_code, len(simulator.intents(paid.json()["payment_id"]))) == (201, 1)


async def test_the_share_of_a_part_cancelled_before_the_capture_is_refunded(
    storefront: Storefront, simulator: Program
) -> None:
    itinerary = await trip(storefront)
    paid = await pay(storefront, itinerary, capture="manual")
    first = itinerary["bookings"][0]
    await storefront.asks(first, "cancel", "cancel-1")
    await storefront.reconciler.run()
    assert [one["status"] for one in simulator.intents(paid.json()["payment_id"])] == ["requires_capture"]
    captured = await send(storefront, itinerary, "capture")
    assert (captured.status_code, statuses(captured.json())) == (200, ["cancelled", "booked"])
    [intent] = simulator.intents(paid.json()["payment_id"])
    assert intent["captured"] == itinerary["total_cost"]["amount"]
    found = await storefront.operator.get("/api/v1/refunds", params={"booking_id": first["id"]})
    [refund] = found.json()["data"]
    settled = await storefront.operator.post(f"/api/v1/refunds/{refund['id']}/settle", json={})
    assert settled.json()["status"] == "settled"
    [intent] = simulator.intents(paid.json()["payment_id"])
    assert intent["refunded"] == first["total_cost"]["amount"]


async def test_cancelling_all_while_pending_releases_the_charge(
    storefront: Storefront, simulator: Program
) -> None:
    itinerary = await trip(storefront)
    paid = await pay(storefront, itinerary, capture="manual")
    cancelled = await send(storefront, itinerary, "cancel")
    assert statuses(cancelled.json()) == ["cancelled", "cancelled"]
    await storefront.reconciler.run()
    assert [one["status"] for one in simulator.intents(paid.json()["payment_id"])] == ["canceled"]
    assert {one["payment"]["status"] for one in (await read(storefront, itinerary))["bookings"]} == {"voided"}


async def test_a_charge_that_comes_after_the_seats_are_sold_is_released_for_all(
    hurried: Storefront, simulator: Program
) -> None:
    itinerary = await trip(hurried, seats=9)
    simulator.switch(down=True)
    assert (await pay(hurried, itinerary)).status_code == 503
    await hurried.end_hold(itinerary["bookings"][0])
    await hurried.sell(itinerary["bookings"][1])
    simulator.switch(down=False)
    await hurried.reconciler.run()
    assert statuses(await read(hurried, itinerary)) == ["cancelled", "cancelled"]
    assert (await pay(hurried, itinerary)).status_code == 409
    payment_id = await hurried.payment_id(itinerary["bookings"][0])
    assert {row["status"] for row in simulator.intents(payment_id)} <= {"canceled"}


async def test_a_sweep_settles_the_payment_of_an_itinerary_first(
    hurried: Storefront, simulator: Program
) -> None:
    itinerary = await trip(hurried)
    simulator.switch(down=True)
    assert (await pay(hurried, itinerary)).status_code == 503
    await hurried.end_hold(itinerary["bookings"][0])
    simulator.switch(down=False)
    await expire_holds(hurried.ledger, hurried.reconciler)
    assert statuses(await read(hurried, itinerary)) == ["booked", "booked"]
