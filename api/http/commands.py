"""From a request to the ledger and back: idempotency keys, If-Match, and the answer that is stored."""

import re
from typing import Any
from uuid import UUID

import msgspec

from api.http.gateway_commands import complete_through_gateway
from api.http.http_errors import IdempotencyKeyMalformed, IdempotencyKeyMissing, Malformed
from api.http.parameters import CommandQuery
from api.http.problems import problem
from api.http.replies import JSON, PROBLEM, Header, Reply, position_header, version_header
from api.http.request import ApiRequest
from api.http.request_context import RequestContext
from api.http.routes import Route
from domain.commands import (
    Command,
    InitiateBooking,
    JoinWaitlist,
    PayBooking,
    ScheduleFlight,
    SettleRefund,
)
from domain.flight import Flight
from domain.refusals import Refusal
from domain.waiting import WaitingParty
from gateways.verdicts import ThroughGateway
from ledger.submission import Answer, Render, Submission, Verdict
from projections.bookings import BookingRow
from projections.flights import FlightRow
from projections.refunds import RefundRow
from projections.waiting import WaitingRow

CREATED = {
    ScheduleFlight: "/api/v1/flights/",
    InitiateBooking: "/api/v1/bookings/",
    JoinWaitlist: "/api/v1/waitlist/",
}
"""Commands that make a new resource, and where it will be found."""

_KEY = re.compile(rb"[!-~]{1,255}")
_IF_MATCH = re.compile(rb'"v([0-9]{1,9})"')


class PaymentResult(msgspec.Struct, frozen=True):
    payment_id: UUID
    booking: BookingRow


async def submit(request: ApiRequest, command: Command) -> Reply:
    """Have the ledger decide, and answer as it did: with the first outcome if the key was used before.

    Raises IdempotencyKeyMissing, IdempotencyKeyMalformed, Malformed, ValidationFailed; the ledger's
    Unavailable, Overloaded.
    """
    # Strict, because a misspelt dry_run must not do the thing.
    dry_run = request.query(CommandQuery).dry_run
    answer = await ask(request, command, render, dry_run=dry_run)
    processor = request.processor
    if processor and isinstance(command, ThroughGateway) and answer.subject_id and not dry_run:
        answer = await complete_through_gateway(request, processor, command, answer, render)
    return _reply(command, answer, dry_run)


async def ask(
    request: ApiRequest, command: Command, render: Render, *, dry_run: bool, keyed: bool = True
) -> Answer:
    """What the ledger says to the command, in the words of `render`; `keyed`: under the caller's key, if any.

    Raises as `submit` does.
    """
    context = request.context
    route: Route = request.route_handler.opt["route"]
    submission = Submission(
        command,
        request.caller,
        render,
        expected_version=_expected_version(context) if route.if_match else None,
        correlation_id=context.request_id,
        traceparent=context.traceparent,
        instance=context.instance,
        dry_run=dry_run,
        **(_key(context, route.key_required) if keyed else {}),
    )
    answer = await request.ledger.submit(submission)
    made = answer.subject_id if isinstance(command, InitiateBooking) else None
    booking_id = getattr(command, "booking_id", made)
    context.facts = {"position": answer.position, "key": submission.key, "booking_id": booking_id}
    return answer


def render(submission: Submission, verdict: Verdict) -> tuple[int, bytes]:
    """Status and body; what is stored is exactly this, so that a repeat is answered alike."""
    if isinstance(verdict, Refusal):
        return problem(verdict, submission.instance, submission.correlation_id)
    if isinstance(verdict, Flight):
        created = isinstance(submission.command, ScheduleFlight)
        return 201 if created else 200, _encode(FlightRow.of(verdict))
    if isinstance(verdict, WaitingParty):
        joined = isinstance(submission.command, JoinWaitlist)
        return 201 if joined else 200, _encode(WaitingRow.of(verdict))
    if isinstance(submission.command, SettleRefund):
        return 200, _encode(RefundRow.of(verdict, verdict.refunds[submission.command.refund_id]))
    row = BookingRow.of(verdict)
    if isinstance(submission.command, PayBooking):
        assert row.payment is not None
        return 201, _encode(PaymentResult(row.payment.payment_id, row))
    return 201 if isinstance(submission.command, InitiateBooking) else 200, _encode(row)


def _reply(command: Command, answer: Answer, dry_run: bool) -> Reply:
    headers: list[Header] = [position_header(answer.position)]
    if answer.version:
        headers.append(version_header(answer.version))
    if answer.replayed:
        headers.append((b"idempotency-replayed", b"true"))
    if dry_run:
        headers.append((b"dry-run", b"true"))
    elif answer.status == 201 and type(command) in CREATED:
        headers.append((b"location", f"{CREATED[type(command)]}{answer.subject_id}".encode()))
    return Reply(answer.status, answer.body, headers, JSON if answer.status < 400 else PROBLEM)


def _key(context: RequestContext, required: bool) -> dict[str, Any]:
    """The caller's idempotency key; without one the ledger makes its own."""
    ours, standard = context.fields.get(b"x-idempotency-key"), context.fields.get(b"idempotency-key")
    if ours is not None and standard is not None and ours != standard:
        raise Malformed("x-idempotency-key and Idempotency-Key differ.")
    key = standard if ours is None else ours
    if key is None:
        if required:
            raise IdempotencyKeyMissing
        return {}
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed
    return {"key": key.decode("ascii")}


def _expected_version(context: RequestContext) -> int | None:
    """The version in If-Match (RFC 9110, section 13.1.1); None where any will do."""
    value = context.fields.get(b"if-match")
    if value is None or value == b"*":
        return None
    match = _IF_MATCH.fullmatch(value)
    if match is None:
        raise Malformed('If-Match must be one entity tag like "v3", or *.')
    return int(match[1])


_encode = msgspec.json.Encoder().encode
