"""An airline on a fresh ledger: the API with payments through the simulator, and a reconciler."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from api.app import create_app
from gateways.payment_processor import PaymentProcessor
from gateways.payment_reconciler import PaymentReconciler
from gateways.stripe import StripeGateway
from ledger.ledger import Ledger, open_ledger
from runtime.settings import Settings
from tests.api.conftest import BA117, SECRET, client, running, token
from tests.gateways.program import KEY, Program
from tests.waiting import await_until

SECONDS = 1.5
"""Limit on a gateway call: short, so that doubts come soon, but long enough for a busy machine."""

VISA = "pm_card_visa"


class Storefront:
    """Clients of the API and a reconciler without patience."""

    def __init__(self, app: Any, gateway: StripeGateway, url: str) -> None:
        self.app = app
        self.url = url
        self.ledger: Ledger = app.state.shared.ledgers.main
        self.alice = client(app, token("alice", "client"))
        self.bob = client(app, token("bob", "client"))
        self.operator = client(app, token("operator", "operator"))
        self.reconciler = PaymentReconciler(self.ledger, PaymentProcessor(self.ledger, gateway, 10), 0)

    async def hold(self, seats: int = 9) -> dict[str, Any]:
        """Hold nine seats of a flight with ten."""
        return await self.hold_on_another_flight(117, seats)

    async def hold_on_another_flight(self, number: int, seats: int = 9) -> dict[str, Any]:
        flight = await self.operator.post("/api/v1/flights", json=BA117 | {"number": f"BA{number}"})
        assert flight.status_code == 201, flight.text
        return await self.hold_again(flight.json()["id"], seats)

    async def hold_again(self, flight_id: str, seats: int) -> dict[str, Any]:
        body = {"flight_id": flight_id, "user_id": "alice", "seats": seats}
        held = await self.alice.post("/api/v1/bookings", json=body)
        assert held.status_code == 201, held.text
        return dict(held.json())

    async def pay(
        self, booking: dict[str, Any], key: str = "pay-1", method: str = VISA, **more: Any
    ) -> httpx.Response:
        body = {
            "booking_id": booking["id"],
            "user_id": "alice",
            "total_cost": booking["total_cost"],
            "payment_method": method,
            **more,
        }
        headers = {"x-idempotency-key": key}
        return await self.alice.post("/api/v1/bookings/payments", json=body, headers=headers)

    async def asks(self, booking: dict[str, Any], what: str, key: str, body: Any = None) -> httpx.Response:
        """Send `capture`, `void` or another command for the booking, as the operator."""
        path = f"/api/v1/bookings/{booking['id']}/{what}"
        return await self.operator.post(path, json=body or {}, headers={"x-idempotency-key": key})

    async def booking(self, booking: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.operator.get(f"/api/v1/bookings/{booking['id']}")).json())

    async def topics(self, booking: dict[str, Any]) -> list[str]:
        found = await self.operator.get(f"/api/v1/bookings/{booking['id']}/history")
        return [event["type"].removeprefix("booking.") for event in found.json()["events"]]

    async def sell(self, booking: dict[str, Any]) -> None:
        """Sell the seats of the booking to another customer as soon as its hold ends."""
        body = {"flight_id": booking["flight_id"], "user_id": "bob", "seats": 9}

        async def is_sold() -> bool:
            return (await self.bob.post("/api/v1/bookings", json=body)).status_code == 201

        await await_until(is_sold)

    async def pass_time(self, instant: str) -> None:
        """Wait until the database's clock is past the instant."""

        async def is_past() -> bool:
            async with self.ledger.read() as connection:
                row = await (
                    await connection.execute("select clock_timestamp() > %s::timestamptz", (instant,))
                ).fetchone()
            return row == (True,)

        await await_until(is_past)

    async def end_hold(self, booking: dict[str, Any]) -> None:
        """Wait until the hold and the time of its payment are over."""
        current = await self.booking(booking)
        for instant in (current["expires_at"], (current["payment"] or {}).get("capture_before")):
            if instant is not None:
                await self.pass_time(instant)

    async def payment_id(self, booking: dict[str, Any]) -> UUID:
        return UUID((await self.booking(booking))["payment"]["payment_id"])


@asynccontextmanager
async def open_storefront(database_url: str, simulator: Program, **changes: Any) -> AsyncIterator[Storefront]:
    settings = Settings(
        jwt_secret=SECRET,
        deadline_seconds=3,
        gateway="simulator",
        gateway_url=simulator.url,
        gateway_key=KEY,
        gateway_seconds=SECONDS,
        **changes,
    )
    app = create_app(settings, lambda: open_ledger(database_url, settings))
    gateway = StripeGateway(KEY, url=simulator.url, name="simulator", seconds=4)
    async with running(app):
        yield Storefront(app, gateway, simulator.url)
    await gateway.close()
