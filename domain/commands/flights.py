"""Commands about flights."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from domain.commands.base import Command, FlightCommand
from domain.commands.fields import (
    FLIGHT_SEATS_MAX,
    Airport,
    FlightNumber,
    FlightSeats,
    Instant,
    NewPolicy,
    OverbookedSeats,
    Price,
    Reason,
)
from domain.read_set import ReadSet


def require_order(departs_at: datetime, arrives_at: datetime) -> None:
    """Check the times of a flight. Raises ValueError."""
    if arrives_at <= departs_at:
        raise ValueError("arrives_at must be later than departs_at")
    try:
        departs_at.astimezone(UTC), arrives_at.astimezone(UTC)
    except OverflowError:
        raise ValueError("departs_at and arrives_at must lie in the years 1 to 9999 in UTC") from None


class ScheduleFlight(Command):
    """Schedule a flight. Times may have any offset; the departure day is that of `departs_at`."""

    OPERATION = "schedule_flight"

    number: FlightNumber
    origin: Airport
    destination: Airport
    departs_at: Instant
    arrives_at: Instant
    seats: FlightSeats
    price: Price
    backfill: (
        Annotated[bool, Meta(description="Schedule the flight although its departure lies in the past")]
        | UnsetType
    ) = UNSET
    cancellation_policy: NewPolicy | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.origin == self.destination:
            raise ValueError("origin and destination must differ")
        require_order(self.departs_at, self.arrives_at)

    @property
    def departure_day(self) -> date:
        """The day of departs_at in its own UTC offset, as printed on the ticket."""
        return self.departs_at.date()

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.natural_keys.add((self.number, self.origin, self.departure_day))


class RepriceFlight(FlightCommand):
    OPERATION = "reprice_flight"
    MOVES_SEATS = True  # a lower price can bring the total cost of a waiting party below the limit

    price: Price


class ChangeCancellationPolicy(FlightCommand):
    """Set the policy of later bookings; null: a cancellation gives all money back."""

    OPERATION = "change_cancellation_policy"

    cancellation_policy: NewPolicy | None


class ChangeFlightSeats(FlightCommand):
    OPERATION = "change_flight_seats"
    MOVES_SEATS = True

    seats: FlightSeats

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.seats_needed[self.flight_id] = FLIGHT_SEATS_MAX


class ChangeOverbooking(FlightCommand):
    """Sell `seats` more than the aircraft has. `reason` concerns no person and is stored in clear."""

    OPERATION = "change_overbooking"
    MOVES_SEATS = True

    seats: OverbookedSeats
    reason: Reason

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.seats_needed[self.flight_id] = FLIGHT_SEATS_MAX


class RetimeFlight(FlightCommand):
    """Change the times. `reason` concerns no person and is stored in clear."""

    OPERATION = "retime_flight"
    MOVES_SEATS = True  # a flight past its scheduled departure is open again, and its due holds end

    departs_at: Instant
    arrives_at: Instant
    reason: Reason

    def __post_init__(self) -> None:
        require_order(self.departs_at, self.arrives_at)

    @property
    def departure_day(self) -> date:
        """The day of departs_at in its own UTC offset, as when a flight is scheduled."""
        return self.departs_at.date()

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)
        read_set.new_days.add((self.flight_id, self.departure_day))


TARGETS_MAX = 20
"""Maximum number of flights to which the bookings of one flight are moved by one command."""
MoveTargets = Annotated[
    tuple[UUID, ...],
    Meta(min_length=1, max_length=TARGETS_MAX, description="Flights to move to, the first with seats first"),
]
MoveOrder = Literal["booked_first"]


class MoveAllBookings(FlightCommand):
    """Move as many bookings as fit to the flights `to`: booked, then pending, then initiated ones."""

    OPERATION = "move_all_bookings"
    MOVES_SEATS = True

    to: MoveTargets
    order: MoveOrder = "booked_first"

    def __post_init__(self) -> None:
        require_others(self.to)
        if self.flight_id in self.to:
            raise ValueError("to must not name the flight itself")

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)
        for flight_id in self.to:
            read_set.flights.add(flight_id)
            read_set.waiting_lists.of_flights.add(flight_id)
            read_set.seats_needed[flight_id] = FLIGHT_SEATS_MAX


def require_others(targets: tuple[UUID, ...]) -> None:
    """Check the flights to which bookings are moved. Raises ValueError."""
    if len(set(targets)) < len(targets):
        raise ValueError("to must name each flight once")


class CancelFlight(FlightCommand):
    """`reason` concerns no person and is stored in clear."""

    OPERATION = "cancel_flight"
    MOVES_SEATS = True

    reason: Reason

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)


class DepartFlight(FlightCommand):
    """Record that the flight has departed, on time, late or early."""

    OPERATION = "depart_flight"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)
