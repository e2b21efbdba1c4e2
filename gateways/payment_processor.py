"""Payments and refunds through a gateway: call it, record the answer, repeat until the state is terminal.

The intent is recorded in a block before the call, so any process can continue from the log after a crash.
Two processes at once are safe: the gateway and the ledger each do a thing once.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

from loguru import logger

from domain.booking import Booking
from domain.caller import SYSTEM
from domain.commands.itineraries import RecordItineraryPayment
from domain.commands.payments import RecordPayment, RecordRefund
from domain.itinerary import Itinerary
from domain.payments import GatewayTask, Payment, PaymentOutcome
from domain.refunds import Refund, RefundStatus
from gateways import Charge, ChargeStatus, Gateway, GatewayRefund, GatewayRefused, Order
from gateways.command_outcomes import Payable
from ledger.itineraries import itinerary_steps, read_itinerary
from ledger.ledger import Ledger
from ledger.log import RecordedEvent, fold, read_stream, steps
from ledger.submission import Answer, Submission, render_plain
from projections.refunds import booking_of

STEPS_MAX = 6
"""Authorise, capture and void, each once more than a payment needs."""

IsSettled = Callable[[Payable], bool]


class Paid(NamedTuple):
    """What a payment is for, and the events that it follows from."""

    payable: Payable
    events: list[RecordedEvent]

    @property
    def correlation_id(self) -> str:
        return self.events[-1].correlation_id

    @property
    def first_booking(self) -> Booking:
        """The booking, or the first one of the itinerary, cancelled or not, with a share in the payment."""
        if isinstance(self.payable, Booking):
            return self.payable
        id = self.payable.current_payment.id
        return next(one for one in self.payable.bookings if one.payment and one.payment.id == id)


class PaymentProcessor:
    """`seconds` limits one attempt to settle one payment or refund.

    `settle_payment` and `settle_refund` raise GatewayInDoubt, GatewayRefused, TimeoutError, and the ledger's
    Unavailable and Overloaded. Recorded steps stand, and the call may be repeated.
    """

    def __init__(self, ledger: Ledger, gateway: Gateway, seconds: float) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._seconds = seconds

    async def settle_payment(self, booking_id: UUID, *, first: bool = False) -> None:
        """Call the gateway and record answers until the payment of the booking or its itinerary is settled.

        `first` states that no earlier call can exist, which saves a search.
        """
        async with asyncio.timeout(self._seconds):
            for _ in range(STEPS_MAX):
                paid = await self._paid(booking_id)
                payment = paid.payable.payment
                if payment is None or payment.task is None or payment.gateway != self._gateway.name:
                    return
                charge = await self._call(paid, payment, payment.task, first)
                await self._record(paid, payment, charge)

    async def settle_refund(self, refund_id: UUID, *, first: bool = False) -> None:
        """Have the gateway pay a requested refund, unless it has done so. `first` as in `settle_payment`."""
        async with asyncio.timeout(self._seconds):
            async with self._ledger.read() as connection:
                booking_id = await booking_of(connection, refund_id)
            if booking_id is None:
                return
            booking, events = await self._paid_alone(booking_id)
            assert isinstance(booking, Booking)
            refund = booking.refunds[refund_id]
            if refund.status is not RefundStatus.REQUESTED or refund.gateway != self._gateway.name:
                return
            gateway_refund = await self._refund(refund, first)
            if gateway_refund.done or gateway_refund.code:
                command = RecordRefund(refund.id, gateway_refund.reference or None, gateway_refund.code)
                await self._submit(command, str(refund.id), events[-1].correlation_id)

    async def first_terminal_state(
        self, booking_id: UUID, position: int, is_settled: IsSettled, *, of_itinerary: bool
    ) -> tuple[RecordedEvent, Payable] | None:
        """Return the booking, or its itinerary if so asked, in its first settled state from `position` on.

        The state is one after a complete command. The outcome of a command is read from the log, so every
        caller gets the same answer, whichever process settled it and whatever happened since.
        """
        paid = await (self._paid(booking_id) if of_itinerary else self._paid_alone(booking_id))
        for (event, payable), following in zip(_steps(paid), [*paid.events[1:], None], strict=True):
            ends_command = (
                following is None or following.position_before_command != event.position_before_command
            )
            if ends_command and event.position >= position and is_settled(payable):
                return event, payable
        return None

    async def _paid(self, booking_id: UUID) -> Paid:
        """Return the booking, or its itinerary if it has one."""
        alone = await self._paid_alone(booking_id)
        id = alone.first_booking.itinerary_id
        if id is None:
            return alone
        async with self._ledger.read() as connection:
            _, events = await read_itinerary(connection, id)
        *_, (_, _, itinerary) = itinerary_steps(id, events)
        return Paid(itinerary, events)

    async def _paid_alone(self, booking_id: UUID) -> Paid:
        events = await self._events(booking_id)
        booking = fold(events)
        assert isinstance(booking, Booking)
        return Paid(booking, events)

    async def _events(self, booking_id: UUID) -> list[RecordedEvent]:
        async with self._ledger.read() as connection:
            return await read_stream(connection, booking_id)

    async def _call(self, paid: Paid, payment: Payment, task: GatewayTask, first: bool) -> Charge:
        if payment.reference is None:
            return await self._authorise(paid, payment, first)
        if task is GatewayTask.CAPTURE:
            return await self._gateway.capture(payment.id, payment.reference)
        # An attempt that failed after it had charged, at a gateway that lost the key, left a second charge.
        for other in await self._gateway.find(payment.id):
            if other.reference != payment.reference:
                await self._release(payment, other)
        return await self._gateway.void(payment.id, payment.reference)

    async def _authorise(self, paid: Paid, payment: Payment, first: bool) -> Charge:
        """Return the charge of the payment. Authorise it only if the gateway has none."""
        charges = [] if first else await self._gateway.find(payment.id)
        if charges:
            return await self._keep_one(payment, charges)
        try:
            charge = await self._gateway.authorise(
                Order(payment.id, paid.first_booking.id, payment.amount, payment.method or "")
            )
        except GatewayRefused as refused:
            return Charge("", ChargeStatus.DECLINED, refused.code)
        # Another process may have charged since the first search: all that search again keep the older
        # charge. A search that lags may find neither.
        charges = [] if first else await self._gateway.find(payment.id)
        if all(other.reference != charge.reference for other in charges):
            charges.append(charge)
        return await self._keep_one(payment, charges)

    async def _keep_one(self, payment: Payment, charges: list[Charge]) -> Charge:
        """Return the charge that counts and release all others."""
        charge, *others = sorted(charges, key=lambda charge: _PREFERRED.index(charge.status))
        for other in others:
            await self._release(payment, other)
        return charge

    async def _release(self, payment: Payment, charge: Charge) -> None:
        """Release a second charge. A gateway that lost the key may authorise twice; only we capture."""
        log = logger.bind(payment_id=payment.id, reference=charge.reference, status=charge.status.value)
        if charge.status is ChargeStatus.AUTHORISED:
            await self._gateway.void(payment.id, charge.reference)
            log.warning("gateway.second_charge_released")
        elif charge.status is ChargeStatus.CAPTURED:
            log.error("gateway.second_charge_captured")

    async def _refund(self, refund: Refund, first: bool) -> GatewayRefund:
        assert refund.charge is not None, "a captured charge has a reference"
        known = None if first else await self._gateway.find_refund(refund.id, refund.charge)
        if known is not None:
            return known
        try:
            return await self._gateway.refund(refund.id, refund.charge, refund.amount)
        except GatewayRefused as refused:
            # The refund may exist already: its key has expired, or another process requested it.
            known = await self._gateway.find_refund(refund.id, refund.charge)
            return known or GatewayRefund("", False, refused.code)

    async def _record(self, paid: Paid, payment: Payment, charge: Charge) -> None:
        outcome = PaymentOutcome(charge.status.value)
        kind = RecordItineraryPayment if isinstance(paid.payable, Itinerary) else RecordPayment
        command = kind(paid.payable.id, payment.id, outcome, charge.reference or None, charge.code)
        answer = await self._submit(command, f"{payment.id}-{outcome.value}", paid.correlation_id)
        if answer.status != 200 and charge.status is ChargeStatus.AUTHORISED:
            await self._release_if_second(paid.first_booking.id, payment, charge)

    async def _release_if_second(self, booking_id: UUID, payment: Payment, charge: Charge) -> None:
        """Release the charge if another process recorded a different one first."""
        recorded = (await self._paid(booking_id)).payable.current_payment
        if (recorded.id, recorded.reference) != (payment.id, charge.reference):
            await self._release(payment, charge)

    async def _submit(
        self, command: RecordPayment | RecordItineraryPayment | RecordRefund, key: str, correlation_id: str
    ) -> Answer:
        answer = await self._ledger.submit(
            Submission(command, SYSTEM, render_plain, key=key, correlation_id=correlation_id)
        )
        logger.bind(key=key, status=answer.status, position=answer.position).info("gateway.told")
        return answer


def _steps(paid: Paid) -> Iterator[tuple[RecordedEvent, Payable]]:
    """Yield each event with the booking or the itinerary right after it."""
    if isinstance(paid.payable, Booking):
        yield from steps(paid.events)
    else:
        for event, _, itinerary in itinerary_steps(paid.payable.id, paid.events):
            yield event, itinerary


_PREFERRED = (ChargeStatus.CAPTURED, ChargeStatus.AUTHORISED, ChargeStatus.RELEASED, ChargeStatus.DECLINED)
"""Order of preference among several charges for one payment."""
