"""Stripe, or a server with the same wire format, through Stripe's own client library."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import anyio
import stripe

from domain.money import Money
from gateways import Charge, ChargeStatus, GatewayInDoubt, GatewayRefund, GatewayRefused, Order
from gateways.stripe_amounts import in_stripe_units
from gateways.stripe_answers import (
    as_gateway_error,
    charge_of,
    declined_charge,
    field,
    is_replay,
    refund_of,
    rows,
    text,
)
from gateways.stripe_http import StripeHttpClient

URL = "https://api.stripe.com"
RESULTS_MAX = 100

# Process-wide. By default the library stores a machine id in the user's home and reports timings.
stripe.enable_telemetry = False


class StripeGateway:
    """Charges are payment intents, confirmed at once and captured later."""

    def __init__(self, key: str, *, url: str = URL, name: str = "stripe", seconds: float = 4.0) -> None:
        self.name = name
        self._seconds = seconds
        self._http = StripeHttpClient(seconds)
        client = stripe.StripeClient(
            key, base_addresses={"api": url}, http_client=self._http, max_network_retries=0
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def find(self, payment_id: UUID) -> list[Charge]:
        """Find charges by search. The search lags by up to a minute, so open charges are read again by id."""
        async with self._lookup():
            query = f"metadata['seatledger_payment']:'{payment_id}'"
            found = rows(await self._intents.search_async({"query": query, "limit": RESULTS_MAX}))
            # Newest first. Within one second, only this order distinguishes them.
            found.reverse()
            found.sort(key=lambda intent: int(field(intent, "created") or 0))
            return [await self._refresh(intent) for intent in found]

    async def authorise(self, order: Order) -> Charge:
        amount = in_stripe_units(order.amount)
        async with self._bounded():
            try:
                intent = await self._intents.create_async(
                    {
                        "amount": amount,
                        "currency": order.amount.currency.lower(),
                        "payment_method": order.method,
                        # Since API version 2026-09-30 Stripe refuses `payment_method_types`.
                        "allowed_payment_method_types": ["card"],
                        "confirm": True,
                        "capture_method": "manual",
                        "error_on_requires_action": True,
                        "metadata": {
                            "seatledger_payment": str(order.payment_id),
                            "seatledger_booking": str(order.booking_id),
                        },
                    },
                    {"idempotency_key": f"authorise-{order.payment_id}"},
                )
            except stripe.CardError as error:
                return declined_charge(error)
            # A replayed answer is old; the charge may have been captured or released since.
            return await self._charge_by(text(intent, "id")) if is_replay(intent) else charge_of(intent)

    async def capture(self, payment_id: UUID, reference: str) -> Charge:
        # The library generates a key for each call. An intent is captured only once anyway, and Stripe
        # would replay a 500 for as long as it knows its key.
        return await self._settled(reference, self._intents.capture_async(reference))

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        return await self._settled(reference, self._intents.cancel_async(reference))

    async def refund(self, refund_id: UUID, reference: str, amount: Money) -> GatewayRefund:
        units = in_stripe_units(amount)
        async with self._bounded():
            refund = await self._refunds.create_async(
                {
                    "payment_intent": reference,
                    "amount": units,
                    "metadata": {"seatledger_refund": str(refund_id)},
                },
                {"idempotency_key": f"refund-{refund_id}"},
            )
            if is_replay(refund):
                refund = await self._refunds.retrieve_async(text(refund, "id"))
            return refund_of(refund)

    async def find_refund(self, refund_id: UUID, reference: str) -> GatewayRefund | None:
        async with self._lookup():
            page = await self._refunds.list_async({"payment_intent": reference, "limit": RESULTS_MAX})
            for refund in rows(page):
                if field(field(refund, "metadata"), "seatledger_refund") == str(refund_id):
                    return refund_of(refund)
            if field(page, "has_more"):
                raise GatewayInDoubt(f"more than {RESULTS_MAX} refunds of one charge")
            return None

    async def close(self) -> None:
        await self._http.close_async()

    async def _settled(self, reference: str, call: Awaitable[stripe.PaymentIntent]) -> Charge:
        async with self._bounded():
            try:
                intent = await call
                charge = await self._charge_by(reference) if is_replay(intent) else charge_of(intent)
            except stripe.InvalidRequestError as error:
                if error.code != "payment_intent_unexpected_state":
                    raise
                charge = await self._charge_by(reference)
            if charge.status is ChargeStatus.AUTHORISED:
                raise GatewayInDoubt("the charge is still authorised")
            return charge

    async def _refresh(self, intent: Any) -> Charge:
        if field(intent, "status") in ("succeeded", "canceled"):
            return charge_of(intent)
        return await self._charge_by(text(intent, "id"))

    async def _charge_by(self, reference: str) -> Charge:
        return charge_of(await self._intents.retrieve_async(reference))

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Limit the time of the block and translate Stripe's errors."""
        try:
            # The HTTP client shields its closing of connections from timeouts of anyio, but not of asyncio.
            # Cut off there, it would leave the other connections to a dead gateway open.
            with anyio.fail_after(self._seconds):
                yield
        except TimeoutError:
            raise GatewayInDoubt(f"no answer within {self._seconds:g} s") from None
        except stripe.StripeError as error:
            raise as_gateway_error(error) from error

    @asynccontextmanager
    async def _lookup(self) -> AsyncIterator[None]:
        """As `_bounded`; a refused lookup is in doubt, because it may succeed later."""
        try:
            async with self._bounded():
                yield
        except GatewayRefused as error:
            raise GatewayInDoubt(error.code) from error
