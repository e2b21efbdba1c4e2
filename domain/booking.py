"""A booking: seats held for a while, paid for or given back."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.money import Money
from domain.refunds import Refund, RefundReason
from domain.refusals import (
    AlreadyPaid,
    BookingCancelled,
    HoldExpired,
    HoldNotDue,
    PaymentInProgress,
    PaymentNotPending,
    PriceMismatch,
    RefundAlreadySettled,
    SeatsNotFewer,
    StaleVersion,
)


class Status(Enum):
    INITIATED = "initiated"
    PENDING = "pending"
    BOOKED = "booked"
    CANCELLED = "cancelled"


class CancelReason(Enum):
    REQUESTED = "requested"
    HOLD_EXPIRED = "hold_expired"
    FLIGHT_CANCELLED = "flight_cancelled"


class Capture(Enum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class PaymentStatus(Enum):
    """`lapsed`: authorised, and the booking ended before anybody captured it."""

    PENDING = "pending"
    CAPTURED = "captured"
    VOIDED = "voided"
    LAPSED = "lapsed"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class Booking(Aggregate):
    """`seats` seats of one flight for one user, at the price of the moment it was made."""

    TOPIC = "booking"

    class Event(Aggregate.Event):
        TOPIC = "booking.event"

    class Initiated(Event, Aggregate.Created):
        TOPIC = "booking.initiated"
        flight_id: UUID
        user_id: str
        seats: int
        total_cost: Money
        expires_at: datetime

    class PaymentPending(Event):
        TOPIC = "booking.payment_pending"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime | None = None

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment_id = self.payment_id
            aggregate.payment_status = PaymentStatus.PENDING
            aggregate.capture_before = self.capture_before

    class Booked(Event):
        TOPIC = "booking.booked"
        payment_id: UUID

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment_status = PaymentStatus.CAPTURED
            aggregate.capture_before = None

    class PaymentVoided(Event):
        TOPIC = "booking.payment_voided"
        payment_id: UUID
        reason: str

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.INITIATED
            aggregate.payment_status = PaymentStatus.VOIDED
            aggregate.capture_before = None

    class Reseated(Event):
        """The seats are held again, because the money came after all."""

        TOPIC = "booking.reseated"
        payment_id: UUID

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.cancel_reason = None
            aggregate.payment_status = PaymentStatus.PENDING

    class SeatsReduced(Event):
        TOPIC = "booking.seats_reduced"
        seats: int
        total_cost: Money

        def apply(self, aggregate: Booking) -> None:
            aggregate.seats = self.seats
            aggregate.total_cost = self.total_cost

    class Cancelled(Event):
        TOPIC = "booking.cancelled"
        reason: CancelReason
        note: str | None

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.CANCELLED
            aggregate.cancel_reason = self.reason
            aggregate.capture_before = None
            if aggregate.payment_status is PaymentStatus.PENDING:
                aggregate.payment_status = PaymentStatus.LAPSED

    class RefundDue(Event):
        """The first releases wrote neither `refund_id`, for which the payment's stands, nor `reason`."""

        TOPIC = "booking.refund_due"
        payment_id: UUID
        amount: Money
        refund_id: UUID | None = None
        reason: RefundReason = RefundReason.BOOKING_CANCELLED

        def apply(self, aggregate: Booking) -> None:
            refund_id = self.refund_id or self.payment_id
            # A new dictionary: rows that were made from the old one stay as they are.
            aggregate.refunds = aggregate.refunds | {
                refund_id: Refund(refund_id, self.payment_id, self.amount, self.reason, self.timestamp)
            }
            if aggregate.status is Status.CANCELLED:
                aggregate.payment_status = PaymentStatus.REFUND_DUE

    class RefundSettled(Event):
        TOPIC = "booking.refund_settled"
        refund_id: UUID
        reference: str | None

        def apply(self, aggregate: Booking) -> None:
            settled = aggregate.refunds[self.refund_id].settled(self.timestamp, self.reference)
            aggregate.refunds = aggregate.refunds | {self.refund_id: settled}
            due = any(refund.is_due for refund in aggregate.refunds.values())
            if aggregate.status is Status.CANCELLED and not due:
                aggregate.payment_status = PaymentStatus.REFUNDED

    def __init__(
        self, flight_id: UUID, user_id: str, seats: int, total_cost: Money, expires_at: datetime
    ) -> None:
        self.flight_id = flight_id
        self.user_id = user_id
        self.seats = seats
        self.total_cost = total_cost
        self.expires_at = expires_at
        self.status = Status.INITIATED
        self.cancel_reason: CancelReason | None = None
        self.payment_id: UUID | None = None
        self.payment_status: PaymentStatus | None = None
        self.capture_before: datetime | None = None
        self.refunds: dict[UUID, Refund] = {}

    @classmethod
    def initiate(
        cls,
        *,
        id: UUID,
        flight_id: UUID,
        user_id: str,
        seats: int,
        total_cost: Money,
        expires_at: datetime,
        now: datetime,
    ) -> Booking:
        """The caller has checked that the flight has these seats free."""
        return cls._create(
            cls.Initiated,
            id=id,
            flight_id=flight_id,
            user_id=user_id,
            seats=seats,
            total_cost=total_cost,
            expires_at=expires_at,
            timestamp=now,
        )

    @property
    def held_until(self) -> datetime | None:
        """When the clock takes the seats back; None when it never does."""
        if self.status is Status.PENDING:
            return self.capture_before
        return self.expires_at if self.status is Status.INITIATED else None

    def hold_is_due(self, now: datetime) -> bool:
        """Has the hold run out, whether or not anybody has tidied it away?"""
        until = self.held_until
        return until is not None and until <= now

    def require_version(self, expected: int | None) -> None:
        """Raises StaleVersion unless `expected` (from If-Match) is the current version or None."""
        if expected is not None and expected != self.version:
            raise StaleVersion(
                f"The booking is at version {self.version}.", expected=expected, version=self.version
            )

    def pay(self, payment_id: UUID, amount: Money, now: datetime) -> None:
        """Automatic capture: pending and booked, both recorded.

        Raises, checked in this order: BookingCancelled or HoldExpired, AlreadyPaid, PaymentInProgress,
        HoldExpired, PriceMismatch.
        """
        self._require_payable(amount, now)
        self._authorise(payment_id, Capture.AUTOMATIC, None, now)
        self.trigger_event(self.Booked, payment_id=payment_id, timestamp=now)

    def authorise(self, payment_id: UUID, amount: Money, capture_before: datetime, now: datetime) -> None:
        """Manual capture: pending until it is captured or voided; the seats stay held until `capture_before`,
        or until the hold ends if that is later. Raises as `pay` does.
        """
        self._require_payable(amount, now)
        self._authorise(payment_id, Capture.MANUAL, max(capture_before, self.expires_at), now)

    def is_late(self, now: datetime) -> bool:
        """Would a capture come after the seats went back?"""
        return self.payment_status is PaymentStatus.LAPSED or (
            self.payment_status is PaymentStatus.PENDING and self.hold_is_due(now)
        )

    def capture(self, now: datetime) -> None:
        """The pending payment's money is ours. Raises BookingCancelled, AlreadyPaid, PaymentNotPending."""
        self._require_pending()
        self.trigger_event(self.Booked, payment_id=self.payment_id, timestamp=now)

    @property
    def may_be_seated_again(self) -> bool:
        """Did it lose its seats to the clock alone, with a payment on its way?"""
        return self.payment_status is PaymentStatus.LAPSED and self.cancel_reason is CancelReason.HOLD_EXPIRED

    def capture_late(self, has_seats: bool, refund_id: UUID, now: datetime) -> None:
        """The money came after the seats went back: seated again if there are seats for it, or a refund due.

        Seats that the customer gave back, or that went with the flight, are not taken again.
        """
        if self.status is Status.PENDING:
            self.expire(now)
        if has_seats and self.may_be_seated_again:
            self.trigger_event(self.Reseated, payment_id=self.payment_id, timestamp=now)
            self.trigger_event(self.Booked, payment_id=self.payment_id, timestamp=now)
        else:
            self._owe(refund_id, self.total_cost, RefundReason.LATE_PAYMENT, now)

    def void(self, reason: str, now: datetime) -> None:
        """Lets the authorisation go; a hold that has run out meanwhile goes with it.

        Raises BookingCancelled, AlreadyPaid, PaymentNotPending.
        """
        self._require_pending()
        self.trigger_event(self.PaymentVoided, payment_id=self.payment_id, reason=reason, timestamp=now)
        if self.hold_is_due(now):
            self.trigger_event(self.Cancelled, reason=CancelReason.HOLD_EXPIRED, note=None, timestamp=now)

    def reduce_seats(self, seats: int, refund_id: UUID, now: datetime) -> None:
        """Give some seats back; what was paid for them becomes a refund due.

        Raises BookingCancelled, HoldExpired, PaymentInProgress, SeatsNotFewer.
        """
        self._require_live(now)
        if self.status is Status.PENDING:
            raise PaymentInProgress(booking_id=self.id, payment_id=self.payment_id)
        if seats >= self.seats:
            raise SeatsNotFewer(f"The booking has {self.seats} seats.", asked=seats, seats=self.seats)
        kept = Money(self.total_cost.amount // self.seats * seats, self.total_cost.currency)
        share = Money(self.total_cost.amount - kept.amount, kept.currency)
        self.trigger_event(self.SeatsReduced, seats=seats, total_cost=kept, timestamp=now)
        if self.status is Status.BOOKED:
            self._owe(refund_id, share, RefundReason.SEATS_REDUCED, now)

    def cancel(self, reason: CancelReason, note: str | None, refund_id: UUID, now: datetime) -> None:
        """Gives the seats back; money already taken becomes a refund due. Raises BookingCancelled."""
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        captured = self.payment_status is PaymentStatus.CAPTURED
        self.trigger_event(self.Cancelled, reason=reason, note=note, timestamp=now)
        if captured:
            flight = reason is CancelReason.FLIGHT_CANCELLED
            why = RefundReason.FLIGHT_CANCELLED if flight else RefundReason.BOOKING_CANCELLED
            self._owe(refund_id, self.total_cost, why, now)

    def settle_refund(self, refund_id: UUID, reference: str | None, now: datetime) -> None:
        """The customer has the money back. Raises RefundAlreadySettled."""
        refund = self.refunds[refund_id]
        if not refund.is_due:
            raise RefundAlreadySettled(refund_id=refund_id, settled_at=refund.settled_at)
        self.trigger_event(self.RefundSettled, refund_id=refund_id, reference=reference, timestamp=now)

    def expire(self, now: datetime) -> None:
        """Raises HoldNotDue unless the hold has run out and nobody paid: the sweeper may be late or wrong."""
        if not self.hold_is_due(now):
            raise HoldNotDue(booking_id=self.id)
        self.trigger_event(self.Cancelled, reason=CancelReason.HOLD_EXPIRED, note=None, timestamp=now)

    def _authorise(
        self, payment_id: UUID, capture: Capture, capture_before: datetime | None, now: datetime
    ) -> None:
        self.trigger_event(
            self.PaymentPending,
            payment_id=payment_id,
            amount=self.total_cost,
            capture=capture,
            capture_before=capture_before,
            timestamp=now,
        )

    def _owe(self, refund_id: UUID, amount: Money, reason: RefundReason, now: datetime) -> None:
        self.trigger_event(
            self.RefundDue,
            payment_id=self.payment_id,
            amount=amount,
            refund_id=refund_id,
            reason=reason,
            timestamp=now,
        )

    def _require_pending(self) -> None:
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.payment_id)
        if self.status is Status.INITIATED:
            raise PaymentNotPending(booking_id=self.id)

    def _require_payable(self, amount: Money, now: datetime) -> None:
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.payment_id)
        self._require_live(now)
        if self.status is Status.PENDING:
            raise PaymentInProgress(booking_id=self.id, payment_id=self.payment_id)
        if amount != self.total_cost:
            raise PriceMismatch(expected=self.total_cost)

    def _require_live(self, now: datetime) -> None:
        """Neither cancelled nor past its hold."""
        if self.hold_is_due(now) or self.cancel_reason is CancelReason.HOLD_EXPIRED:
            raise HoldExpired(booking_id=self.id, expired_at=self.held_until or self.expires_at)
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
