"""Routes for the day of departure: bookings that flew, that did not, and that were denied boarding."""

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http.commands import submit
from api.http.request import ApiRequest
from api.http.routes import OPERATORS, command_route
from domain.commands.bookings import DenyBoarding, RecordFlown, RecordNoShow
from domain.commands.fields import Price, Reason
from domain.commands.passengers import PassengerIds
from domain.refusals.bookings import BookingCancelled, BookingNotFound, BookingNotPaid, TravelAlreadyRecorded
from domain.refusals.flights import FlightNotDeparted
from domain.refusals.passengers import PassengerUnknown
from projections.bookings import BookingRow


class BoardingDenial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`compensation` is owed beside the refund of the price, and paid by hand."""

    reason: Reason
    compensation: Price | UnsetType = UNSET


class TravelRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`passengers` are those that it concerns. Default: all of the booking."""

    passengers: PassengerIds | UnsetType = UNSET


TRAVEL_REFUSALS = (
    BookingNotFound,
    BookingCancelled,
    BookingNotPaid,
    FlightNotDeparted,
    PassengerUnknown,
    TravelAlreadyRecorded,
)
"""Refusals of `flown` and `no-show`."""


class TravelController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @post(
        "/{id:str}/deny-boarding",
        opt=command_route(
            OPERATORS,
            "Cancel a paid booking for which an overbooked flight has no seats, with its refund",
            body=BoardingDenial,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                BookingNotPaid,
                TravelAlreadyRecorded,
            ),
        ),
    )
    async def deny_boarding(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(BoardingDenial)
        return await submit(request, DenyBoarding(booking_id, body.reason, body.compensation))

    @post(
        "/{id:str}/flown",
        opt=command_route(
            OPERATORS,
            "Record that the customers of a paid booking flew",
            body=TravelRecord,
            body_required=False,
            response=BookingRow,
            if_match=True,
            refusals=TRAVEL_REFUSALS,
        ),
    )
    async def record_flown(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(TravelRecord, optional=True)
        return await submit(request, RecordFlown(booking_id, body.passengers))

    @post(
        "/{id:str}/no-show",
        opt=command_route(
            OPERATORS,
            "Record that the customers of a paid booking did not appear for the flight",
            body=TravelRecord,
            body_required=False,
            response=BookingRow,
            if_match=True,
            refusals=TRAVEL_REFUSALS,
        ),
    )
    async def record_no_show(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(TravelRecord, optional=True)
        return await submit(request, RecordNoShow(booking_id, body.passengers))
