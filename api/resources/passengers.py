"""Routes about the passengers of a booking."""

import msgspec
from litestar import Controller, post, put
from litestar.types import ASGIApp

from api.http.commands import submit
from api.http.request import ApiRequest
from api.http.routes import BUYERS, command_route
from domain.commands.passengers import NamedPassengers, NamePassengers, PassengerIds, SplitBooking
from domain.refusals.bookings import BookingCancelled, BookingNotFound, HoldExpired
from domain.refusals.flights import FlightDeparted
from domain.refusals.passengers import (
    InfantWithoutAdult,
    PassengersNotSeats,
    PassengerUnknown,
    SplitWithoutSeat,
)
from domain.refusals.payments import PaymentInProgress
from projections.bookings import BookingRow


class PassengerList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All passengers of a booking: as many as seats, and infants on laps."""

    passengers: NamedPassengers

    def __post_init__(self) -> None:
        ids = [passenger.id for passenger in self.passengers if passenger.id is not msgspec.UNSET]
        if len(set(ids)) < len(ids):
            raise ValueError("passengers must not name an id twice")


class BookingPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The passengers of the new booking."""

    passengers: PassengerIds


class PassengerController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @put(
        "/{id:str}/passengers",
        opt=command_route(
            BUYERS,
            "Name the passengers of a booking, in place of earlier ones, until the departure",
            body=PassengerList,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                HoldExpired,
                FlightDeparted,
                PassengersNotSeats,
                InfantWithoutAdult,
                PassengerUnknown,
            ),
        ),
    )
    async def name_passengers(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(PassengerList)
        return await submit(request, NamePassengers(booking_id, body.passengers))

    @post(
        "/{id:str}/split",
        opt=command_route(
            BUYERS,
            "Make a second booking of some passengers, with their seats and their share of the price",
            body=BookingPart,
            response=BookingRow,
            status=201,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                HoldExpired,
                FlightDeparted,
                PaymentInProgress,
                PassengerUnknown,
                SplitWithoutSeat,
                InfantWithoutAdult,
            ),
        ),
    )
    async def split_booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(BookingPart)
        return await submit(request, SplitBooking(booking_id, body.passengers))
