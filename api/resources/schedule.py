"""Routes for changes of schedule: other times of a flight, and the answers of its customers."""

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp

from api.http.commands import submit
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, OPERATORS, route
from domain.commands.bookings import AcceptChange
from domain.commands.fields import Instant, Reason
from domain.commands.flights import RetimeFlight, require_order
from domain.refusals import (
    BookingCancelled,
    BookingNotFound,
    DepartureInPast,
    FlightAlreadyScheduled,
    FlightDeparted,
    FlightNotBookable,
    FlightNotFound,
    HoldExpired,
    IdempotencyKeyReused,
    NoScheduleChange,
    StaleVersion,
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


class FlightScheduleController(Controller):
    path = "/api/v1/flights"
    tags = ("Flights",)

    @post(
        "/{id:str}/times",
        status_code=200,
        opt=route(
            OPERATORS,
            "Change the times of a flight, and ask the customers of its bookings to accept them",
            body=NewTimes,
            response=FlightRow,
            refusals=(
                FlightNotFound,
                StaleVersion,
                FlightNotBookable,
                FlightDeparted,
                DepartureInPast,
                TimesUnchanged,
                FlightAlreadyScheduled,
                IdempotencyKeyReused,
            ),
            if_match=True,
        ),
    )
    async def change_times(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewTimes)
        return await submit(request, RetimeFlight(flight_id, body.departs_at, body.arrives_at, body.reason))


class BookingScheduleController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @post(
        "/{id:str}/accept-change",
        status_code=200,
        opt=route(
            BUYERS,
            "Accept the changed times of the flight of a booking",
            body=EmptyBody,
            body_required=False,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                StaleVersion,
                BookingCancelled,
                HoldExpired,
                NoScheduleChange,
                IdempotencyKeyReused,
            ),
        ),
    )
    async def accept_schedule_change(self, request: ApiRequest) -> ASGIApp:
        booking_id, _ = request.id(BookingNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, AcceptChange(booking_id))
