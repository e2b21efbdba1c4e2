"""Responses of a route in the OpenAPI document: success, and every error with an example."""

from collections.abc import Iterator
from typing import Any

import msgspec

from api.http import http_errors
from api.http.commands import CREATED
from api.http.examples import EXAMPLES
from api.http.openapi_problems import problem_example, problem_schema
from api.http.openapi_schemas import Schemas
from api.http.problems import MEDIA_TYPE, status_of
from api.http.queries import Page
from api.http.routes import OPERATORS, PUBLIC, Route
from api.resources.webhook_changes import RegisteredWebhook
from domain.commands.flights import ScheduleFlight
from domain.refusals.base import Refusal
from domain.refusals.flights import NotEnoughSeats
from domain.refusals.requests import IdempotencyKeyReused, StaleVersion
from projections.bookings import BookingRow
from projections.flights import FlightRow
from projections.itineraries import ItineraryRow
from projections.waiting import WaitingRow


def responses(schemas: Schemas, path: str, method: str, route: Route) -> dict[str, Any]:
    headers = _share(schemas, dict(_success_headers(method, route)))
    success: dict[str, Any] = {"description": "Success.", "headers": headers}
    if route.response is not None:
        media_type = route.media_type.partition(";")[0]
        success["content"] = {media_type: content(schemas, route.response, route.example)}
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in dict.fromkeys((*route.refusals, *_rejections(path, route))):
        by_status.setdefault(status_of(refusal), []).append(refusal)
    kept = {"304": _not_modified(success["headers"])} if is_conditional(route, method) else {}
    return {str(route.status): success, **kept} | {
        str(status): _error(schemas, status, kinds, path, route)
        for status, kinds in sorted(by_status.items())
    }


def _success_headers(method: str, route: Route) -> Iterator[tuple[str, Any]]:
    command = is_command(route)
    yield from _EVERY_HEADER.items()
    if route.query is not None or command or route.accepts_dry_run:
        yield "ledger-position", _header("Log position that the response reflects.", "integer")
    if command or route.response in (FlightRow, BookingRow, WaitingRow, ItineraryRow):
        yield "ETag", _header('Version of the resource, for example `"v3"`.')
    elif is_conditional(route, method):
        yield "ETag", _header("Tag of this answer, for If-None-Match.")
    if _counts(route):
        yield from _LIMIT_HEADERS.items()
    if command or route.is_keyed:
        yield (
            "idempotency-replayed",
            _header("`true`: this is the stored outcome of an earlier request with the same key."),
        )
    if command or route.accepts_dry_run:
        yield "dry-run", _header("`true`: nothing was written.")
    if route.status == 201 and (route.body in CREATED or route.response in (WaitingRow, RegisteredWebhook)):
        yield "Location", _header("URL of the new resource.")
    if route.deprecation is not None:
        yield "Deprecation", _header(f"{route.deprecation.when}, as `@` and Unix seconds (RFC 9745).")
        yield "Link", _header('Page about the replacement, with `rel="deprecation"`.')
    if route.deprecation is not None and route.deprecation.sunset is not None:
        yield "Sunset", _header("Time after which it may stop working (RFC 8594).")
    if getattr(route.response, "__origin__", None) is Page:
        yield "Link", _header('URL of the next page, with `rel="next"`.')
        yield "ledgers-missing", _header("Names of ledgers that did not answer, with `partial=true`.")


def _rejections(path: str, route: Route) -> Iterator[type[Refusal]]:
    if route.query is not None or route.body is not None or is_command(route) or route.if_match:
        yield http_errors.ValidationFailed
    if route.if_match:
        yield StaleVersion
    if route.query is not None:
        yield http_errors.PositionNotReached
    if route.query is not None or is_command(route) or route.accepts_dry_run or route.one_ledger:
        yield http_errors.LedgerNotFound
    if getattr(route.response, "__origin__", None) is Page:
        yield http_errors.LedgerUnavailable
    if is_command(route) or route.accepts_dry_run:
        yield http_errors.LedgerRetired
    if route.body is ScheduleFlight:
        yield http_errors.CarrierNotHere
    if route.accepts_dry_run:
        yield http_errors.LedgersMixed
    if is_command(route):
        yield http_errors.IdempotencyKeyMalformed
        yield from (http_errors.IdempotencyKeyMissing,) if route.key_required else ()
        yield from (http_errors.TooManyCommands,) if route.roles != OPERATORS else ()
    if route.is_keyed:
        yield from (http_errors.Malformed, http_errors.IdempotencyKeyMalformed, IdempotencyKeyReused)
    if route.body is not None:
        yield from (http_errors.RequestTimeout, http_errors.ContentTooLarge, http_errors.UnsupportedMediaType)
    if route.roles != PUBLIC:
        yield from (http_errors.Unauthenticated, http_errors.Forbidden, http_errors.KeysUnavailable)
    if route.query is not None or route.roles != PUBLIC:
        yield from (http_errors.Unavailable, http_errors.Overloaded)
    if path.startswith("/health/ready"):
        yield http_errors.NotReady
    if path.endswith("/{id}"):
        # Another path with a fixed segment here, such as `/bookings/payments`, accepts only POST.
        yield http_errors.MethodNotAllowed
    if "{code}" in path or "{name}" in path:
        yield http_errors.NotFound
    # Any request may have a wrong Host header, or a URL that is too long.
    yield from (http_errors.Malformed, http_errors.UriTooLong, http_errors.InternalError)


