"""Flights: scheduled once, then repriced, resized, retimed or cancelled."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import Enum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.refusals.flights import FlightDeparted, FlightNotBookable, TimesUnchanged
from domain.schedule import Times

NaturalKey = tuple[str, str, date]
"""Flight number, origin, departure day."""


ON_TIME = timedelta(0)


class FlightStatus(Enum):
    SCHEDULED = "scheduled"
    DEPARTED = "departed"
    CANCELLED = "cancelled"


class Flight(Aggregate):
    """One departure on one day. Its natural key is (number, origin, departure_day)."""

    TOPIC = "flight"

    class Event(Aggregate.Event):
        TOPIC = "flight.event"

    class Scheduled(Event, Aggregate.Created):
        TOPIC = "flight.scheduled"
        number: str
        origin: str
        destination: str
        departs_at: datetime
        arrives_at: datetime
        departure_day: date
        seats: int
        price: Money
        cancellation_policy: CancellationPolicy | None = None

        OMITTED_IF_NONE = ("cancellation_policy",)

    class Repriced(Event):
        TOPIC = "flight.repriced"
        price: Money

        def apply(self, aggregate: Flight) -> None:
            aggregate.price = self.price

    class CancellationPolicyChanged(Event):
        """Later bookings have this policy; with None, their cancellation gives all money back."""

        TOPIC = "flight.cancellation_policy_changed"
        cancellation_policy: CancellationPolicy | None

        def apply(self, aggregate: Flight) -> None:
            aggregate.cancellation_policy = self.cancellation_policy

    class SeatsChanged(Event):
        TOPIC = "flight.seats_changed"
        seats: int

        def apply(self, aggregate: Flight) -> None:
            aggregate.seats = self.seats

    class OverbookingChanged(Event):
        """`seats` are sold beyond those of the aircraft, in place of an earlier number."""

        TOPIC = "flight.overbooking_changed"
        seats: int
        reason: str

        def apply(self, aggregate: Flight) -> None:
            aggregate.overbooking = self.seats

    class Retimed(Event):
        """The times are `now`, in place of `was`; each live booking has an event of the same command."""

        TOPIC = "flight.retimed"
        was: Times
        now: Times
        departure_day: date
        reason: str

        def apply(self, aggregate: Flight) -> None:
            aggregate.departs_at = self.now.departs_at
            aggregate.arrives_at = self.now.arrives_at
            aggregate.departure_day = self.departure_day

    class BookingsMoved(Event):
        """As many bookings as fit go to the flights `to`; each has an event of the same command."""

        TOPIC = "flight.bookings_moved"
        to: list[UUID]
        moved: int
        not_moved: int

        def apply(self, aggregate: Flight) -> None:
            """Change nothing: the bookings know their flight."""

    class Cancelled(Event):
        TOPIC = "flight.cancelled"
        reason: str

        def apply(self, aggregate: Flight) -> None:
            aggregate.cancelled = True

    class Departed(Event):
        TOPIC = "flight.departed"

        def apply(self, aggregate: Flight) -> None:
            aggregate.departed_at = self.timestamp

    def __init__(
        self,
        number: str,
        origin: str,
        destination: str,
        departs_at: datetime,
        arrives_at: datetime,
        departure_day: date,
        seats: int,
        price: Money,
        cancellation_policy: CancellationPolicy | None = None,
    ) -> None:
        self.number = number
        self.origin = origin
        self.destination = destination
        self.departs_at = departs_at
        self.arrives_at = arrives_at
        self.departure_day = departure_day
        self.seats = seats
        self.price = price
        self.cancellation_policy = cancellation_policy
        self.cancelled = False
        self.overbooking = 0
        """Seats that may be sold beyond those of the aircraft."""
        self.departed_at: datetime | None = None
        """Time at which the departure was recorded."""

    @classmethod
    def schedule(
        cls,
        *,
        id: UUID,
        number: str,
        origin: str,
        destination: str,
        departs_at: datetime,
        arrives_at: datetime,
        departure_day: date,
        seats: int,
        price: Money,
        now: datetime,
        cancellation_policy: CancellationPolicy | None = None,
    ) -> Flight:
        return cls._create(
            cls.Scheduled,
            id=id,
            number=number,
            origin=origin,
            destination=destination,
            departs_at=departs_at,
            arrives_at=arrives_at,
            departure_day=departure_day,
            seats=seats,
            price=price,
            cancellation_policy=cancellation_policy,
            timestamp=now,
        )

    @property
    def times(self) -> Times:
        return Times(self.departs_at, self.arrives_at)

    @property
    def natural_key(self) -> NaturalKey:
        return self.number, self.origin, self.departure_day

    @property
    def departure(self) -> datetime:
        """Time from which the flight has departed: the scheduled time, or an earlier recorded one."""
        recorded = self.departed_at
        return self.departs_at if recorded is None else min(self.departs_at, recorded)

    def status(self, now: datetime) -> FlightStatus:
        if self.cancelled:
            return FlightStatus.CANCELLED
        return FlightStatus.DEPARTED if self.departure <= now else FlightStatus.SCHEDULED

    def require_bookable(self, now: datetime) -> None:
        """Check that the flight is scheduled and has not departed. Raises FlightNotBookable."""
        status = self.status(now)
        if status is not FlightStatus.SCHEDULED:
            raise FlightNotBookable(f"The flight is {status.value}.", flight_id=self.id, flight_status=status)

    def require_changeable(self, now: datetime, delay_max: timedelta = ON_TIME) -> None:
        """Check that the flight may still be on the ground.

        Until its departure is recorded, a flight may be late by up to `delay_max`. Raises FlightNotBookable
        if it is cancelled, FlightDeparted.
        """
        if self.cancelled:
            self.require_bookable(now)
        if self.departed_at is not None or self.departs_at + delay_max <= now:
            raise FlightDeparted(flight_id=self.id)

    def reprice(self, price: Money, now: datetime) -> None:
        """Set the price of a seat for later bookings. Raises FlightNotBookable."""
        self.require_bookable(now)
        self.trigger_event(self.Repriced, price=price, timestamp=now)

    def change_cancellation_policy(self, policy: CancellationPolicy | None, now: datetime) -> None:
        """Set the cancellation policy of later bookings. Raises FlightNotBookable."""
        self.require_bookable(now)
        self.trigger_event(self.CancellationPolicyChanged, cancellation_policy=policy, timestamp=now)

    def change_seats(self, seats: int, now: datetime, delay_max: timedelta = ON_TIME) -> None:
        """Set the number of seats, which must cover the seats in use. Raises as `require_changeable` does."""
        self.require_changeable(now, delay_max)
        self.trigger_event(self.SeatsChanged, seats=seats, timestamp=now)

    def change_overbooking(
        self, seats: int, reason: str, now: datetime, delay_max: timedelta = ON_TIME
    ) -> None:
        """Set the seats to sell beyond those of the aircraft. Raises as `require_changeable` does."""
        self.require_changeable(now, delay_max)
        self.trigger_event(self.OverbookingChanged, seats=seats, reason=reason, timestamp=now)

    def retime(
        self, times: Times, departure_day: date, reason: str, now: datetime, delay_max: timedelta = ON_TIME
    ) -> None:
        """Set other times; the caller has checked that they lie ahead.

        Raises as `require_changeable` does, TimesUnchanged.
        """
        self.require_changeable(now, delay_max)
        if times == self.times and departure_day == self.departure_day:
            raise TimesUnchanged(flight_id=self.id)
        self.trigger_event(
            self.Retimed,
            was=self.times,
            now=times,
            departure_day=departure_day,
            reason=reason,
            timestamp=now,
        )

    def record_moves(self, to: list[UUID], moved: int, not_moved: int, now: datetime) -> None:
        """Record that bookings were moved to other flights. The caller has checked the flight."""
        self.trigger_event(self.BookingsMoved, to=to, moved=moved, not_moved=not_moved, timestamp=now)

    def cancel(self, reason: str, now: datetime, delay_max: timedelta = ON_TIME) -> None:
        """Cancel the flight. Raises as `require_changeable` does."""
        self.require_changeable(now, delay_max)
        self.trigger_event(self.Cancelled, reason=reason, timestamp=now)

    def depart(self, now: datetime) -> None:
        """Record the departure. Raises FlightNotBookable if it is cancelled, FlightDeparted if recorded."""
        if self.cancelled:
            self.require_bookable(now)
        if self.departed_at is not None:
            raise FlightDeparted(flight_id=self.id)
        self.trigger_event(self.Departed, timestamp=now)
