"""The record of a booking: its events, and the state that follows from them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.domain import Aggregate
from eventsourcing.utils import resolve_topic

from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.passengers import Passenger, PassengerTravel, Travel, with_travel
from domain.payments import Capture, Payment, PaymentStatus
from domain.personal import PersonalText, PersonName
from domain.reference import reference_of
from domain.refunds import Refund, RefundReason
from domain.schedule import ScheduleChange, Times


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


class BookingRecord:
    """What the log says about a booking. `domain.booking.Booking` adds the decisions."""

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
        cancellation_policy: CancellationPolicy | None = None

        OMITTED_IF_NONE = ("cancellation_policy",)

        def mutate(self, aggregate: Any) -> Any:
            """Return the new booking. The library looks up the parameters of the constructors each time."""
            assert aggregate is None
            booking = object.__new__(resolve_topic(BookingRecord.TOPIC))
            booking.__base_init__(self.originator_id, self.originator_version, self.timestamp)
            BookingRecord.__init__(
                booking,
                self.flight_id,
                self.user_id,
                self.seats,
                self.total_cost,
                self.expires_at,
                self.itinerary_id,
                self.cancellation_policy,
            )
            return booking

    class PaymentPending(Event):
        TOPIC = "booking.payment_pending"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime | None = None

        def apply(self, aggregate: BookingRecord) -> None:
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

        def apply(self, aggregate: BookingRecord) -> None:
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

        def apply(self, aggregate: BookingRecord) -> None:
            payment = msgspec.structs.replace(aggregate.current_payment, reference=self.reference)
            aggregate.payment = (
                payment.with_status(payment.status_after_authorisation) if payment.in_progress else payment
            )

    class PaymentDeclined(Event):
        TOPIC = "booking.payment_declined"
        payment_id: UUID
        code: str

        def apply(self, aggregate: BookingRecord) -> None:
            declined = aggregate.current_payment.with_status(PaymentStatus.DECLINED)
            aggregate.payment = msgspec.structs.replace(declined, reason=self.code)
            aggregate.declined_payments += 1
            if aggregate.status is Status.PENDING:
                aggregate.status = Status.INITIATED

    class CaptureRequested(Event):
        TOPIC = "booking.capture_requested"
        payment_id: UUID
        capture_before: datetime

        def apply(self, aggregate: BookingRecord) -> None:
            capturing = aggregate.current_payment.with_status(PaymentStatus.CAPTURING)
            aggregate.payment = msgspec.structs.replace(capturing, capture_before=self.capture_before)

    class Booked(Event):
        TOPIC = "booking.booked"
        payment_id: UUID

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.CAPTURED)

    class VoidRequested(Event):
        TOPIC = "booking.void_requested"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: BookingRecord) -> None:
            voiding = aggregate.current_payment.with_status(PaymentStatus.VOIDING)
            aggregate.payment = msgspec.structs.replace(voiding, reason=self.reason)

    class PaymentVoided(Event):
        TOPIC = "booking.payment_voided"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.status = Status.INITIATED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class PaymentReleased(Event):
        """The gateway released the authorisation of a booking that ended before the capture."""

        TOPIC = "booking.payment_released"
        payment_id: UUID

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class Reseated(Event):
        """The seats are held again, because the payment arrived after the hold had expired."""

        TOPIC = "booking.reseated"
        payment_id: UUID
        capture_before: datetime | None = None

        def apply(self, aggregate: BookingRecord) -> None:
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

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.seats = self.seats
            aggregate.total_cost = self.total_cost

    class Split(Event):
        """Seats and their share of the price went to the new booking `into`, with that share of a payment."""

        TOPIC = "booking.split"
        into: UUID
        seats: int
        total_cost: Money
        moved_seats: int
        moved_cost: Money

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.seats = self.seats
            aggregate.total_cost = self.total_cost
            if aggregate.status is Status.BOOKED:
                payment = aggregate.current_payment
                rest = payment.amount.amount - self.moved_cost.amount
                aggregate.payment = payment.with_amount(Money(rest, payment.amount.currency))

    class SplitOff(Event):
        """The booking was made of a part of another one. `change` is that one's latest change of times."""

        TOPIC = "booking.split_off"
        split_from: UUID
        change: ScheduleChange | None

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.split_from = self.split_from
            aggregate.latest_change = self.change

    class PaymentShared(Event):
        """The booking has a share in the captured payment of the booking that it was split from."""

        TOPIC = "booking.payment_shared"
        payment_id: UUID
        amount: Money
        capture: Capture
        gateway: str | None
        method: str | None
        reference: str | None

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment = Payment(
                self.payment_id,
                self.amount,
                self.capture,
                None,
                PaymentStatus.CAPTURED,
                self.gateway,
                self.method,
                self.reference,
            )

    class PassengersNamed(Event):
        """All passengers of the booking, in place of earlier ones."""

        TOPIC = "booking.passengers_named"
        passengers: list[Passenger]

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.passengers = self.passengers

    class Cancelled(Event):
        TOPIC = "booking.cancelled"
        reason: CancelReason
        note: PersonalText | None
        refund: Money | None = None
        """The refund that an operator stated; None if the rules gave it."""

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.status = Status.CANCELLED
            aggregate.cancel_reason = self.reason
            if aggregate.payment and aggregate.payment.in_progress:
                aggregate.payment = aggregate.payment.with_status(PaymentStatus.LAPSED)

    class ScheduleChanged(Event):
        """The flight has other times. A hold ends at `expires_at`, an authorised payment at `capture_before`.

        Without `accept_before` the change is too small to need an answer.
        """

        TOPIC = "booking.schedule_changed"
        was: Times
        now: Times
        accept_before: datetime | None
        expires_at: datetime
        capture_before: datetime | None

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.latest_change = ScheduleChange(self.was, self.now, self.accept_before)
            aggregate.set_ends(self.expires_at, self.capture_before)

    class Moved(Event):
        """The booking is on another flight, and all that ends with the departure ends with that one's."""

        TOPIC = "booking.moved"
        from_flight_id: UUID
        flight_id: UUID
        was: Times
        now: Times
        accept_before: datetime | None
        expires_at: datetime
        capture_before: datetime | None

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.flight_id = self.flight_id
            aggregate.latest_change = ScheduleChange(self.was, self.now, self.accept_before)
            aggregate.set_ends(self.expires_at, self.capture_before)

    class ScheduleAccepted(Event):
        TOPIC = "booking.schedule_accepted"

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.latest_change = None

    class TravelRecorded(Event):
        """`travel` is the record of the booking; `passengers` are those that the command names."""

        TOPIC = "booking.travel_recorded"
        travel: Travel
        passengers: list[PassengerTravel] | None = None

        def apply(self, aggregate: BookingRecord) -> None:
            aggregate.travel = self.travel
            if self.passengers:
                aggregate.passengers = with_travel(aggregate.passengers, self.passengers)

    class RefundDue(Event):
        """The first releases wrote no `reason` and no `refund_id`; the payment's id then names the refund."""

        TOPIC = "booking.refund_due"
        payment_id: UUID
        amount: Money
        refund_id: UUID | None = None
        reason: RefundReason = RefundReason.BOOKING_CANCELLED

        def apply(self, aggregate: BookingRecord) -> None:
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

        def apply(self, aggregate: BookingRecord) -> None:
            requested = aggregate.refunds[self.refund_id].with_request(self.timestamp)
            aggregate.refunds = aggregate.refunds | {self.refund_id: requested}

    class RefundRefused(Event):
        """The gateway refused the refund for good: it has to be settled by hand."""

        TOPIC = "booking.refund_refused"
        refund_id: UUID
        code: str

        def apply(self, aggregate: BookingRecord) -> None:
            refused = aggregate.refunds[self.refund_id].with_refusal(self.code)
            aggregate.refunds = aggregate.refunds | {self.refund_id: refused}

    class RefundSettled(Event):
        TOPIC = "booking.refund_settled"
        refund_id: UUID
        reference: PersonalText | None

        def apply(self, aggregate: BookingRecord) -> None:
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
