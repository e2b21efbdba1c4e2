"""A second charge of one payment is released, and the charge that the ledger recorded never is."""

from uuid import UUID

import pytest

from domain.booking import Booking
from domain.commands.payments import PayBooking, RecordPayment
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from gateways import Charge, ChargeStatus, Gateway, Order
from gateways.payment_processor import PaymentProcessor
from ledger.ledger import open_ledger
from ledger.log import fold, read_stream
from runtime.settings import Settings
from tests.desk import SEAT, Desk


class TwoCharges(Gateway):
    """A gateway that lost its keys: `authorise` answers `reference`, and another process is faster."""

    name = "simulator"

    def __init__(self, desk: Desk, recorded: str, reference: str) -> None:
        self.desk = desk
        self.recorded = recorded
        self.reference = reference
        self.voided: list[str] = []

    async def authorise(self, order: Order) -> Charge:
        command = RecordPayment(order.booking_id, order.payment_id, PaymentOutcome.AUTHORISED, self.recorded)
        await self.desk.submit(command, key="the other process")
        return Charge(self.reference, ChargeStatus.AUTHORISED)

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        self.voided.append(reference)
        return Charge(reference, ChargeStatus.RELEASED)


@pytest.mark.parametrize(("reference", "voided"), [("pi_2", ["pi_2"]), ("pi_1", [])])
async def test_only_an_authorisation_with_another_reference_is_released(
    database_url: str, reference: str, voided: list[str]
) -> None:
    async with open_ledger(database_url, Settings(gateway="simulator")) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        booking_id = (await desk.hold(flight, "alice")).subject_id
        assert booking_id
        cost = Money(SEAT.amount, SEAT.currency)
        await desk.submit(PayBooking(booking_id, "alice", cost, Capture.MANUAL, "pm_card_visa"), "alice")
        gateway = TwoCharges(desk, "pi_1", reference)
        await PaymentProcessor(ledger, gateway, 10).settle_payment(booking_id, first=True)
        assert gateway.voided == voided
        async with ledger.read() as connection:
            booking = fold(await read_stream(connection, booking_id))
        assert isinstance(booking, Booking)
        assert booking.current_payment.reference == "pi_1"
