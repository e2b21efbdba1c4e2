"""Splitting a booking: a part of its passengers gets a booking of its own."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.booking import Booking
from domain.booking_state import Status
from domain.party_rules import choose, require_party
from domain.passengers import count_seats, without
from domain.refusals.passengers import SplitWithoutSeat


@dataclass(frozen=True, slots=True)
class BookingSplit:
    """The result of a split. The booking that was split is its subject."""

    booking: Booking
    new: Booking

    @property
    def id(self) -> UUID:
        return self.booking.id

    @property
    def version(self) -> int:
        return self.booking.version

    @property
    def bookings(self) -> list[Booking]:
        return [self.booking, self.new]

    @property
    def changed(self) -> list[Booking]:
        return self.bookings


def split(
    booking: Booking, ids: Collection[UUID], new_id: UUID, expires_at: datetime, now: datetime
) -> BookingSplit:
    """Move these passengers with their seats and their share of the money to a new booking.

    The share is that of the seats, rounded down to the minor unit; the booking keeps the rest. If it is paid,
    both have a share in its payment. A hold goes on to its end; `expires_at` is for a paid booking, which has
    none. Raises BookingCancelled, HoldExpired, PaymentInProgress, PassengerUnknown, SplitWithoutSeat,
    InfantWithoutAdult.
    """
    booking.require_no_open_payment(now)
    leaving, staying = choose(booking.passengers, ids), without(booking.passengers, ids)
    seats, left = count_seats(leaving), count_seats(staying)
    if not seats or not left:
        raise SplitWithoutSeat(booking_id=booking.id, leaving=seats, staying=left)
    require_party(leaving, seats)
    require_party(staying, left)
    total, payment = booking.total_cost, booking.payment if booking.status is Status.BOOKED else None
    moved = total.share(total.amount * seats // booking.seats)
    change = booking.latest_change
    new = Booking.initiate(
        id=new_id,
        flight_id=booking.flight_id,
        user_id=booking.user_id,
        seats=seats,
        total_cost=moved,
        expires_at=expires_at if payment else booking.expires_at,
        now=now,
        itinerary_id=booking.itinerary_id,
        cancellation_policy=booking.cancellation_policy,
    )
    booking.trigger_event(
        Booking.Split,
        into=new_id,
        seats=left,
        total_cost=total.less(moved),
        moved_seats=seats,
        moved_cost=moved,
        timestamp=now,
    )
    booking.trigger_event(Booking.PassengersNamed, passengers=staying, timestamp=now)
    new.trigger_event(Booking.SplitOff, split_from=booking.id, change=change, timestamp=now)
    new.trigger_event(Booking.PassengersNamed, passengers=leaving, timestamp=now)
    if payment:
        new.trigger_event(
            Booking.PaymentShared,
            payment_id=payment.id,
            amount=moved.whole,
            capture=payment.capture,
            gateway=payment.gateway,
            method=payment.method,
            reference=payment.reference,
            timestamp=now,
        )
    return BookingSplit(booking, new)
