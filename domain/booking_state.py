"""The state of a booking, which follows from its events."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
from eventsourcing.domain import Aggregate

from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.passengers import Passenger, Travel
from domain.payments import Payment, PaymentStatus
from domain.reference import reference_of
from domain.refunds import Refund
from domain.schedule import ScheduleChange


class Status(Enum):
    """Status of a booking. `initiated`: seats held, `pending`: payment authorised. `cancelled` is final."""

    INITIATED = "initiated"
    PENDING = "pending"
    BOOKED = "booked"
    CANCELLED = "cancelled"


class CancelReason(Enum):
    REQUESTED = "requested"
    HOLD_EXPIRED = "hold_expired"
    FLIGHT_CANCELLED = "flight_cancelled"
    DENIED_BOARDING = "denied_boarding"


class BookingState:
    """What is known of a booking, and what follows from it at an instant."""

    class Event(Aggregate.Event):
        TOPIC = "booking.event"

    def __init__(
        self,
        flight_id: UUID,
        user_id: str,
        seats: int,
        total_cost: Money,
        expires_at: datetime,
        itinerary_id: UUID | None = None,
        cancellation_policy: CancellationPolicy | None = None,
    ) -> None:
        self.flight_id = flight_id
        self.user_id = user_id
        self.seats = seats
        self.total_cost = total_cost
        self.expires_at = expires_at
        self.itinerary_id = itinerary_id
        self.cancellation_policy = cancellation_policy
        """The policy of the flight when the booking was made."""
        self.status = Status.INITIATED
        self.cancel_reason: CancelReason | None = None
        self.payment: Payment | None = None
        self.declined_payments = 0
        """Number of payments that the gateway declined."""
        self.refunds: dict[UUID, Refund] = {}
        self.travel: Travel | None = None
        self.latest_change: ScheduleChange | None = None
        """The latest change of times since the booking was made or its customer accepted a change."""
        self.split_from: UUID | None = None
        """The booking that it was a part of."""
        self.passengers: list[Passenger] = []
        """Never changed in place, because rows of the views share it."""
        self.first_position = 0
        """Position of its first event; known to the ledger, which sets it."""

    def set_ends(self, expires_at: datetime, capture_before: datetime | None) -> None:
        """Set the ends of its hold and, while a payment is in progress, of that payment."""
        self.expires_at = expires_at
        if self.status is Status.PENDING:
            self.payment = msgspec.structs.replace(self.current_payment, capture_before=capture_before)

    @property
    def reference(self) -> str:
        return reference_of(self.first_position)

    @property
    def current_payment(self) -> Payment:
        """The payment of a booking that must have one."""
        assert self.payment is not None
        return self.payment

    @property
    def passengers_json(self) -> str | None:
        """The passengers as stored in the view; None if there are none."""
        return msgspec.json.encode(self.passengers).decode() if self.passengers else None

    @property
    def paid(self) -> Money:
        """Amount that was paid and is neither refunded nor owed back."""
        return self.total_cost if self.status is Status.BOOKED else Money(0, self.total_cost.currency)

    def refund_of(self, paid: Money, now: datetime) -> Money:
        """Return what a cancellation on request gives back of this amount that was paid.

        That is all of it while the customer may still answer a change of the flight's times.
        """
        policy, change = self.cancellation_policy, self.latest_change
        may_withdraw = change is not None and change.accept_before is not None and now < change.accept_before
        return paid if policy is None or may_withdraw else policy.refund_of(paid, now)

    @property
    def schedule_change(self) -> ScheduleChange | None:
        """The change of times that awaits an answer."""
        change = self.latest_change
        is_open = change is not None and change.accept_before is not None
        return change if is_open and self.status is not Status.CANCELLED else None

    @property
    def held_until(self) -> datetime | None:
        """Time at which the seats are taken back; None means never."""
        if self.status is Status.PENDING:
            return self.current_payment.capture_before
        return self.expires_at if self.status is Status.INITIATED else None

    def hold_is_due(self, now: datetime) -> bool:
        """Return whether the hold has expired, even if no event records that yet."""
        until = self.held_until
        return until is not None and until <= now

    def unpaid_seats(self, now: datetime) -> int:
        """Return the number of seats that are held without a payment."""
        return self.seats if self.status is Status.INITIATED and self.expires_at > now else 0

    def is_late(self, now: datetime) -> bool:
        """Return whether a capture now would come after the booking lost its seats."""
        payment = self.payment
        return payment is not None and (
            payment.status is PaymentStatus.LAPSED or (payment.in_progress and self.hold_is_due(now))
        )

    @property
    def may_be_seated_again(self) -> bool:
        """True if the hold expired while a payment was in progress, and nothing else ended the booking."""
        lapsed = self.payment is not None and self.payment.status is PaymentStatus.LAPSED
        return lapsed and self.cancel_reason is CancelReason.HOLD_EXPIRED
