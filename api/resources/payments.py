"""Payment routes: automatic capture, or authorisation followed by capture or void."""

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET

from api.http import queries
from api.http.commands import PaymentResult, submit
from api.http.http_errors import PaymentMethodMissing, PaymentMethodUnexpected
from api.http.parameters import ReadQuery
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, OPERATORS, READERS, command_route, route
from domain.commands.fields import Reason
from domain.commands.itineraries import PayItinerary
from domain.commands.payments import CapturePayment, PayBooking, VoidPayment
from domain.refusals.bookings import BookingCancelled, BookingNotFound, HoldExpired
from domain.refusals.flights import FlightDeparted
from domain.refusals.itineraries import BookingInItinerary
from domain.refusals.payments import (
    AlreadyPaid,
    PaymentDeclined,
    PaymentInProgress,
    PaymentNotFound,
    PaymentNotPending,
    PriceMismatch,
    TooManyPayments,
)
from ledger import payments
from ledger.payments import PaymentRow
from projections.bookings import BookingRow

CAPTURE_REFUSALS = (
    BookingNotFound,
    BookingInItinerary,
    BookingCancelled,
    AlreadyPaid,
    PaymentNotPending,
    PaymentInProgress,
    HoldExpired,
    FlightDeparted,
)
"""Refusals of capture and void."""

PAYMENT_REFUSALS = (
    BookingCancelled,
    HoldExpired,
    FlightDeparted,
    AlreadyPaid,
    PaymentInProgress,
    PriceMismatch,
    PaymentDeclined,
    TooManyPayments,
    PaymentMethodMissing,
    PaymentMethodUnexpected,
)
"""Refusals of a payment, besides those of an unknown booking or itinerary."""


class PaymentVoid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason of the void, for the record."""

    reason: Reason


class PaymentReadController(Controller):
    path = "/api/v1/payments"
    tags = ("Payments",)

    @get(
        "/{id:str}",
        opt=route(
            READERS, "Get a payment", query=ReadQuery, response=PaymentRow, refusals=(PaymentNotFound,)
        ),
    )
    async def get_payment(self, request: ApiRequest) -> ASGIApp:
        payment_id = request.id(PaymentNotFound)
        position, row = await queries.read(
            request, request.query(ReadQuery), lambda connection: payments.find(connection, payment_id)
        )
        if row is None or not request.may_read(row.user_id):
            return queries.refuse(request, position, PaymentNotFound(payment_id=payment_id))
        return queries.respond_decrypted(request, position, row)


class PaymentController(Controller):
    path = "/api/v1/bookings"
    tags = ("Payments",)

    @post(
        "/payments",
        opt=command_route(
            BUYERS,
            "Pay for a booking",
            body=PayBooking,
            response=PaymentResult,
            status=201,
            key_required=True,
            if_match=True,
            refusals=(BookingNotFound, BookingInItinerary, *PAYMENT_REFUSALS),
        ),
    )
    async def pay_booking(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(PayBooking)
        check_method(command, has_gateway=request.processor is not None)
        return await submit(request, command)

    @post(
        "/{id:str}/capture",
        opt=command_route(
            OPERATORS,
            "Capture a pending payment. After the hold expired, it takes free seats or makes a refund due",
            body=EmptyBody,
            response=BookingRow,
            if_match=True,
            refusals=CAPTURE_REFUSALS,
        ),
    )
    async def capture_payment(self, request: ApiRequest) -> ASGIApp:
        booking_id, _ = request.id(BookingNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, CapturePayment(booking_id))

    @post(
        "/{id:str}/void",
        opt=command_route(
            OPERATORS,
            "Void a pending payment",
            body=PaymentVoid,
            response=BookingRow,
            if_match=True,
            refusals=CAPTURE_REFUSALS,
        ),
    )
    async def void_payment(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(PaymentVoid)
        return await submit(request, VoidPayment(booking_id, body.reason))


def check_method(command: PayBooking | PayItinerary, has_gateway: bool) -> None:
    """Require `payment_method` with a gateway only. Raises PaymentMethodMissing, PaymentMethodUnexpected."""
    if has_gateway and command.payment_method is UNSET:
        raise PaymentMethodMissing
    if not has_gateway and command.payment_method is not UNSET:
        raise PaymentMethodUnexpected
