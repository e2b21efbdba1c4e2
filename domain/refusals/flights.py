"""Refusals about a flight: its state, its times and its seats."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.refusals.base import NothingFound, Refusal, Sometimes

if TYPE_CHECKING:
    from domain.flight import FlightStatus


class FlightNotFound(NothingFound):
    """There is no such flight.

    Check the id; `GET /api/v1/flights` lists the flights.
    """

    flight_id: Sometimes[UUID]


class FlightAlreadyScheduled(Refusal):
    """This flight number already leaves that airport on that day.

    Use the flight `flight_id`, or schedule another number or day.
    """

    flight_id: UUID


class FlightNotBookable(Refusal):
    """The flight has departed or was cancelled.

    Book another flight.
    """

    flight_id: UUID
    flight_status: "FlightStatus"


class FlightDeparted(Refusal):
    """The flight has departed.

    Choose a flight that is still to depart; after a departure an operator can record travel and refunds.
    """

    flight_id: UUID


class FlightNotDeparted(Refusal):
    """The flight has not departed yet.

    Repeat the command after the departure, with a new idempotency key.
    """

    flight_id: UUID


class DepartureInPast(Refusal):
    """The departure lies in the past.

    State a later `departs_at`. Only a new flight may lie in the past: send `"backfill": true` with it.
    """

    now: datetime


class TimesUnchanged(Refusal):
    """The flight already has these times.

    Read the flight: there is nothing to change.
    """

    flight_id: UUID


class NotEnoughSeats(Refusal):
    """The flight has fewer free seats than asked for.

    Ask for fewer seats, choose another flight, or join the waiting list of this one.
    """

    flight_id: Sometimes[UUID]
    asked: int
    free: int
    why: Sometimes[str]


class SeatsInUse(Refusal):
    """More seats are held and booked than the flight would have.

    Keep at least `in_use` seats, or cancel bookings first.
    """

    asked: int
    overbooking: Sometimes[int]
    in_use: int
