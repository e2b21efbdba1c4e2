"""Bookings: seats that are held for a limited time, then paid for or given back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.booking_record import BookingRecord
from domain.booking_state import CancelReason, Status
from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.party_rules import choose, require_party
from domain.passengers import (
    Passenger,
    PassengerTravel,
    Travel,
    travel_of,
    with_travel,
    without,
)
from domain.payments import Capture, Payment
from domain.refunds import Refund, RefundReason, RefundStatus
from domain.refusals.bookings import (
    BookingCancelled,
    BookingNotPaid,
    HoldExpired,
    HoldNotDue,
    NoScheduleChange,
    SeatsNotFewer,
    TravelAlreadyRecorded,
)
from domain.refusals.itineraries import BookingInItinerary
from domain.refusals.passengers import PassengersNotStated
from domain.refusals.payments import AlreadyPaid, PaymentInProgress, PaymentNotPending, PriceMismatch
from domain.refusals.refunds import RefundAlreadySettled, RefundInProgress
from domain.schedule import Retiming


class Booking(BookingRecord, Aggregate):
    """Seats of one flight for one user, at the price at the time of the booking."""

    # The library makes subclasses of events that do not stand in the aggregate's own class.
    vars().update(
        {
            name: each
            for owner in BookingRecord.__mro__
            for name, each in vars(owner).items()
            if isinstance(each, type)
        }
    )
    TOPIC = BookingRecord.TOPIC

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
        cancellation_policy: CancellationPolicy | None = None,
    ) -> Booking:
        """Create a booking. The caller has checked that the seats are free."""
        # The library's `_create` does the same after looking up names of parameters and topics.
        event_class: type[Any] = cls.Initiated
        initiated = event_class(
            originator_topic=cls.TOPIC,
            originator_id=id,
            originator_version=cls.INITIAL_VERSION,
            timestamp=now,
            flight_id=flight_id,
            user_id=user_id,
            seats=seats,
            total_cost=total_cost,
            expires_at=expires_at,
            itinerary_id=itinerary_id,
            cancellation_policy=cancellation_policy,
        )
        booking: Booking = initiated.mutate(None)
        booking.pending_events.append(initiated)
        return booking

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

    def capture(self, now: datetime) -> None:
        """Capture the pending payment. Raises BookingCancelled, AlreadyPaid, PaymentNotPending."""
        payment = self.require_pending()
        self.trigger_event(self.Booked, payment_id=payment.id, timestamp=now)

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

    def reduce_seats(
        self, seats: int, refund_id: UUID, now: datetime, leaving: Collection[UUID] = ()
    ) -> None:
        """Give some seats back, as if they were cancelled: the refund of their price is due if it was paid.

        `leaving` are passengers.

        Raises BookingCancelled, HoldExpired, PaymentInProgress, SeatsNotFewer, PassengerUnknown,
        PassengersNotStated, PassengersNotSeats, InfantWithoutAdult.
        """
        self.require_no_open_payment(now)
        if seats >= self.seats:
            raise SeatsNotFewer(f"The booking has {self.seats} seats.", asked=seats, seats=self.seats)
        choose(self.passengers, leaving)
        staying = without(self.passengers, leaving)
        if self.passengers:
            if not leaving:
                raise PassengersNotStated(booking_id=self.id, expected=self.seats - seats)
            require_party(staying, seats)
        kept = self.total_cost.share(self.total_cost.amount // self.seats * seats)
        share = self.total_cost.less(kept)
        self.trigger_event(self.SeatsReduced, seats=seats, total_cost=kept, timestamp=now)
        if leaving:
            self.trigger_event(self.PassengersNamed, passengers=staying, timestamp=now)
        refund = self.refund_of(share, now)
        if self.status is Status.BOOKED and refund.amount:
            self._owe(refund_id, refund, RefundReason.SEATS_REDUCED, now)

    def name_passengers(self, passengers: Sequence[Passenger], now: datetime) -> None:
        """Set all passengers of a live booking. The caller has checked the departure.

        Raises BookingCancelled, HoldExpired, PassengersNotSeats, InfantWithoutAdult.
        """
        self._require_live(now)
        require_party(passengers, self.seats)
        self.trigger_event(self.PassengersNamed, passengers=list(passengers), timestamp=now)

    def cancel(
        self,
        reason: CancelReason,
        note: str | None,
        refund_id: UUID,
        now: datetime,
        *,
        refund: Money | None = None,
    ) -> None:
        """Cancel the booking. `refund` becomes due; None: on request what the policy gives back, or else all.

        Raises BookingCancelled.
        """
        if self.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=self.id, reason=self.cancel_reason)
        due = refund
        if due is None:
            due = self.refund_of(self.paid, now) if reason is CancelReason.REQUESTED else self.paid
        stated = refund and refund.whole
        self.trigger_event(self.Cancelled, reason=reason, note=note, refund=stated, timestamp=now)
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

    def record_travel(self, travel: Travel, ids: Collection[UUID] | None, now: datetime) -> None:
        """Record whether the passengers flew; the caller has checked the departure. A correction is possible.

        `ids` None means all. Raises BookingCancelled, BookingNotPaid, PassengerUnknown,
        TravelAlreadyRecorded.
        """
        self._require_paid()
        chosen = self.passengers if ids is None else choose(self.passengers, ids)
        known = {passenger.travel for passenger in chosen} or {self.travel}
        if known == {travel}:
            raise TravelAlreadyRecorded(booking_id=self.id, travel=travel)
        records = [PassengerTravel(passenger.id, travel) for passenger in chosen]
        after = travel_of(with_travel(self.passengers, records)) if records else travel
        self.trigger_event(self.TravelRecorded, travel=after, passengers=records or None, timestamp=now)

    def change_schedule(self, retiming: Retiming, now: datetime) -> None:
        """Record other times of its flight, with the ends of its hold and of an authorised payment.

        The change is measured against the times that the customer last agreed to, so that small changes add
        up. In an itinerary no end is later than before, because it ends with the first of several flights.
        """
        self.trigger_event(self.ScheduleChanged, **self._times_after(retiming), timestamp=now)

    def move(self, flight_id: UUID, retiming: Retiming, now: datetime) -> None:
        """Move to another flight; for the customer it is a change of times like `change_schedule`.

        The caller has checked the flight and its seats, and the booking by `require_movable`.
        """
        self.trigger_event(
            self.Moved,
            from_flight_id=self.flight_id,
            flight_id=flight_id,
            **self._times_after(retiming),
            timestamp=now,
        )

    def require_movable(self, now: datetime) -> None:
        """Check that it can go to another flight.

        Raises BookingCancelled, HoldExpired, TravelAlreadyRecorded.
        """
        self._require_live(now)
        if self.travel is not None:
            raise TravelAlreadyRecorded(booking_id=self.id, travel=self.travel)

    def accept_change(self, now: datetime) -> None:
        """Accept the times of its flight. Raises BookingCancelled, HoldExpired, NoScheduleChange."""
        self._require_live(now)
        if self.schedule_change is None:
            raise NoScheduleChange(booking_id=self.id)
        self.trigger_event(self.ScheduleAccepted, timestamp=now)

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
        if not amount.settles(self.total_cost):
            raise PriceMismatch(expected=self.total_cost)

    def require_unpaid(self, now: datetime) -> None:
        """Check that the booking is live and has no payment. Raises as `pay` does, but for the amount."""
        if self.status is Status.BOOKED:
            raise AlreadyPaid(booking_id=self.id, payment_id=self.current_payment.id)
        self.require_no_open_payment(now)

    def require_no_open_payment(self, now: datetime) -> None:
        """Raise BookingCancelled, HoldExpired, or PaymentInProgress."""
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
            amount=self.total_cost.whole,
            capture=capture,
            capture_before=capture_before,
            timestamp=now,
        )

    def _times_after(self, retiming: Retiming) -> dict[str, Any]:
        """Return the fields of an event about other times, with the ends of a hold and a payment."""
        agreed = self.latest_change.was if self.latest_change else retiming.was
        expires_at, until = self.expires_at, self.held_until
        alone = self.itinerary_id is None
        if until is not None:
            expires_at = retiming.end_of(expires_at, retiming.hold_until if alone else expires_at)
        if self.status is Status.PENDING and until is not None:
            until = retiming.end_of(until, retiming.capture_before if alone else until)
        return {
            "was": agreed,
            "now": retiming.now,
            "accept_before": retiming.accept_before if retiming.needs_answer(agreed) else None,
            "expires_at": expires_at,
            "capture_before": until if self.status is Status.PENDING else None,
        }

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
