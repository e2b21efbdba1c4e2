"""Broken promises about money at a gateway, for `trials.torture.broken`."""

import functools
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import msgspec

import domain.payments
from domain.itinerary import Itinerary
from domain.payments import GatewayTask, Payment, PaymentStatus
from gateways import Charge, ChargeStatus, Order
from gateways.payment_processor import Paid, PaymentProcessor
from gateways.payment_reconciler import PaymentReconciler
from gateways.stripe import StripeGateway


def charges_under_a_fresh_id() -> None:
    """Send the gateway a new id with every request to charge."""
    authorise = StripeGateway.authorise

    @functools.wraps(authorise)
    async def authorised(gateway: StripeGateway, order: Order) -> Charge:
        return await authorise(gateway, msgspec.structs.replace(order, payment_id=uuid4()))

    patch.object(StripeGateway, "authorise", authorised).start()


def reconciler_asleep() -> None:
    """Never finish a payment that was interrupted."""

    async def run(reconciler: PaymentReconciler) -> int:
        return 0

    async def settle_due(reconciler: PaymentReconciler, booking_ids: Any) -> None:
        pass

    patch.object(PaymentReconciler, "run", run).start()
    patch.object(PaymentReconciler, "settle_due", settle_due).start()


def lapsed_payments_forgotten() -> None:
    """Never release a payment after its booking ended."""
    domain.payments._TASKS.pop(PaymentStatus.LAPSED)


def captures_recorded_before_they_are_asked() -> None:
    """Record a capture before the gateway is asked for it."""
    ask = PaymentProcessor._call

    async def asked(
        processor: PaymentProcessor,
        paid: Paid,
        payment: Payment,
        task: GatewayTask,
        first: bool,
    ) -> Charge:
        if task is GatewayTask.CAPTURE and payment.reference:
            await processor._record(paid, payment, Charge(payment.reference, ChargeStatus.CAPTURED))
        return await ask(processor, paid, payment, task, first)

    patch.object(PaymentProcessor, "_call", asked).start()


def itineraries_charged_for_one_booking() -> None:
    """Charge for the first booking of an itinerary, and book all of them."""

    def first_share(itinerary: Itinerary) -> Payment | None:
        return itinerary.payer.payment

    patch.object(Itinerary, "payment", property(first_share)).start()


GATEWAY_BREAKS = (
    charges_under_a_fresh_id,
    reconciler_asleep,
    lapsed_payments_forgotten,
    captures_recorded_before_they_are_asked,
    itineraries_charged_for_one_booking,
)
