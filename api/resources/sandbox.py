"""Sandbox routes: read the test clock, and move it forward."""

from contextlib import suppress

import psycopg
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http import queries
from api.http.commands import SandboxClock, submit
from api.http.http_errors import NotFound
from api.http.parameters import CommandQuery, Ledger, ReadQuery
from api.http.request import ApiRequest
from api.http.routes import ALL_ROLES, OPERATORS, command_route, route
from database import head
from database.head import QueryResult
from domain.commands.sandbox import AdvanceClock
from domain.refusals.sandbox import ClockTooFar
from gateways.payment_reconciler import PaymentReconciler
from ledger.submission import Overloaded, Unavailable
from ledger.sweeps import run_sweep


class ClockQuery(CommandQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    ledger: Ledger | UnsetType = UNSET


class SandboxController(Controller):
    path = "/api/v1/sandbox"
    tags = ("Sandbox",)

    @get(
        "/clock",
        opt=route(
            ALL_ROLES,
            "Get the time of the sandbox. Not found on a live server",
            query=ReadQuery,
            response=SandboxClock,
            one_ledger=True,
            refusals=(NotFound,),
        ),
    )
    async def get_clock(self, request: ApiRequest) -> ASGIApp:
        _require_sandbox(request)
        position, clock = await queries.read(request, request.query(ReadQuery), _read_clock)
        return queries.respond(position, clock)

    @post(
        "/clock",
        opt=command_route(
            OPERATORS,
            "Move the clock of the sandbox forward, and expire what is due then. Not found on a live server",
            body=AdvanceClock,
            response=SandboxClock,
            one_ledger=True,
            refusals=(NotFound, ClockTooFar),
        ),
    )
    async def advance_clock(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(AdvanceClock)
        _require_sandbox(request)
        reply = await submit(request, command, ClockQuery)
        if reply.status == 200:
            await _sweep(request)
        return reply


def _require_sandbox(request: ApiRequest) -> None:
    """Raise NotFound on a live server."""
    if not request.ledger.settings.sandbox:
        raise NotFound


async def _read_clock(connection: queries.Connection) -> QueryResult[SandboxClock]:
    position, now = await head.head(connection)
    return QueryResult(position, SandboxClock(now))


async def _sweep(request: ApiRequest) -> None:
    """Expire what is due by the new time, so that the next query shows it. Else the scheduler does it."""
    ledger, processor = request.ledger, request.processor
    patience = ledger.settings.gateway_patience
    reconciler = PaymentReconciler(ledger, processor, patience) if processor else None
    with suppress(Unavailable, Overloaded, psycopg.Error):
        await run_sweep(ledger, reconciler)
