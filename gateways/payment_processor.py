"""Payments and refunds through a gateway: ask, record the answer, repeat until the state is terminal.

What is asked was written down before, in a block of its own, so whoever reads the log can take over: another
process, or the same one after a crash. Two at once do no harm, for the gateway does each thing once, and so
does the ledger.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

from loguru import logger

from domain.booking import Booking
from domain.caller import SYSTEM
from domain.commands import RecordPayment, RecordRefund
from domain.payments import GatewayTask, Payment, PaymentOutcome
from domain.refunds import Refund, RefundStatus
from gateways import Charge, ChargeStatus, Gateway, GatewayRefund, GatewayRefused, Order
from ledger.ledger import Ledger
from ledger.log import RecordedEvent, fold, read_stream, steps
from ledger.submission import Answer, Submission, render_plain
from projections.refunds import booking_of

STEPS_MAX = 6
"""Authorise, capture and void, each once more than any payment needs."""

Rested = Callable[[Booking], bool]


class PaymentProcessor:
    """`seconds` bounds all that is done in one go for one payment or refund.

    `settle_payment` and `settle_refund` raise GatewayInDoubt, GatewayRefused, TimeoutError, and the ledger's
    Unavailable and Overloaded: whatever was recorded by then stands, and the rest may be tried again.
    """

    def __init__(self, ledger: Ledger, gateway: Gateway, seconds: float) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._seconds = seconds

    async def settle_payment(self, booking_id: UUID, *, first: bool = False) -> None:
        """Ask and record until there is nothing left to ask; `first`: nobody can have asked before."""
        async with asyncio.timeout(self._seconds):
            for _ in range(STEPS_MAX):
                events = await self._events(booking_id)
                booking = fold(events)
                assert isinstance(booking, Booking)
                payment = booking.payment
                if payment is None or payment.task is None or payment.gateway != self._gateway.name:
                    return
                charge = await self._ask(booking, payment, payment.task, first)
                await self._record(booking, payment, charge, events[-1].correlation_id)

    async def settle_refund(self, refund_id: UUID, *, first: bool = False) -> None:
        """Have the gateway pay a refund that it was asked for, unless it is known to have done so."""
        async with asyncio.timeout(self._seconds):
            async with self._ledger.read() as connection:
                booking_id = await booking_of(connection, refund_id)
            if booking_id is None:
                return
            events = await self._events(booking_id)
            booking = fold(events)
            assert isinstance(booking, Booking)
            refund = booking.refunds[refund_id]
            if refund.status is not RefundStatus.REQUESTED or refund.gateway != self._gateway.name:
                return
            repayment = await self._repay(refund, first)
            if repayment.done or repayment.code:
                command = RecordRefund(refund.id, repayment.reference or None, repayment.code)
                await self._submit(command, str(refund.id), events[-1].correlation_id)

    async def first_terminal_state(
        self, booking_id: UUID, version: int, rested: Rested
    ) -> tuple[RecordedEvent, Booking] | None:
        """The booking as it was when it first came to rest, at `version` or later, after a whole command.

        What came of a command is read off the log, so everybody who asks is told the same, whoever brought it
        about and whatever happened since.
        """
        events = await self._events(booking_id)
        for (event, booking), following in zip(steps(events), [*events[1:], None], strict=True):
            whole = following is None or following.ordinal == 1
            if whole and event.originator_version >= version and rested(booking):
                return event, booking
        return None

    async def _events(self, booking_id: UUID) -> list[RecordedEvent]:
        async with self._ledger.read() as connection:
            return await read_stream(connection, booking_id)

    async def _ask(self, booking: Booking, payment: Payment, task: GatewayTask, first: bool) -> Charge:
        if payment.reference is None:
            return await self._authorise(booking, payment, first)
        if task is GatewayTask.CAPTURE:
            return await self._gateway.capture(payment.id, payment.reference)
        return await self._gateway.void(payment.id, payment.reference)

    async def _authorise(self, booking: Booking, payment: Payment, first: bool) -> Charge:
        """What the gateway has of the payment; it is asked to authorise it only if that is nothing."""
        charges = [] if first else await self._gateway.find(payment.id)
        if charges:
            return await self._only(payment, charges)
        try:
            charge = await self._gateway.authorise(
                Order(payment.id, booking.id, payment.amount, payment.method or "")
            )
        except GatewayRefused as refused:
            return Charge("", ChargeStatus.DECLINED, refused.code)
        # Nothing was found, perhaps so long ago that somebody else had time to charge: all who look again
        # keep the older one. A search that is behind may show neither.
        charges = [] if first else await self._gateway.find(payment.id)
        if all(other.reference != charge.reference for other in charges):
            charges.append(charge)
        return await self._only(payment, charges)

    async def _only(self, payment: Payment, charges: list[Charge]) -> Charge:
        """Of several charges for one payment the one that counts, and the others are let go."""
        charge, *others = sorted(charges, key=lambda charge: _PREFERRED.index(charge.status))
        for other in others:
            await self._let_go(payment, other)
        return charge

    async def _let_go(self, payment: Payment, charge: Charge) -> None:
        """A gateway that lost our key may have authorised twice; nothing is captured unless we say so."""
        log = logger.bind(payment_id=payment.id, reference=charge.reference, status=charge.status.value)
        if charge.status is ChargeStatus.AUTHORISED:
            await self._gateway.void(payment.id, charge.reference)
            log.warning("gateway.second_charge_released")
        elif charge.status is ChargeStatus.CAPTURED:
            log.error("gateway.second_charge_captured")

    async def _repay(self, refund: Refund, first: bool) -> GatewayRefund:
        assert refund.charge is not None, "what was captured has a name"
        known = None if first else await self._gateway.find_refund(refund.id, refund.charge)
        if known is not None:
            return known
        try:
            return await self._gateway.refund(refund.id, refund.charge, refund.amount)
        except GatewayRefused as refused:
            # Perhaps because it has paid it: under a key that it has forgotten, or asked by another process.
            known = await self._gateway.find_refund(refund.id, refund.charge)
            return known or GatewayRefund("", False, refused.code)

    async def _record(self, booking: Booking, payment: Payment, charge: Charge, correlation_id: str) -> None:
        outcome = PaymentOutcome(charge.status.value)
        command = RecordPayment(booking.id, payment.id, outcome, charge.reference or None, charge.code)
        answer = await self._submit(command, f"{payment.id}-{outcome.value}", correlation_id)
        if answer.status != 200 and charge.status is ChargeStatus.AUTHORISED:
            await self._let_go_if_second(booking.id, payment, charge)

    async def _let_go_if_second(self, booking_id: UUID, payment: Payment, charge: Charge) -> None:
        """Another process was quicker, and its word is recorded: is it of the same charge?"""
        booking = fold(await self._events(booking_id))
        assert isinstance(booking, Booking)
        recorded = booking.current_payment
        if (recorded.id, recorded.reference) != (payment.id, charge.reference):
            await self._let_go(payment, charge)

    async def _submit(self, command: RecordPayment | RecordRefund, key: str, correlation_id: str) -> Answer:
        answer = await self._ledger.submit(
            Submission(command, SYSTEM, render_plain, key=key, correlation_id=correlation_id)
        )
        logger.bind(key=key, status=answer.status, position=answer.position).info("gateway.told")
        return answer


_PREFERRED = (ChargeStatus.CAPTURED, ChargeStatus.AUTHORISED, ChargeStatus.RELEASED, ChargeStatus.DECLINED)
"""Of several charges for one payment, the one that counts."""
