"""Error responses: problem details (RFC 9457), and the status of each refusal."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar.exceptions import HTTPException
from loguru import logger
from msgspec import UNSET, Meta, UnsetType

import ledger.submission as ledger
from api.http import http_errors
from api.http.http_errors import Rejection
from api.http.replies import PROBLEM, Header, Reply, position_header
from api.http.request import ApiRequest
from api.http.request_context import RequestContext
from domain.refusals.base import NothingFound, Refusal
from domain.refusals.flights import NotEnoughSeats
from domain.refusals.payments import PaymentDeclined
from domain.refusals.requests import IdempotencyKeyReused, NotYourAccount, StaleVersion

STATUSES: dict[type[Refusal], int] = {
    StaleVersion: 412,
    IdempotencyKeyReused: 422,
    NotYourAccount: 403,
    PaymentDeclined: 402,
}
"""Status of ledger refusals. Default: 404 for NothingFound, 409 for others."""

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457). Each code has members of its own besides these."""

    type: Annotated[str, Meta(description="URL of the explanation of this code")]
    title: Annotated[str, Meta(description="What is wrong, the same for all problems of this code")]
    status: Annotated[int, Meta(description="HTTP status")]
    detail: Annotated[str, Meta(description="What is wrong with this request, and what to do next")]
    instance: Annotated[str, Meta(description="Path of the request")]
    code: Annotated[str, Meta(description="Code for programs; the set of codes is open")]
    request_id: Annotated[str, Meta(description="`x-request-id` of the request that got this answer first")]
    livemode: Annotated[bool, Meta(description="`false` in a sandbox; live problems lack it")] | UnsetType = (
        UNSET
    )


def status_of(refusal: Refusal | type[Refusal]) -> int:
    kind = refusal if isinstance(refusal, type) else type(refusal)
    if issubclass(kind, Rejection):
        return kind.status
    return STATUSES.get(kind, 404 if issubclass(kind, NothingFound) else 409)


def problem(refusal: Refusal, instance: str, request_id: str) -> tuple[int, bytes]:
    """Return status and body."""
    status = status_of(refusal)
    members = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        "instance": instance,
        "code": refusal.code,
        "request_id": request_id,
    }
    return status, _encode(members | refusal.facts | _links(refusal))


def _links(refusal: Refusal) -> dict[str, str]:
    """Return the URL that answers why a flight had too few seats, at the position of the refusal."""
    if not (isinstance(refusal, NotEnoughSeats) and refusal.refused_at):
        return {}
    query = f"seats={refusal.asked}&position={refusal.refused_at}"
    return {"why": f"/api/v1/flights/{refusal.flight_id}/why?{query}"}


def problem_reply(refusal: Refusal, context: RequestContext, position: int | None = None) -> Reply:
    context.is_shed = isinstance(refusal, http_errors.Overloaded | http_errors.Limited)
    status, body = problem(refusal, context.instance, context.request_id)
    headers: Sequence[Header] = refusal.headers if isinstance(refusal, Rejection) else ()
    if position is not None:
        headers = [*headers, position_header(position)]
    return Reply(status, body, headers, PROBLEM)


def on_error(request: ApiRequest, error: Exception) -> Reply:
    """Convert an exception from routing, guard or handler to a response."""
    return problem_reply(as_refusal(error, request.context), request.context)


def as_refusal(error: Exception, context: RequestContext) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ledger.Unavailable):
        return http_errors.Unavailable()
    if isinstance(error, ledger.Overloaded):
        return http_errors.Overloaded()
    if isinstance(error, HTTPException) and error.status_code < 500:
        if error.status_code == 404:
            return http_errors.NotFound()
        if error.status_code == 405:
            return http_errors.MethodNotAllowed((error.headers or {}).get("allow", "").split(", "))
        return http_errors.Malformed()
    logger.bind(request_id=context.request_id, method=context.method).opt(exception=error).error(
        "request.failed"
    )
    return http_errors.InternalError()


_encode = msgspec.json.Encoder().encode
