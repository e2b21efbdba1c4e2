"""Routes for changes of schedule: other times, other flights, and the answers of the customers."""

from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp

from api.http.commands import BookingsMoved, submit
from api.http.http_errors import ValidationFailed
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, OPERATORS, command_route
from api.resources.flights import CHANGE_REFUSALS
from domain.commands.bookings import AcceptChange, MoveBooking
from domain.commands.fields import Instant, Reason
from domain.commands.flights import (
    MoveAllBookings,
    MoveOrder,
    MoveTargets,
    RetimeFlight,
    require_order,
    require_others,
)
from domain.refusals.bookings import (
    AlreadyOnFlight,
    BookingCancelled,
    BookingNotFound,
    CurrencyDiffers,
    HoldExpired,
    NoScheduleChange,
    TravelAlreadyRecorded,
)
from domain.refusals.flights import (
    DepartureInPast,
    FlightAlreadyScheduled,
    FlightNotBookable,
    FlightNotFound,
    NotEnoughSeats,
    TimesUnchanged,
)
from projections.bookings import BookingRow
from projections.flights import FlightRow


class NewTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The times of the flight from now on, and the reason of the change."""

    departs_at: Instant
    arrives_at: Instant
    reason: Reason

    def __post_init__(self) -> None:
        require_order(self.departs_at, self.arrives_at)


class MoveTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The flight to move the booking to."""

    flight_id: UUID


class MoveTargetList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bookings that are paid for come first, then those with a payment in progress, then unpaid holds."""

    to: MoveTargets
    order: MoveOrder = "booked_first"

    def __post_init__(self) -> None:
        require_others(self.to)


class FlightScheduleController(Controller):
    path = "/api/v1/flights"
    tags = ("Flights",)

    @post(
        "/{id:str}/times",
        opt=command_route(
            OPERATORS,
            "Change the times of a flight, and ask the customers of its bookings to accept them",
            body=NewTimes,
            response=FlightRow,
            refusals=(*CHANGE_REFUSALS, DepartureInPast, TimesUnchanged, FlightAlreadyScheduled),
            if_match=True,
        ),
    )
    async def change_times(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewTimes)
        return await submit(request, RetimeFlight(flight_id, body.departs_at, body.arrives_at, body.reason))

    @post(
        "/{id:str}/move-all",
        opt=command_route(
            OPERATORS,
            "Move as many bookings of a flight as fit to other flights",
            body=MoveTargetList,
            response=BookingsMoved,
            refusals=CHANGE_REFUSALS,
            if_match=True,
        ),
    )
    async def move_all_bookings(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(MoveTargetList)
        if flight_id in body.to:
            raise ValidationFailed(("/to", "Must not name the flight itself"))
        return await submit(request, MoveAllBookings(flight_id, body.to, body.order))


class BookingScheduleController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @post(
        "/{id:str}/accept-change",
        opt=command_route(
            BUYERS,
            "Accept the changed times of the flight of a booking",
            body=EmptyBody,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                HoldExpired,
                NoScheduleChange,
            ),
        ),
    )
    async def accept_schedule_change(self, request: ApiRequest) -> ASGIApp:
        booking_id, _ = request.id(BookingNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, AcceptChange(booking_id))

    @post(
        "/{id:str}/move",
        opt=command_route(
            OPERATORS,
            "Move a booking to another flight, for the same money",
            body=MoveTarget,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                FlightNotFound,
                BookingCancelled,
                HoldExpired,
                TravelAlreadyRecorded,
                AlreadyOnFlight,
                FlightNotBookable,
                CurrencyDiffers,
                NotEnoughSeats,
            ),
        ),
    )
    async def move_booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(MoveTarget)
        return await submit(request, MoveBooking(booking_id, body.flight_id))
