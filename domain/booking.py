"""A booking: seats held for a while, paid for or given back."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.money import Money
from domain.refusals import (
    AlreadyPaid,
    BookingCancelled,
    HoldExpired,
    HoldNotDue,
    PaymentInProgress,
    PriceMismatch,
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
    PENDING = "pending"
    CAPTURED = "captured"
    REFUND_DUE = "refund_due"


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

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment_id = self.payment_id
            aggregate.payment_status = PaymentStatus.PENDING

    class Booked(Event):
        TOPIC = "booking.booked"
        payment_id: UUID

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment_status = PaymentStatus.CAPTURED

    class Cancelled(Event):
        TOPIC = "booking.cancelled"
        reason: CancelReason
        note: str | None

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.CANCELLED
            aggregate.cancel_reason = self.reason

    class RefundDue(Event):
        TOPIC = "booking.refund_due"
        payment_id: UUID
        amount: Money

        def apply(self, aggregate: Booking) -> None:
            aggregate.payment_status = PaymentStatus.REFUND_DUE

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

    def hold_is_due(self, now: datetime) -> bool:
        """Has the hold run out, whether or not anybody has tidied it away?"""
        return self.status is Status.INITIATED and self.expires_at <= now

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
        self._require_payable(now)
        if amount != self.total_cost:
            raise PriceMismatch(expected=self.total_cost)
        self.trigger_event(
            self.PaymentPending,
            payment_id=payment_id,
            amount=amount,
            capture=Capture.AUTOMATIC,
            timestamp=now,
        )
        self.trigger_event(self.Booked, payment_id=payment_id, timestamp=now)

    def cancel(self, reason: CancelReason, note: str | None, now: datetime) -> None:
        """Gives the seats back; money already taken becomes a refund due. Raises BookingCancelled."""
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        captured = self.payment_status is PaymentStatus.CAPTURED
        self.trigger_event(self.Cancelled, reason=reason, note=note, timestamp=now)
        if captured:
            self.trigger_event(
                self.RefundDue, payment_id=self.payment_id, amount=self.total_cost, timestamp=now
            )

    def expire(self, now: datetime) -> None:
        """Raises HoldNotDue unless the hold has run out and nobody paid: the sweeper may be late or wrong."""
        if not self.hold_is_due(now):
            raise HoldNotDue(booking_id=self.id)
        self.cancel(CancelReason.HOLD_EXPIRED, None, now)

    def _require_payable(self, now: datetime) -> None:
        if self.status is Status.CANCELLED:
            expired = self.cancel_reason is CancelReason.HOLD_EXPIRED
            raise (
                self._hold_expired()
                if expired
                else BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
            )
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.payment_id)
        if self.status is Status.PENDING:
            raise PaymentInProgress(booking_id=self.id, payment_id=self.payment_id)
        if self.hold_is_due(now):
            raise self._hold_expired()

    def _hold_expired(self) -> HoldExpired:
        return HoldExpired(booking_id=self.id, expired_at=self.expires_at)
