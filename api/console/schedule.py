"""Forms of a flight's page: other times, and all its bookings to another flight."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import forms
from api.console.flights import render_flight
from api.console.pages import page_route
from api.http.commands import BookingsMoved, submit
from api.http.http_errors import ValidationFailed
from api.http.request import ApiRequest
from api.http.routes import OPERATORS
from domain.commands.base import Command
from domain.commands.fields import Reason
from domain.commands.flights import MoveAllBookings, RetimeFlight, require_order
from domain.refusals.flights import FlightNotFound

FormKey = Annotated[str, Meta(max_length=255)]
UtcMinute = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(?!\n)$")
]


class TimesForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times in UTC, as browsers send them. `key` is created with the form, for repeated clicks."""

    key: FormKey
    departs_at: UtcMinute
    arrives_at: UtcMinute
    reason: Reason

    def __post_init__(self) -> None:
        require_order(*self.instants)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The departure and the arrival. Raises ValueError for a day that does not exist."""
        departs_at, arrives_at = map(datetime.fromisoformat, (self.departs_at, self.arrives_at))
        return departs_at.replace(tzinfo=UTC), arrives_at.replace(tzinfo=UTC)


class MoveForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: FormKey
    to: UUID


class SchedulePages(Controller):
    path = "/console/flights"

    @post(
        "/{id:str}/times",
        opt=page_route(OPERATORS, "Change the times of a flight", form=TimesForm),
    )
    async def retime(self, request: ApiRequest) -> ASGIApp:
        flight_id, form = request.id(FlightNotFound), await forms.read_body(request, TimesForm)
        return await _submit(
            request, flight_id, form.key, RetimeFlight(flight_id, *form.instants, form.reason)
        )

    @post(
        "/{id:str}/move-all",
        opt=page_route(OPERATORS, "Move all bookings of a flight to another one", form=MoveForm),
    )
    async def move_all(self, request: ApiRequest) -> ASGIApp:
        flight_id, form = request.id(FlightNotFound), await forms.read_body(request, MoveForm)
        if form.to == flight_id:
            raise ValidationFailed(("to", "Must be another flight"), of="parameter")
        return await _submit(request, flight_id, form.key, MoveAllBookings(flight_id, (form.to,)))


async def _submit(request: ApiRequest, flight_id: UUID, key: str, command: Command) -> ASGIApp:
    """Submit the command, and render the flight with the outcome."""
    # Clients of the API send the key in a header, which forms cannot do.
    request.context.fields[b"x-idempotency-key"] = key.encode()
    reply = await submit(request, command)
    if reply.status != 200:
        return await render_flight(request, flight_id, reply.status, refusal=msgspec.json.decode(reply.body))
    moves = isinstance(command, MoveAllBookings)
    moved = msgspec.json.decode(reply.body, type=BookingsMoved) if moves else None
    return await render_flight(request, flight_id, moved=moved, retimed=not moves)
