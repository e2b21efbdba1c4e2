"""Refusals about a payment."""

from uuid import UUID

from domain.money import Money
from domain.refusals.base import NothingFound, Refusal, Sometimes


class AlreadyPaid(Refusal):
    """The booking is already paid for.

    Read the booking: there is nothing left to pay.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    payment_id: UUID


class PaymentInProgress(Refusal):
    """A payment for the booking is already in progress.

    Wait until it is captured, voided or declined, and read the booking again.
    """

    booking_id: UUID
    payment_id: UUID


class PriceMismatch(Refusal):
    """The amount or currency differs from the total cost of the booking.

    Show `expected` to the user, and pay that amount with a new idempotency key.
    """

    expected: Money


class PaymentNotPending(Refusal):
    """The booking has no payment that can be captured or voided.

    Read the booking: its payment is settled already, or was never made.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]


class PaymentNotFound(NothingFound):
    """There is no such payment.

    Check the id; a booking shows that of its latest payment.
    """

    payment_id: Sometimes[UUID]


class PaymentDeclined(Refusal):
    """The payment was declined.

    Pay by another means of payment, with a new idempotency key.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    payment_id: UUID
    reason: str | None


class TooManyPayments(Refusal):
    """Too many payments for this booking were declined.

    Make a new booking.
    """

    booking_id: UUID
    declined: int
