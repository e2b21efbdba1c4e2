"""Itineraries: bookings of up to eight flights that are made together, held together and paid together."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.money import Money, total
from domain.payments import Payment, PaymentStatus
from domain.refusals.bookings import BookingCancelled, BookingNotFound
from domain.refusals.payments import PriceMismatch


class Itinerary:
    """All bookings of one itinerary, in the order of the request, which is the order of their ids.

    It has no events of its own: each booking names its itinerary, and all else follows from the bookings.
    Between two commands its live bookings have the same status, and the same payment.
    """

    def __init__(self, id: UUID, bookings: Iterable[Booking]) -> None:
        self.id = id
        self.bookings = sorted(bookings, key=lambda booking: booking.id)

    @property
    def user_id(self) -> str:
        return self.bookings[0].user_id

    @property
    def version(self) -> int:
        """The number of events after those that made the bookings, counted from 1."""
        return 1 + sum(booking.version - 1 for booking in self.bookings)

    @property
    def live(self) -> list[Booking]:
        """The bookings that are not cancelled."""
        return [booking for booking in self.bookings if booking.status is not Status.CANCELLED]

    @property
    def status(self) -> Status:
        """The status of the live bookings; cancelled if none is live."""
        return (self.live or self.bookings)[0].status

    @property
    def changed(self) -> list[Booking]:
        """The bookings with events that are not recorded yet."""
        return [booking for booking in self.bookings if booking.pending_events]

    @property
    def total_cost(self) -> Money:
        """The cost of the live bookings; the cost of all bookings if none is live."""
        return total([booking.total_cost for booking in self.live or self.bookings])

    @property
    def expires_at(self) -> datetime:
        """The first end of a hold; a changed departure can end that of one booking earlier."""
        return min(booking.expires_at for booking in self.live or self.bookings)

    @property
    def cancel_reason(self) -> CancelReason | None:
        """The reason why no booking is live: an expired hold, if there is one, or else that of the first."""
        reasons = [booking.cancel_reason for booking in self.bookings]
        if self.live:
            return None
        return CancelReason.HOLD_EXPIRED if CancelReason.HOLD_EXPIRED in reasons else reasons[0]

    @property
    def payment(self) -> Payment | None:
        """The latest payment, with the total of the shares that the bookings have in it."""
        latest = self.payer.payment
        if latest is None:
            return None
        payments = [booking.payment for booking in self.bookings]
        total = sum(one.amount.amount for one in payments if one and one.id == latest.id)
        return latest.with_amount(Money(total, latest.amount.currency))

    @property
    def current_payment(self) -> Payment:
        """The payment of an itinerary that must have one."""
        payment = self.payment
        assert payment is not None
        return payment

    @property
    def payer(self) -> Booking:
        """The booking that shows the latest payment: a live one, or else one with a lapsed payment."""
        return min(self.bookings, key=_payer_order)

    def paying(self, payment_id: UUID | None = None) -> list[Booking]:
        """Return the bookings with an open share in a payment, by default in the latest one."""
        latest = self.payer.payment
        id = payment_id or (latest.id if latest else None)
        return [
            booking
            for booking in self.bookings
            if (payment := booking.payment)
            and payment.id == id
            and (payment.in_progress or payment.status is PaymentStatus.LAPSED)
        ]

    def require_payable(self, amount: Money, now: datetime) -> None:
        """Check that the whole itinerary can be paid for now.

        Raises AlreadyPaid, HoldExpired, BookingCancelled, PaymentInProgress, PriceMismatch.
        """
        live = self.live
        booked = [booking for booking in live if booking.status is Status.BOOKED]
        expired = [one for one in self.bookings if one.cancel_reason is CancelReason.HOLD_EXPIRED]
        for booking in booked or expired or live or self.bookings:
            booking.require_unpaid(now)
        if not amount.settles(self.total_cost):
            raise PriceMismatch(expected=self.total_cost)

    def pay(self, payment_id: UUID, amount: Money, now: datetime) -> None:
        """Authorise and capture one payment for all live bookings. Raises as `require_payable` does."""
        self.require_payable(amount, now)
        for booking in self.live:
            booking.pay(payment_id, booking.total_cost, now)

    def authorise(self, payment_id: UUID, amount: Money, capture_before: datetime, now: datetime) -> None:
        """Authorise one payment, captured or voided later. Raises as `require_payable` does."""
        self.require_payable(amount, now)
        for booking in self.live:
            booking.authorise(payment_id, booking.total_cost, capture_before, now)

    def capture(self, has_seats: bool, refund_ids: Sequence[UUID], now: datetime) -> None:
        """Capture the payment of all its bookings.

        If it is late, all of them are seated again or all become refunds due; the share of a booking that
        was cancelled meanwhile is a refund due. Raises BookingCancelled, AlreadyPaid, PaymentNotPending.
        """
        paying = self.paying()
        if not paying:
            self.payer.require_pending()
        for booking, refund_id in zip(paying, refund_ids, strict=False):
            if booking.is_late(now):
                booking.capture_late(has_seats, refund_id, now)
            else:
                booking.capture(now)

    def require_cancellable(self, booking_ids: Collection[UUID] | None) -> list[Booking]:
        """Return the bookings with these ids, by default all live ones.

        Raises BookingNotFound, BookingCancelled.
        """
        if booking_ids is None:
            chosen = self.live or self.bookings
        else:
            by_id = {booking.id: booking for booking in self.bookings}
            for id in booking_ids:
                if id not in by_id:
                    raise BookingNotFound("The itinerary has no such booking.", booking_id=id)
            chosen = [booking for booking in self.bookings if booking.id in booking_ids]
        for booking in chosen:
            if booking.status is Status.CANCELLED:
                raise BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
        return chosen


def _payer_order(booking: Booking) -> tuple[bool, bool, bool]:
    lapsed = booking.payment is not None and booking.payment.status is PaymentStatus.LAPSED
    return booking.status is Status.CANCELLED, not lapsed, booking.payment is None
