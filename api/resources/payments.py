"""Payments over HTTP: taken at once, or authorised and then captured or voided."""

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from msgspec import UNSET

from api.http.commands import PaymentResult, submit
from api.http.http_errors import PaymentMethodMissing, PaymentMethodUnexpected
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, OPERATORS, route
from domain.commands import CapturePayment, PayBooking, Reason, VoidPayment
from domain.refusals import (
    AlreadyPaid,
    BookingCancelled,
    BookingNotFound,
    HoldExpired,
    IdempotencyKeyReused,
    PaymentDeclined,
    PaymentInProgress,
    PaymentNotPending,
    PriceMismatch,
    StaleVersion,
    TooManyPayments,
)
from projections.bookings import BookingRow

UNRESOLVABLE = (
    BookingNotFound,
    StaleVersion,
    BookingCancelled,
    AlreadyPaid,
    PaymentNotPending,
    PaymentInProgress,
    HoldExpired,
    IdempotencyKeyReused,
)
"""Why a payment can be neither captured nor voided."""


class PaymentVoid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class PaymentController(Controller):
    path = "/api/v1/bookings"
    tags = ("Payments",)

    @post(
        "/payments",
        opt=route(
            BUYERS,
            "Pay for a booking",
            body=PayBooking,
            response=PaymentResult,
            status=201,
            key_required=True,
            if_match=True,
            refusals=(
                BookingNotFound,
                StaleVersion,
                BookingCancelled,
                HoldExpired,
                AlreadyPaid,
                PaymentInProgress,
                PriceMismatch,
                PaymentDeclined,
                TooManyPayments,
                PaymentMethodMissing,
                PaymentMethodUnexpected,
                IdempotencyKeyReused,
            ),
        ),
    )
    async def pay(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(PayBooking)
        _require_method(command, through=request.processor is not None)
        return await submit(request, command)

    @post(
        "/{id:str}/capture",
        status_code=200,
        opt=route(
            OPERATORS,
            "The pending payment's money has come; late money books again, or becomes a refund due",
            body=EmptyBody,
            body_required=False,
            response=BookingRow,
            if_match=True,
            refusals=UNRESOLVABLE,
        ),
    )
    async def capture(self, request: ApiRequest) -> ASGIApp:
        booking_id, _ = request.id(BookingNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, CapturePayment(booking_id))

    @post(
        "/{id:str}/void",
        status_code=200,
        opt=route(
            OPERATORS,
            "Let a pending payment go",
            body=PaymentVoid,
            response=BookingRow,
            if_match=True,
            refusals=UNRESOLVABLE,
        ),
    )
    async def void(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(PaymentVoid)
        return await submit(request, VoidPayment(booking_id, body.reason))


def _require_method(command: PayBooking, through: bool) -> None:
    """What pays is for the gateway to know. Raises PaymentMethodMissing, PaymentMethodUnexpected."""
    if through and command.payment_method is UNSET:
        raise PaymentMethodMissing
    if not through and command.payment_method is not UNSET:
        raise PaymentMethodUnexpected
