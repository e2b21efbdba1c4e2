"""Operations routes: server information, health checks and metrics."""

import asyncio
from typing import Literal

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp

from analytics.follower.lag import Lag, lags
from analytics.webhooks import status as webhooks
from analytics.webhooks.status import WebhookStatus
from api.http import metrics, queries
from api.http.guard import authenticate
from api.http.http_errors import NotReady, Unauthenticated
from api.http.parameters import ReadQuery
from api.http.problems import problem_reply
from api.http.replies import NO_STORE, Reply, position_header
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, OPERATORS, PUBLIC, route, with_alias
from api.readiness import check_readiness, without_details
from audit.self_audit.status import AuditStatus, read_status
from database import head, task_failures
from database.head import QueryResult
from database.readiness import Check
from database.task_failures import TaskFailure
from ledger.ledger import Ledger
from runtime import VERSION


class Info(msgspec.Struct, frozen=True):
    """The program, and the position of the last event."""

    name: str
    version: str
    status: Literal["ok"]
    api_version: str
    position: int


class Live(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Ready(msgspec.Struct, frozen=True):
    """The server is ready for requests."""

    status: Literal["ok"]
    position: int
    checks: list[Check]


class OperationsController(Controller):
    path = "/"
    tags = ("Operations",)

    @get(
        "/api/v1/info",
        opt=route(PUBLIC, "Get the name, version and position of the server", query=ReadQuery, response=Info),
    )
    async def get_info(self, request: ApiRequest) -> ASGIApp:
        position, _ = await queries.read(request, request.query(ReadQuery), _position)
        return queries.respond(position, Info("seatledger", VERSION, "ok", "v1", position))

    @get(
        with_alias("/health/live"),
        opt=route(PUBLIC, "Check that the process is alive, without I/O", response=Live),
    )
    async def get_liveness(self, request: ApiRequest) -> ASGIApp:
        return Reply(200, msgspec.json.encode(Live()))

    @get(
        with_alias("/health/ready"),
        opt=route(
            PUBLIC,
            "Check that the server is ready for requests. Lists the checks; their details are for auditors "
            "and operators",
            response=Ready,
            all_ledgers=True,
        ),
    )
    async def get_readiness(self, request: ApiRequest) -> ASGIApp:
        readiness = await check_readiness(request.ledger)
        position, checks = readiness.position, readiness.checks
        if request.is_for_all_ledgers:
            checks = [*checks, *await asyncio.gather(*map(_check_other, request.ledgers.others))]
        if not _is_auditor(request):
            checks = without_details(checks)
        if readiness.ok:
            return queries.respond(position, Ready("ok", position, checks))
        failed = "; ".join(f"{one.name}: {one.detail or 'not ok'}" for one in checks if not one.ok)
        return problem_reply(NotReady(failed, checks=checks), request.context, position)

    @get(
        with_alias("/metrics"),
        opt=route(
            OPERATORS,
            "Get metrics in the Prometheus text format",
            response=str,
            example="ledger_position 4711\n",
            media_type=metrics.CONTENT_TYPE,
        ),
    )
    async def get_metrics(self, request: ApiRequest) -> ASGIApp:
        position, background = await queries.read(request, ReadQuery(), _background)
        text = metrics.exposition(position, request.ledger.queued, *background)
        kind = ((b"content-type", metrics.CONTENT_TYPE.encode()), NO_STORE)
        return Reply(200, text, [position_header(position)], kind)


async def _check_other(ledger: Ledger) -> Check:
    """Return the readiness of another ledger. It is not vital: the server is ready for the rest."""
    readiness = await check_readiness(ledger)
    failed = "; ".join(f"{one.name}: {one.detail or 'not ok'}" for one in readiness.checks if not one.ok)
    detail = failed or f"position {readiness.position}"
    return Check(f"ledger {ledger.entry.name}", not failed, detail, vital=False)


def _is_auditor(request: ApiRequest) -> bool:
    """Return true for a token with role auditor or operator. Without a valid token the route stays public."""
    authorization = request.context.fields.get(b"authorization")
    if authorization is None:
        return False
    try:
        caller = authenticate(request.shared.tokens, authorization, request.context).caller
    except Unauthenticated:
        return False
    return not AUDITORS.isdisjoint(caller.roles)


async def _background(
    connection: queries.Connection,
) -> QueryResult[tuple[list[Lag], AuditStatus, list[TaskFailure], WebhookStatus]]:
    background = (
        await lags(connection),
        await read_status(connection),
        await task_failures.read(connection),
        await webhooks.read_status(connection),
    )
    return QueryResult(await head.position(connection), background)


async def _position(connection: queries.Connection) -> QueryResult[None]:
    return QueryResult(await head.position(connection), None)
