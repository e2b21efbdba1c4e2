"""Bulk booking: many holds in one request, each with its own idempotency key and outcome."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.http.commands import render
from api.http.conditions import key_arguments, unquote_key
from api.http.deprecations import Deprecation
from api.http.http_errors import LedgersMixed, TooManyCommands, ValidationFailed
from api.http.limited_callers import report_limited
from api.http.parameters import CommandQuery
from api.http.replies import PROBLEM, Header, Reply, position_header
from api.http.request import ApiRequest
from api.http.routes import BUYERS, route
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import PartySize, UserId
from domain.refusals.bookings import TooManyHolds
from domain.refusals.requests import BulkKeysMixed
from ledger.submission import Answer, Submission

Key = Annotated[str, Meta(pattern=r"^[!-~]{1,255}(?!\n)$", description="Idempotency key of this item")]


DEPRECATION = Deprecation(
    datetime(2026, 11, 29, tzinfo=UTC),
    "/docs/reference/itineraries",
    "With `atomic`: the time since which it is deprecated",
)


class BulkHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One hold with its own idempotency key."""

    key: Key
    flight_id: UUID
    user_id: UserId
    seats: PartySize


class BulkHolds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds to create. If `atomic`, all of them succeed or none does."""

    items: Annotated[list[BulkHold], Meta(min_length=1, max_length=100)]
    atomic: Annotated[
        bool, Meta(description="Replaced by POST /itineraries", extra_json_schema={"deprecated": True})
    ] = False


class ItemResult(msgspec.Struct, frozen=True):
    """Response to one item: status, `ledger-position` and body as of `POST /bookings`."""

    key: str
    status: int
    position: int
    replayed: bool
    body: msgspec.Raw


class BulkResult(msgspec.Struct, frozen=True):
    """Results in the order of the items."""

    results: list[ItemResult]


class BulkController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @post(
        "/bulk",
        opt=route(
            BUYERS,
            "Create up to 100 bookings. Each item has an idempotency key, shared with POST /bookings",
            body=BulkHolds,
            response=BulkResult,
            accepts_dry_run=True,
            deprecation=DEPRECATION,
            refusals=(BulkKeysMixed, TooManyCommands),
        ),
    )
    async def create_bookings(self, request: ApiRequest) -> ASGIApp:
        dry_run = request.query(CommandQuery).dry_run
        bulk = await request.read(BulkHolds)
        if bulk.atomic:
            _require_distinct_keys(bulk.items)
        flights = {request.ledgers.of_id(item.flight_id): item.flight_id for item in bulk.items}
        if len(flights) > 1:
            raise LedgersMixed(ledgers=sorted(entry.name for entry in flights))
        await request.use_ledger_of(_hold(bulk.items[0]))
        submissions = [_submission(request, item, dry_run) for item in bulk.items]
        request.context.limit_fields = request.shared.limits.count_commands(request.caller, len(submissions))
        answers = await request.ledger.submit_all(submissions, bulk.atomic)
        if any(answer.refusal is TooManyHolds for answer in answers):
            await report_limited(request, "unpaid_seats")
        head = max(answer.position for answer in answers)
        request.context.facts = {"position": head, "items": len(answers), "atomic": bulk.atomic}
        headers: list[Header] = [position_header(head)] + [(b"dry-run", b"true")] * dry_run
        headers += DEPRECATION.headers() if bulk.atomic else ()
        if answers[0].refusal is BulkKeysMixed:
            return Reply(answers[0].status, answers[0].body, headers, PROBLEM)
        results = [_result(item.key, answer) for item, answer in zip(bulk.items, answers, strict=True)]
        return Reply(200, msgspec.json.encode(BulkResult(results)), headers)


def _require_distinct_keys(items: Sequence[BulkHold]) -> None:
    """Raise ValidationFailed for a repeated key."""
    keys: set[str] = set()
    for number, item in enumerate(items):
        key = unquote_key(item.key)
        if key in keys:
            raise ValidationFailed(
                (f"/items/{number}/key", "Given twice: an atomic bulk needs a key per item")
            )
        keys.add(key)


def _hold(item: BulkHold) -> InitiateBooking:
    return InitiateBooking(item.flight_id, item.user_id, item.seats)


def _submission(request: ApiRequest, item: BulkHold, dry_run: bool) -> Submission:
    context = request.context
    return Submission(
        _hold(item),
        request.caller,
        render,
        **key_arguments(item.key),
        correlation_id=context.request_id,
        traceparent=context.traceparent,
        instance=context.instance,
        dry_run=dry_run,
    )


def _result(key: str, answer: Answer) -> ItemResult:
    return ItemResult(key, answer.status, answer.position, answer.replayed, msgspec.Raw(answer.body))
