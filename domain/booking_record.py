"""The record of a booking: its state, and the events that it follows from."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate
from eventsourcing.utils import resolve_topic

from domain.booking_state import BookingState, CancelReason, Status
from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.passengers import Passenger, PassengerTravel, Travel, with_travel
from domain.payment_events import PaymentEvents
from domain.payments import PaymentStatus
from domain.personal import PersonalText, PersonName
from domain.schedule import ScheduleChange, Times


class BookingRecord(PaymentEvents, BookingState):
    """What the log says about a booking. `domain.booking.Booking` adds the decisions."""

    TOPIC = "booking"

    class Initiated(BookingState.Event, Aggregate.Created):
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
            BookingState.__init__(
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

    class SeatsReduced(BookingState.Event):
        TOPIC = "booking.seats_reduced"
        seats: int
        total_cost: Money

        def apply(self, aggregate: BookingState) -> None:
            aggregate.seats = self.seats
            aggregate.total_cost = self.total_cost

    class Split(BookingState.Event):
        """Seats and their share of the price went to the new booking `into`, with that share of a payment."""

        TOPIC = "booking.split"
        into: UUID
        seats: int
        total_cost: Money
        moved_seats: int
        moved_cost: Money

        def apply(self, aggregate: BookingState) -> None:
            aggregate.seats = self.seats
            aggregate.total_cost = self.total_cost
            if aggregate.status is Status.BOOKED:
                payment = aggregate.current_payment
                rest = payment.amount.amount - self.moved_cost.amount
                aggregate.payment = payment.with_amount(Money(rest, payment.amount.currency))

    class SplitOff(BookingState.Event):
        """The booking was made of a part of another one. `change` is that one's latest change of times."""

        TOPIC = "booking.split_off"
        split_from: UUID
        change: ScheduleChange | None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.split_from = self.split_from
            aggregate.latest_change = self.change

    class PassengersNamed(BookingState.Event):
        """All passengers of the booking, in place of earlier ones."""

        TOPIC = "booking.passengers_named"
        passengers: list[Passenger]

        def apply(self, aggregate: BookingState) -> None:
            aggregate.passengers = self.passengers

    class Cancelled(BookingState.Event):
        TOPIC = "booking.cancelled"
        reason: CancelReason
        note: PersonalText | None
        refund: Money | None = None
        """The refund that an operator stated; None if the rules gave it."""

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.CANCELLED
            aggregate.cancel_reason = self.reason
            if aggregate.payment and aggregate.payment.in_progress:
                aggregate.payment = aggregate.payment.with_status(PaymentStatus.LAPSED)

    class ScheduleChanged(BookingState.Event):
        """The flight has other times. A hold ends at `expires_at`, an authorised payment at `capture_before`.

        Without `accept_before` the change is too small to need an answer.
        """

        TOPIC = "booking.schedule_changed"
        was: Times
        now: Times
        accept_before: datetime | None
        expires_at: datetime
        capture_before: datetime | None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.latest_change = ScheduleChange(self.was, self.now, self.accept_before)
            aggregate.set_ends(self.expires_at, self.capture_before)

    class Moved(BookingState.Event):
        """The booking is on another flight, and all that ends with the departure ends with that one's."""

        TOPIC = "booking.moved"
        from_flight_id: UUID
        flight_id: UUID
        was: Times
        now: Times
        accept_before: datetime | None
        expires_at: datetime
        capture_before: datetime | None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.flight_id = self.flight_id
            aggregate.latest_change = ScheduleChange(self.was, self.now, self.accept_before)
            aggregate.set_ends(self.expires_at, self.capture_before)

    class ScheduleAccepted(BookingState.Event):
        TOPIC = "booking.schedule_accepted"

        def apply(self, aggregate: BookingState) -> None:
            aggregate.latest_change = None

    class TravelRecorded(BookingState.Event):
        """`travel` is the record of the booking; `passengers` are those that the command names."""

        TOPIC = "booking.travel_recorded"
        travel: Travel
        passengers: list[PassengerTravel] | None = None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.travel = self.travel
            if self.passengers:
                aggregate.passengers = with_travel(aggregate.passengers, self.passengers)
