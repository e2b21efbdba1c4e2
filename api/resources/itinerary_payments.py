"""Payment routes of itineraries: one payment for all bookings."""

from litestar import Controller, post
from litestar.types import ASGIApp

from api.http.commands import ItineraryPaymentResult, submit
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, OPERATORS, command_route
from api.resources.payments import PAYMENT_REFUSALS, PaymentVoid, check_method
from domain.commands.itineraries import CaptureItinerary, PayItinerary, VoidItinerary
from domain.refusals.bookings import BookingCancelled, HoldExpired
from domain.refusals.flights import FlightDeparted
from domain.refusals.itineraries import ItineraryNotFound
from domain.refusals.payments import (
    AlreadyPaid,
    PaymentInProgress,
    PaymentNotPending,
)
from projections.itineraries import ItineraryRow

_CAPTURE_REFUSALS = (
    ItineraryNotFound,
    BookingCancelled,
    AlreadyPaid,
    PaymentNotPending,
    PaymentInProgress,
    FlightDeparted,
    HoldExpired,
)


class ItineraryPaymentController(Controller):
    path = "/api/v1/itineraries"
    tags = ("Payments",)

    @post(
        "/payments",
        opt=command_route(
            BUYERS,
            "Pay for an itinerary: one payment books all its bookings or none",
            body=PayItinerary,
            response=ItineraryPaymentResult,
            status=201,
            key_required=True,
            if_match=True,
            refusals=(ItineraryNotFound, *PAYMENT_REFUSALS),
        ),
    )
    async def pay_itinerary(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(PayItinerary)
        check_method(command, has_gateway=request.processor is not None)
        return await submit(request, command)

    @post(
        "/{id:str}/capture",
        opt=command_route(
            OPERATORS,
            "Capture the pending payment of an itinerary. If it is late, all is seated again or refunded",
            body=EmptyBody,
            response=ItineraryRow,
            if_match=True,
            refusals=_CAPTURE_REFUSALS,
        ),
    )
    async def capture_itinerary(self, request: ApiRequest) -> ASGIApp:
        itinerary_id, _ = request.id(ItineraryNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, CaptureItinerary(itinerary_id))

    @post(
        "/{id:str}/void",
        opt=command_route(
            OPERATORS,
            "Void the pending payment of an itinerary",
            body=PaymentVoid,
            response=ItineraryRow,
            if_match=True,
            refusals=_CAPTURE_REFUSALS,
        ),
    )
    async def void_itinerary(self, request: ApiRequest) -> ASGIApp:
        itinerary_id, body = request.id(ItineraryNotFound), await request.read(PaymentVoid)
        return await submit(request, VoidItinerary(itinerary_id, body.reason))
