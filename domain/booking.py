"""Bookings: seats that are held for a limited time, then paid for or given back."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.domain import Aggregate

from domain.money import Money
from domain.payments import Capture, Payment, PaymentStatus
from domain.personal import PersonalText, PersonName
from domain.reference import reference_of
from domain.refunds import Refund, RefundReason, RefundStatus
from domain.refusals import (
    AlreadyPaid,
    BookingCancelled,
    BookingInItinerary,
    BookingNotPaid,
    HoldExpired,
    HoldNotDue,
    PaymentInProgress,
    PaymentNotPending,
    PriceMismatch,
    RefundAlreadySettled,
    RefundInProgress,
    SeatsNotFewer,
    TravelAlreadyRecorded,
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
    DENIED_BOARDING = "denied_boarding"


class Travel(Enum):
    """What became of a paid booking after the departure."""

    FLOWN = "flown"
    NO_SHOW = "no_show"


class Booking(Aggregate):
    """Seats of one flight for one user, at the price at the time of the booking."""

    TOPIC = "booking"

    class Event(Aggregate.Event):
        TOPIC = "booking.event"

    class Initiated(Event, Aggregate.Created):
        TOPIC = "booking.initiated"
        flight_id: UUID
        user_id: PersonName
        seats: int
        total_cost: Money
        expires_at: datetime
        itinerary_id: UUID | None = None

        def mutate(self, aggregate: Any) -> Any:
            """Return the new booking. The library looks up the parameters of the constructors each time."""
            assert aggregate is None
            booking = object.__new__(Booking)
            booking.__base_init__(self.originator_id, self.originator_version, self.timestamp)
            Booking.__init__(
                booking,
                self.flight_id,
                self.user_id,
                self.seats,
                self.total_cost,
                self.expires_at,
                self.itinerary_id,
            )
            return booking

    class PaymentPending(Event):
        TOPIC = "booking.payment_pending"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime | None = None

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment = Payment(
                self.payment_id, self.amount, self.capture, self.capture_before, PaymentStatus.PENDING
            )

    class PaymentRequested(Event):
        """Recorded before the request is sent, so that the log knows every charge at the gateway."""

        TOPIC = "booking.payment_requested"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime
        gateway: str
        method: str

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment = Payment(
                self.payment_id,
                self.amount,
                self.capture,
                self.capture_before,
                PaymentStatus.REQUESTED,
                self.gateway,
                self.method,
            )

    class PaymentAuthorised(Event):
        TOPIC = "booking.payment_authorised"
        payment_id: UUID
        reference: str

        def apply(self, aggregate: Booking) -> None:
            payment = msgspec.structs.replace(aggregate.current_payment, reference=self.reference)
            aggregate.payment = (
                payment.with_status(payment.status_after_authorisation) if payment.in_progress else payment
            )

    class PaymentDeclined(Event):
        TOPIC = "booking.payment_declined"
        payment_id: UUID
        code: str

        def apply(self, aggregate: Booking) -> None:
            declined = aggregate.current_payment.with_status(PaymentStatus.DECLINED)
            aggregate.payment = msgspec.structs.replace(declined, reason=self.code)
            aggregate.declined_payments += 1
            if aggregate.status is Status.PENDING:
                aggregate.status = Status.INITIATED

    class CaptureRequested(Event):
        TOPIC = "booking.capture_requested"
        payment_id: UUID
        capture_before: datetime

        def apply(self, aggregate: Booking) -> None:
            capturing = aggregate.current_payment.with_status(PaymentStatus.CAPTURING)
            aggregate.payment = msgspec.structs.replace(capturing, capture_before=self.capture_before)

    class Booked(Event):
        TOPIC = "booking.booked"
        payment_id: UUID

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.CAPTURED)

    class VoidRequested(Event):
        TOPIC = "booking.void_requested"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: Booking) -> None:
            voiding = aggregate.current_payment.with_status(PaymentStatus.VOIDING)
            aggregate.payment = msgspec.structs.replace(voiding, reason=self.reason)

    class PaymentVoided(Event):
        TOPIC = "booking.payment_voided"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.INITIATED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class PaymentReleased(Event):
        """The gateway released the authorisation of a booking that ended before the capture."""

        TOPIC = "booking.payment_released"
        payment_id: UUID

        def apply(self, aggregate: Booking) -> None:
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class Reseated(Event):
        """The seats are held again, because the payment arrived after the hold had expired."""

        TOPIC = "booking.reseated"
        payment_id: UUID
        capture_before: datetime | None = None

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.PENDING
            aggregate.cancel_reason = None
            payment = aggregate.current_payment
            aggregate.payment = msgspec.structs.replace(
                payment, status=payment.status_after_authorisation, capture_before=self.capture_before
            )

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
        note: PersonalText | None
        refund: Money | None = None
        """The refund that an operator stated; None if the rules gave it."""

        def apply(self, aggregate: Booking) -> None:
            aggregate.status = Status.CANCELLED
            aggregate.cancel_reason = self.reason
            if aggregate.payment and aggregate.payment.in_progress:
                aggregate.payment = aggregate.payment.with_status(PaymentStatus.LAPSED)

    class TravelRecorded(Event):
        TOPIC = "booking.travel_recorded"
        travel: Travel

        def apply(self, aggregate: Booking) -> None:
            aggregate.travel = self.travel

    class RefundDue(Event):
        """The first releases wrote no `reason` and no `refund_id`; the payment's id then names the refund."""

        TOPIC = "booking.refund_due"
        payment_id: UUID
        amount: Money
        refund_id: UUID | None = None
        reason: RefundReason = RefundReason.BOOKING_CANCELLED

        def apply(self, aggregate: Booking) -> None:
            refund_id, payment = self.refund_id or self.payment_id, aggregate.current_payment
            by_hand = self.reason is RefundReason.COMPENSATION
            refund = Refund(
                refund_id,
                self.payment_id,
                self.amount,
                self.reason,
                self.timestamp,
                None if by_hand else payment.gateway,
                None if by_hand else payment.reference,
            )
            # A new dictionary, because rows of the views share the old one.
            aggregate.refunds = aggregate.refunds | {refund_id: refund}
            if aggregate.status is Status.CANCELLED:
                aggregate.payment = payment.with_status(PaymentStatus.REFUND_DUE)

    class RefundRequested(Event):
        """Recorded before the request is sent, so that the refund is not settled by hand meanwhile."""

        TOPIC = "booking.refund_requested"
        refund_id: UUID

        def apply(self, aggregate: Booking) -> None:
            requested = aggregate.refunds[self.refund_id].with_request(self.timestamp)
            aggregate.refunds = aggregate.refunds | {self.refund_id: requested}

    class RefundRefused(Event):
        """The gateway refused the refund for good: it has to be settled by hand."""

        TOPIC = "booking.refund_refused"
        refund_id: UUID
        code: str

        def apply(self, aggregate: Booking) -> None:
            refused = aggregate.refunds[self.refund_id].with_refusal(self.code)
            aggregate.refunds = aggregate.refunds | {self.refund_id: refused}

    class RefundSettled(Event):
        TOPIC = "booking.refund_settled"
        refund_id: UUID
        reference: PersonalText | None

        def apply(self, aggregate: Booking) -> None:
            settled = aggregate.refunds[self.refund_id].with_settlement(self.timestamp, self.reference)
            aggregate.refunds = aggregate.refunds | {self.refund_id: settled}
            owed = any(refund.is_owed for refund in aggregate.refunds.values())
            if aggregate.status is Status.CANCELLED and not owed:
                aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.REFUNDED)

    def __init__(
        self,
        flight_id: UUID,
        user_id: str,
        seats: int,
        total_cost: Money,
        expires_at: datetime,
        itinerary_id: UUID | None = None,
    ) -> None:
        self.flight_id = flight_id
        self.user_id = user_id
        self.seats = seats
        self.total_cost = total_cost
        self.expires_at = expires_at
        self.itinerary_id = itinerary_id
        self.status = Status.INITIATED
        self.cancel_reason: CancelReason | None = None
        self.payment: Payment | None = None
        self.declined_payments = 0
        """Number of payments that the gateway declined."""
        self.refunds: dict[UUID, Refund] = {}
        self.travel: Travel | None = None
        self.first_position = 0
        """Position of its first event; known to the ledger, which sets it."""

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
        itinerary_id: UUID | None = None,
    ) -> Booking:
        """Create a booking. The caller has checked that the seats are free."""
        return cls._create(
            cls.Initiated,
            id=id,
            flight_id=flight_id,
            user_id=user_id,
            seats=seats,
            total_cost=total_cost,
            expires_at=expires_at,
            itinerary_id=itinerary_id,
            timestamp=now,
        )

    @property
    def reference(self) -> str:
        return reference_of(self.first_position)

    @property
    def current_payment(self) -> Payment:
        """The payment of a booking that must have one."""
        assert self.payment is not None
        return self.payment

    @property
    def paid(self) -> Money:
        """Amount that was paid and is neither refunded nor owed back."""
        amount = self.total_cost.amount if self.status is Status.BOOKED else 0
        return Money(amount, self.total_cost.currency)

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

    def pay(self, payment_id: UUID, amount: Money, now: datetime) -> None:
        """Authorise and capture in one step; records both events.

        Raises, checked in this order: BookingCancelled or HoldExpired, AlreadyPaid, PaymentInProgress,
        HoldExpired, PriceMismatch.
        """
        self.require_payable(amount, now)
        self._authorise(payment_id, Capture.AUTOMATIC, None, now)
        self.trigger_event(self.Booked, payment_id=payment_id, timestamp=now)

    def authorise(self, payment_id: UUID, amount: Money, capture_before: datetime, now: datetime) -> None:
        """Authorise a payment that is captured or voided later, and hold the seats until `capture_before`.

        Raises as `pay` does.
        """
        self.require_payable(amount, now)
        self._authorise(payment_id, Capture.MANUAL, capture_before, now)

    def is_late(self, now: datetime) -> bool:
        """Return whether a capture now would come after the booking lost its seats."""
        payment = self.payment
        return payment is not None and (
            payment.status is PaymentStatus.LAPSED or (payment.in_progress and self.hold_is_due(now))
        )

    def capture(self, now: datetime) -> None:
        """Capture the pending payment. Raises BookingCancelled, AlreadyPaid, PaymentNotPending."""
        payment = self.require_pending()
        self.trigger_event(self.Booked, payment_id=payment.id, timestamp=now)

    @property
    def may_be_seated_again(self) -> bool:
        """True if the hold expired while a payment was in progress, and nothing else ended the booking."""
        lapsed = self.payment is not None and self.payment.status is PaymentStatus.LAPSED
        return lapsed and self.cancel_reason is CancelReason.HOLD_EXPIRED

    def capture_late(self, has_seats: bool, refund_id: UUID, now: datetime) -> None:
        """Capture a payment after the hold expired: book the seats again if possible, or else owe a refund.

        A booking that the customer cancelled, or that was cancelled with its flight, is not seated again.
        """
        if self.status is Status.PENDING:
            self.end_hold(now)
        if has_seats and self.may_be_seated_again:
            self.trigger_event(self.Reseated, payment_id=self.current_payment.id, timestamp=now)
            self.trigger_event(self.Booked, payment_id=self.current_payment.id, timestamp=now)
        else:
            self._owe(refund_id, self.total_cost, RefundReason.LATE_PAYMENT, now)

    def void(self, reason: str, now: datetime) -> None:
        """Void the authorised payment, and expire the hold if it is due.

        Raises BookingCancelled, AlreadyPaid, PaymentNotPending.
        """
        payment = self.require_pending()
        self.trigger_event(self.PaymentVoided, payment_id=payment.id, reason=reason, timestamp=now)
        self.expire_if_due(now)

    def release(self, now: datetime) -> None:
        """Release the share of this booking, which was cancelled, in a payment that is voided."""
        self.trigger_event(self.PaymentReleased, payment_id=self.current_payment.id, timestamp=now)

    def reduce_seats(self, seats: int, refund_id: UUID, now: datetime) -> None:
        """Give some seats back; their price becomes a refund due if it was paid.

        Raises BookingCancelled, HoldExpired, PaymentInProgress, SeatsNotFewer.
        """
        self._require_live(now)
        self._require_no_payment()
        if seats >= self.seats:
            raise SeatsNotFewer(f"The booking has {self.seats} seats.", asked=seats, seats=self.seats)
        kept = Money(self.total_cost.amount // self.seats * seats, self.total_cost.currency)
        share = Money(self.total_cost.amount - kept.amount, kept.currency)
        self.trigger_event(self.SeatsReduced, seats=seats, total_cost=kept, timestamp=now)
        if self.status is Status.BOOKED:
            self._owe(refund_id, share, RefundReason.SEATS_REDUCED, now)

    def cancel(
        self,
        reason: CancelReason,
        note: str | None,
        refund_id: UUID,
        now: datetime,
        *,
        refund: Money | None = None,
    ) -> None:
        """Cancel the booking; a captured payment becomes a refund due, or the part `refund` of it.

        Raises BookingCancelled.
        """
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        due = self.paid if refund is None else refund
        self.trigger_event(self.Cancelled, reason=reason, note=note, refund=refund, timestamp=now)
        if due.amount:
            flight = reason is CancelReason.FLIGHT_CANCELLED
            why = RefundReason.FLIGHT_CANCELLED if flight else RefundReason.BOOKING_CANCELLED
            self._owe(refund_id, due, why, now)

    def deny_boarding(
        self, note: str, refund_ids: tuple[UUID, UUID], compensation: Money | None, now: datetime
    ) -> None:
        """Cancel a paid booking without a seat, and owe its price and a compensation.

        Raises BookingCancelled, BookingNotPaid, TravelAlreadyRecorded if the customers flew.
        """
        self._require_paid()
        if self.travel is Travel.FLOWN:
            raise TravelAlreadyRecorded(booking_id=self.id, travel=self.travel)
        paid = self.paid
        self.trigger_event(self.Cancelled, reason=CancelReason.DENIED_BOARDING, note=note, timestamp=now)
        self._owe(refund_ids[0], paid, RefundReason.DENIED_BOARDING, now)
        if compensation is not None:
            self._owe(refund_ids[1], compensation, RefundReason.COMPENSATION, now)

    def record_travel(self, travel: Travel, now: datetime) -> None:
        """Record whether the customers flew; the caller has checked the departure. A correction is possible.

        Raises BookingCancelled, BookingNotPaid, TravelAlreadyRecorded.
        """
        self._require_paid()
        if self.travel is travel:
            raise TravelAlreadyRecorded(booking_id=self.id, travel=travel)
        self.trigger_event(self.TravelRecorded, travel=travel, timestamp=now)

    def settle_refund(self, refund_id: UUID, reference: str | None, now: datetime) -> None:
        """Record that the refund was paid by hand. Raises RefundAlreadySettled, RefundInProgress."""
        self.require_due(refund_id)
        self.trigger_event(self.RefundSettled, refund_id=refund_id, reference=reference, timestamp=now)

    def expire(self, now: datetime) -> None:
        """Cancel the booking because its hold expired. Raises HoldNotDue if not: a sweep can be outdated."""
        if not self.hold_is_due(now):
            raise HoldNotDue(booking_id=self.id)
        self.end_hold(now)

    def end_hold(self, now: datetime) -> None:
        """End the hold of a live unpaid booking: its time is over, or its flight has departed."""
        self.trigger_event(self.Cancelled, reason=CancelReason.HOLD_EXPIRED, note=None, timestamp=now)

    def expire_if_due(self, now: datetime) -> None:
        if self.hold_is_due(now):
            self.expire(now)

    def require_payable(self, amount: Money, now: datetime) -> None:
        """Check that the booking can be paid for now. Raises as `pay` does."""
        self.require_unpaid(now)
        if amount != self.total_cost:
            raise PriceMismatch(expected=self.total_cost)

    def require_unpaid(self, now: datetime) -> None:
        """Check that the booking is live and has no payment. Raises as `pay` does, but for the amount."""
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.current_payment.id)
        self._require_live(now)
        self._require_no_payment()

    def require_alone(self) -> None:
        """Raise BookingInItinerary for a booking that is paid with its itinerary."""
        if self.itinerary_id is not None:
            raise BookingInItinerary(booking_id=self.id, itinerary_id=self.itinerary_id)

    def require_pending(self) -> Payment:
        """Return the payment in progress. Raises BookingCancelled, AlreadyPaid, PaymentNotPending."""
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.current_payment.id)
        if self.status is Status.INITIATED:
            raise PaymentNotPending(booking_id=self.id)
        return self.current_payment

    def require_due(self, refund_id: UUID) -> Refund:
        """Return a refund that is still due. Raises RefundAlreadySettled, RefundInProgress."""
        refund = self.refunds[refund_id]
        if not refund.is_owed:
            raise RefundAlreadySettled(refund_id=refund_id, settled_at=refund.settled_at)
        if refund.status is RefundStatus.REQUESTED:
            raise RefundInProgress(refund_id=refund_id, requested_at=refund.requested_at)
        return refund

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
            payment_id=self.current_payment.id,
            amount=amount,
            refund_id=refund_id,
            reason=reason,
            timestamp=now,
        )

    def _require_paid(self) -> None:
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        if self.status is not Status.BOOKED:
            raise BookingNotPaid(booking_id=self.id)

    def _require_no_payment(self) -> None:
        if self.status is Status.PENDING:
            raise PaymentInProgress(booking_id=self.id, payment_id=self.current_payment.id)

    def _require_live(self, now: datetime) -> None:
        """Check that the booking is neither cancelled nor past its hold."""
        if self.hold_is_due(now) or self.cancel_reason is CancelReason.HOLD_EXPIRED:
            raise HoldExpired(booking_id=self.id, expired_at=self.held_until or self.expires_at)
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
