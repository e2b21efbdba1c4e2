"""Commands about payments and refunds."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, UnsetType

from domain.commands.base import BookingCommand, RefundCommand
from domain.commands.fields import Note, PaymentMethod, Reason, UserId
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from domain.personal import Personal
from domain.read_set import ReadSet


class PayBooking(BookingCommand):
    """Pay the `total_cost` of a booking, in one step or by a later capture."""

    OPERATION = "pay_booking"
    READS_DEPARTURES = True

    user_id: UserId
    total_cost: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: PaymentMethod | UnsetType = UNSET


class CapturePayment(BookingCommand):
    OPERATION = "capture_payment"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.captures.add(self.booking_id)


class VoidPayment(BookingCommand):
    OPERATION = "void_payment"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]


class SettleRefund(RefundCommand):
    """`by_hand`: true if an operator has paid it, false to pay it through the gateway.

    Unset: through the gateway if the payment came through it, or else by hand.
    """

    OPERATION = "settle_refund"

    reference: Note | None = None
    by_hand: bool | UnsetType = UNSET


class RecordPayment(BookingCommand):
    """Record what became of a payment at the gateway: its `reference` there, a `code` if it was declined."""

    OPERATION = "record_payment"
    MOVES_SEATS = True

    payment_id: UUID
    outcome: PaymentOutcome
    reference: str | None = None
    code: str | None = None

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.captures.add(self.booking_id)


class RecordRefund(RefundCommand):
    """Record the outcome of a refund at the gateway: paid, or refused for good with a `code`."""

    OPERATION = "record_refund"

    reference: str | None = None
    code: str | None = None
