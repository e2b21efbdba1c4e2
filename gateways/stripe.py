"""Stripe, or whatever speaks its wire format, through Stripe's own client library."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import stripe

from domain.money import Money
from gateways import Charge, ChargeStatus, GatewayInDoubt, GatewayRefund, GatewayRefused, Order
from gateways.stripe_amounts import in_stripe_units
from gateways.stripe_answers import (
    charge_of,
    declined_charge,
    field,
    judged,
    repayment_of,
    replayed,
    rows,
    text,
)
from gateways.stripe_carrier import Carrier

URL = "https://api.stripe.com"
FOUND_MAX = 100

# For the whole process: else the library keeps an id of this machine in the user's home, and reports timings.
stripe.enable_telemetry = False


class StripeGateway:
    """Charges are payment intents that are confirmed at once and captured later."""

    def __init__(self, key: str, *, url: str = URL, name: str = "stripe", seconds: float = 4.0) -> None:
        self.name = name
        self._seconds = seconds
        self._carrier = Carrier(seconds)
        client = stripe.StripeClient(
            key, base_addresses={"api": url}, http_client=self._carrier, max_network_retries=0
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def find(self, payment_id: UUID) -> list[Charge]:
        """As of now: the search may be behind by a minute, so what can still change is looked up again."""
        async with self._looking():
            query = f"metadata['seatledger_payment']:'{payment_id}'"
            found = rows(await self._intents.search_async({"query": query, "limit": FOUND_MAX}))
            # The newest come first; within one second only that order tells.
            found.reverse()
            found.sort(key=lambda intent: int(field(intent, "created") or 0))
            return [await self._as_of_now(intent) for intent in found]

    async def authorise(self, order: Order) -> Charge:
        amount = in_stripe_units(order.amount)
        async with self._answering():
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
            except stripe.CardError as problem:
                return declined_charge(problem)
            # A replay tells what was, and the charge may have been captured or let go since.
            return await self._charge_by(text(intent, "id")) if replayed(intent) else charge_of(intent)

    async def capture(self, payment_id: UUID, reference: str) -> Charge:
        # The key is the library's own, another for each call: an intent is captured once, whoever asks, while
        # Stripe repeats a 500 that it gave under a key for as long as it knows the key.
        return await self._settled(reference, self._intents.capture_async(reference))

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        return await self._settled(reference, self._intents.cancel_async(reference))

    async def refund(self, refund_id: UUID, reference: str, amount: Money) -> GatewayRefund:
        units = in_stripe_units(amount)
        async with self._answering():
            refund = await self._refunds.create_async(
                {
                    "payment_intent": reference,
                    "amount": units,
                    "metadata": {"seatledger_refund": str(refund_id)},
                },
                {"idempotency_key": f"refund-{refund_id}"},
            )
            if replayed(refund):
                refund = await self._refunds.retrieve_async(text(refund, "id"))
            return repayment_of(refund)

    async def find_refund(self, refund_id: UUID, reference: str) -> GatewayRefund | None:
        async with self._looking():
            page = await self._refunds.list_async({"payment_intent": reference, "limit": FOUND_MAX})
            for refund in rows(page):
                if field(field(refund, "metadata"), "seatledger_refund") == str(refund_id):
                    return repayment_of(refund)
            if field(page, "has_more"):
                raise GatewayInDoubt(f"more than {FOUND_MAX} refunds of one charge")
            return None

    async def close(self) -> None:
        await self._carrier.close_async()

    async def _settled(self, reference: str, call: Awaitable[stripe.PaymentIntent]) -> Charge:
        async with self._answering():
            try:
                intent = await call
                charge = await self._charge_by(reference) if replayed(intent) else charge_of(intent)
            except stripe.InvalidRequestError as problem:
                if problem.code != "payment_intent_unexpected_state":
                    raise
                charge = await self._charge_by(reference)
            if charge.status is ChargeStatus.AUTHORISED:
                raise GatewayInDoubt("the charge is still authorised")
            return charge

    async def _as_of_now(self, intent: Any) -> Charge:
        if field(intent, "status") in ("succeeded", "canceled"):
            return charge_of(intent)
        return await self._charge_by(text(intent, "id"))

    async def _charge_by(self, reference: str) -> Charge:
        return charge_of(await self._intents.retrieve_async(reference))

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """A bound on everything inside, and failures as the protocol names them."""
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError:
            raise GatewayInDoubt(f"no answer within {self._seconds:g} s") from None
        except stripe.StripeError as problem:
            raise judged(problem) from problem

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        """To look something up is never refused for good."""
        try:
            async with self._answering():
                yield
        except GatewayRefused as problem:
            raise GatewayInDoubt(problem.code) from problem
