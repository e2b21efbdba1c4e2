"""Commands over HTTP: submission, and the stored response."""

from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from api.http.conditions import expected_versions, idempotency_key
from api.http.gateway_commands import complete_through_gateway
from api.http.limited_callers import report_limited
from api.http.parameters import CommandQuery
from api.http.problems import problem
from api.http.replies import JSON, PROBLEM, Header, Reply, position_header, version_header
from api.http.request import ApiRequest
from domain.airports import Airports
from domain.booking import Booking
from domain.booking_split import BookingSplit
from domain.changed_flight import ChangedFlight
from domain.commands.base import Command, ItineraryCommand
from domain.commands.bookings import InitiateBooking
from domain.commands.flights import MoveAllBookings, ScheduleFlight
from domain.commands.itineraries import InitiateItinerary, PayItinerary
from domain.commands.passengers import SplitBooking
from domain.commands.payments import PayBooking, SettleRefund
from domain.commands.waiting import JoinWaitlist
from domain.flight import Flight
from domain.itinerary import Itinerary
from domain.refusals.base import Refusal
from domain.refusals.bookings import TooManyHolds
from domain.waiting import WaitingParty
from gateways.command_outcomes import GatewayCommand
from ledger.ids import text_of
from ledger.submission import Answer, Decision, Render, Submission
from projections.bookings import BookingRow
from projections.flights import FlightRow
from projections.itineraries import ItineraryRow
from projections.refunds import RefundRow
from projections.waiting import WaitingRow

CREATED = {
    ScheduleFlight: "/api/v1/flights/",
    InitiateBooking: "/api/v1/bookings/",
    JoinWaitlist: "/api/v1/waitlist/",
    InitiateItinerary: "/api/v1/itineraries/",
    SplitBooking: "/api/v1/bookings/",
}
"""Base URL of the resource that a command creates."""


class SandboxClock(msgspec.Struct, frozen=True):
    """The time of a sandbox."""

    now: datetime


class PaymentResult(msgspec.Struct, frozen=True):
    """The payment, and the booking after it."""

    payment_id: UUID
    booking: BookingRow


class ItineraryPaymentResult(msgspec.Struct, frozen=True):
    """The payment, and the itinerary after it."""

    payment_id: UUID
    itinerary: ItineraryRow


class MovedBooking(msgspec.Struct, frozen=True):
    """A booking that was moved, and the flight that it is on now."""

    booking_id: UUID
    flight_id: UUID


class UnmovedBooking(msgspec.Struct, frozen=True):
    """A booking that stays. `reason` is the code of the refusal, as for a booking that is moved alone."""

    booking_id: UUID
    reason: str


class BookingsMoved(msgspec.Struct, frozen=True):
    """All bookings of the flight that were live, in the order in which they were moved or left."""

    moved: list[MovedBooking]
    not_moved: list[UnmovedBooking]


class _Resource(msgspec.Struct):
    """The id and the version in the answer to a command about an itinerary, or about its payment."""

    id: UUID | None = None
    version: int = 0
    itinerary: "_Resource | None" = None


class _Explained(msgspec.Struct):
    """The link in a refusal to what explains it. Refusals of earlier releases have none."""

    why: str | None = None


async def submit(request: ApiRequest, command: Command, query: type[CommandQuery] = CommandQuery) -> Reply:
    """Submit the command and return its outcome: the first one if the idempotency key was used before.

    Raises IdempotencyKeyMissing, IdempotencyKeyMalformed, Malformed, ValidationFailed, and the ledger's
    Unavailable and Overloaded.
    """
    # Unknown parameters are refused, because a misspelt `dry_run` must not execute the command.
    dry_run = request.query(query).dry_run
    answer = await get_answer(
        request, command, partial(render, airports=request.shared.airports), dry_run=dry_run
    )
    processor = request.processor
    if processor and isinstance(command, GatewayCommand) and answer.subject_id and not dry_run:
        answer = await complete_through_gateway(request, processor, command, answer, render)
    return _reply(command, answer, dry_run)