def _error(
    schemas: Schemas, status: int, kinds: list[type[Refusal]], path: str, route: Route
) -> dict[str, Any]:
    headers, command = dict(_EVERY_HEADER), is_command(route)
    ledger_refusals = [kind for kind in kinds if not issubclass(kind, http_errors.Rejection)]
    if ledger_refusals or http_errors.PositionNotReached in kinds or http_errors.NotReady in kinds:
        headers["ledger-position"] = _header("Log position that the response reflects.", "integer")
    if command and any(kind.is_recorded for kind in ledger_refusals):
        headers["idempotency-replayed"] = _header(
            "`true`: this is the stored outcome of an earlier request with the same key."
        )
    if command and ledger_refusals:
        headers["dry-run"] = _header("`true`: nothing was written.")
    if NotEnoughSeats in kinds:
        headers["Link"] = _header('URL of `why`, with `rel="describedby"`: the bookings that had the seats.')
    headers |= (
        {"Retry-After": _header("Seconds to wait before the next attempt.", "integer")}
        if status in (429, 503)
        else {}
    )
    if status == 429 or (_counts(route) and (ledger_refusals or status >= 500)):
        headers |= _LIMIT_HEADERS
    headers |= (
        {"WWW-Authenticate": _header("Authentication scheme and error (RFC 6750).")}
        if status in (401, 403)
        else {}
    )
    examples = {
        kind.code: schemas.share("examples", kind.code, problem_example(kind, path)) for kind in kinds
    }
    body = {"schema": problem_schema(schemas, kinds), "examples": examples}
    codes = ", ".join(f"`{kind.code}`" for kind in kinds)
    return {
        "description": codes,
        "headers": _share(schemas, headers),
        "content": {MEDIA_TYPE: body},
    }


def _share(schemas: Schemas, headers: dict[str, Any]) -> dict[str, Any]:
    return {name: schemas.share("headers", name, header) for name, header in headers.items()}


def content(schemas: Schemas, kind: Any, example: Any = None) -> dict[str, Any]:
    schema = schemas.of(kind)
    if example is not None:
        return {"schema": schema, "example": example}
    if kind not in EXAMPLES:
        return {"schema": schema}
    # Encode and decode, because some examples contain encoded JSON.
    return {"schema": schema, "example": msgspec.json.decode(msgspec.json.encode(EXAMPLES[kind]))}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def is_command(route: Route) -> bool:
    return IdempotencyKeyReused in route.refusals


def is_conditional(route: Route, method: str) -> bool:
    """Return whether answers have an entity tag that If-None-Match is compared with."""
    return method == "GET" and route.roles != PUBLIC and route.media_type == "application/json"


def _not_modified(headers: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the answer to a caller that has the current one."""
    kept = {name: header for name, header in headers.items() if name != "Link"}
    return {"description": "The caller has this answer already.", "headers": kept}


def _counts(route: Route) -> bool:
    """Return whether requests count for the limit of commands a minute."""
    return http_errors.TooManyCommands in (*route.refusals, *_rejections("", route))


_LIMIT_HEADERS = {
    "RateLimit-Policy": _header("The limit: `q` commands in `w` seconds, or `q` streams. Not for operators."),
    "RateLimit": _header("What is left of it: `r` commands or streams, until `t` seconds have passed."),
}
"""Fields of draft-ietf-httpapi-ratelimit-headers."""

_EVERY_HEADER: dict[str, Any] = {
    "x-request-id": _header("Id of the request."),
    "livemode": _header("`false`: the answer is of a sandbox. Answers of a live server have no such header."),
    "ledger": _header("Name of the ledger that answers; for a list over several, all their names."),
}
