"""The form of a booking's page that names its passengers, one on each line."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import forms
from api.console.bookings import read_history, render_booking
from api.console.pages import page_route
from api.console.passenger_lines import describe, parse_lines
from api.console.schedule import FormKey
from api.http.commands import submit
from api.http.http_errors import ValidationFailed
from api.http.request import ApiRequest
from api.http.routes import OPERATORS
from domain.commands.passengers import NamePassengers
from domain.refusals.bookings import BookingNotFound


class PassengersForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Passengers as text. `key` and `version` are those of the booking's page when it was read."""

    key: FormKey
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    passengers: Annotated[str, Meta(min_length=1, max_length=5000)]


class PassengerPages(Controller):
    path = "/console/bookings"

    @post(
        "/{id:str}/passengers",
        opt=page_route(OPERATORS, "Name the passengers of a booking", form=PassengersForm, if_match=True),
    )
    async def name_passengers(self, request: ApiRequest) -> ASGIApp:
        booking_id, form = request.id(BookingNotFound), await forms.read_body(request, PassengersForm)
        # As of the page, so that a form that is sent twice is the same command.
        known = (await read_history(request, booking_id, form.version))["then"].passengers
        try:
            passengers = parse_lines(form.passengers, known).passengers
        except ValidationFailed as error:
            wrong = [describe(**each) for each in error.facts["errors"]]
            return await _render(request, booking_id, 400, wrong=wrong, typed=form.passengers)
        # Clients of the API send key and version in headers, which forms cannot do.
        request.context.fields[b"x-idempotency-key"] = form.key.encode()
        request.context.fields[b"if-match"] = b'"v%d"' % form.version
        reply = await submit(request, NamePassengers(booking_id, passengers))
        if reply.status != 200:
            refusal = msgspec.json.decode(reply.body)
            return await _render(request, booking_id, reply.status, refusal=refusal, typed=form.passengers)
        return await _render(request, booking_id, named=True)


async def _render(request: ApiRequest, booking_id: UUID, status: int = 200, **outcome: Any) -> ASGIApp:
    """Render the booking with the outcome of the form."""
    return render_booking(request, await read_history(request, booking_id, 0), status, **outcome)