async def get_answer(
    request: ApiRequest, command: Command, render: Render, *, dry_run: bool, keyed: bool = True
) -> Answer:
    """Submit the command and return the ledger's answer, with a body from `render`.

    If `keyed` is false, the idempotency headers are ignored. Raises TooManyCommands and the exceptions of
    `submit`.
    """
    context = request.context
    route = request.route
    submission = Submission(
        command,
        request.caller,
        render,
        expected_versions=expected_versions(context) if route.if_match else None,
        correlation_id=context.request_id,
        traceparent=context.traceparent,
        instance=context.instance,
        dry_run=dry_run,
        **(idempotency_key(context, route.key_required) if keyed else {}),
    )
    await request.use_ledger_of(command)
    context.limit_fields = request.shared.limits.count_commands(request.caller, 1)
    answer = await request.ledger.submit(submission)
    if answer.refusal is TooManyHolds:
        await report_limited(request, "unpaid_seats")
    new_id = answer.subject_id if isinstance(command, InitiateBooking) else None
    booking_id = getattr(command, "booking_id", new_id)
    context.facts = {"position": answer.position, "key": submission.key, "booking_id": booking_id}
    return answer


def render(submission: Submission, decision: Decision, airports: Airports | None = None) -> tuple[int, bytes]:
    """Return status and body. The ledger stores both, so that a repeated command gets the same response.

    Without `airports`, the local times of a flight are null.
    """
    if isinstance(decision, Booking):
        return _render_booking(submission.command, decision)
    if isinstance(decision, Refusal):
        return problem(decision, submission.instance, submission.correlation_id)
    if isinstance(decision, Flight):
        created = isinstance(submission.command, ScheduleFlight)
        return 201 if created else 200, _encode(_flight_row(decision, airports))
    if isinstance(decision, BookingSplit):
        return 201, _encode(BookingRow.of(decision.new))
    if isinstance(decision, ChangedFlight):
        if isinstance(submission.command, MoveAllBookings):
            return 200, _encode(_moves(decision))
        return 200, _encode(_flight_row(decision.flight, airports))
    if isinstance(decision, WaitingParty):
        joined = isinstance(submission.command, JoinWaitlist)
        return 201 if joined else 200, _encode(WaitingRow.of(decision))
    if isinstance(decision, Itinerary):
        return _render_itinerary(submission.command, ItineraryRow.of(decision))
    return 200, _encode(SandboxClock(decision.now))


def _render_booking(command: Command, booking: Booking) -> tuple[int, bytes]:
    if isinstance(command, SettleRefund):
        return 200, _encode(RefundRow.of(booking, booking.refunds[command.refund_id]))
    row = BookingRow.of(booking)
    if isinstance(command, PayBooking):
        assert row.payment is not None
        return 201, _encode(PaymentResult(row.payment.payment_id, row))
    return 201 if isinstance(command, InitiateBooking) else 200, _encode(row)


def _flight_row(flight: Flight, airports: Airports | None) -> FlightRow:
    row = FlightRow.of(flight)
    return row.at_airports(airports) if airports else row


def _moves(changed: ChangedFlight) -> BookingsMoved:
    return BookingsMoved(
        [MovedBooking(booking.id, booking.flight_id) for booking in changed.bookings],
        [UnmovedBooking(*one) for one in changed.not_moved],
    )


def _render_itinerary(command: Command, row: ItineraryRow) -> tuple[int, bytes]:
    if isinstance(command, PayItinerary):
        assert row.payment is not None
        return 201, _encode(ItineraryPaymentResult(row.payment.payment_id, row))
    return 201 if isinstance(command, InitiateItinerary) else 200, _encode(row)


def _resource_in(command: Command, answer: Answer) -> tuple[UUID | None, int]:
    """Return the id and version of what the command made or changed.

    Those of an itinerary, and of the new booking of a split, are only in the body.
    """
    if answer.status >= 400 or not isinstance(command, InitiateItinerary | ItineraryCommand | SplitBooking):
        return answer.subject_id, answer.version
    body = msgspec.json.decode(answer.body, type=_Resource)
    resource = body.itinerary or body
    return resource.id, resource.version


def _reply(command: Command, answer: Answer, dry_run: bool) -> Reply:
    headers: list[Header] = [position_header(answer.position)]
    id, version = _resource_in(command, answer)
    if version:
        headers.append(version_header(version))
    if answer.replayed:
        headers.append((b"idempotency-replayed", b"true"))
    if dry_run:
        headers.append((b"dry-run", b"true"))
    elif answer.status == 201 and type(command) in CREATED:
        headers.append((b"location", f"{CREATED[type(command)]}{id and text_of(id)}".encode()))
    if answer.status < 400:
        return Reply(answer.status, answer.body, headers, JSON)
    if why := msgspec.json.decode(answer.body, type=_Explained).why:
        headers.append((b"link", b'<%b>; rel="describedby"' % why.encode()))
    return Reply(answer.status, answer.body, headers, PROBLEM)


_encode = msgspec.json.Encoder().encode
