"""Booking routes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.http_errors import Forbidden, TooManyCommands
from api.http.parameters import ReadQuery
from api.http.queries import Connection, Page
from api.http.replies import Reply, version_header
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, READERS, command_route, route
from api.resources import history
from api.resources.booking_lists import BookingListQuery, respond_bookings
from api.resources.cancellation_quotes import quote_valid_until, refund_due, respond_quote
from api.resources.expansion import Expandable, read_expanded
from api.resources.history import BookingHistory, BookingStateQuery
from database.head import QueryResult
from domain.booking import Booking
from domain.caller import Role
from domain.commands.bookings import CancelBooking, InitiateBooking, ReduceSeats, StatedRefund
from domain.commands.fields import Note, PartySize
from domain.commands.passengers import PassengerIds
from domain.money import Money
from domain.refusals.bookings import (
    BookingCancelled,
    BookingNotFound,
    HoldExpired,
    SeatsNotFewer,
    TooManyHolds,
    TotalTooLarge,
)
from domain.refusals.flights import FlightDeparted, FlightNotBookable, FlightNotFound, NotEnoughSeats
from domain.refusals.passengers import (
    InfantWithoutAdult,
    PassengersNotSeats,
    PassengersNotStated,
    PassengerUnknown,
)
from domain.refusals.payments import PaymentInProgress
from domain.refusals.refunds import RefundNotStated, RefundTooLarge
from domain.refusals.requests import NotYourAccount, VersionNotFound
from projections import bookings
from projections.bookings import BookingRow


class BookingCancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After the departure, only an operator cancels, and states the `refund` of a paid booking."""

    reason: Note | None = None
    refund: StatedRefund | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.refund is not UNSET and not self.reason:
            raise ValueError("A cancellation with a stated refund requires a reason")


class SeatReduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seats that the booking keeps; `passengers` are those that leave, required if they are named."""

    seats: PartySize
    passengers: PassengerIds | UnsetType = UNSET


class CancellationQuote(msgspec.Struct, frozen=True):
    """Refund for cancelling the booking at `version`. To accept it, cancel with `If-Match` of that version
    before `valid_until`: no later than the `refundable_until` of its policy, if that is still to come.
    """

    booking_id: UUID
    version: int
    seats: int
    refund: Money
    valid_until: datetime


class BookingController(Controller):
    path = "/api/v1/bookings"
    tags = ("Bookings",)

    @post(
        "/",
        opt=command_route(
            BUYERS,
            "Create a booking, which holds all requested seats or none",
            body=InitiateBooking,
            response=BookingRow,
            status=201,
            refusals=(
                NotYourAccount,
                FlightNotFound,
                FlightNotBookable,
                NotEnoughSeats,
                TooManyHolds,
                TotalTooLarge,
                PassengersNotSeats,
                InfantWithoutAdult,
            ),
        ),
    )
    async def create_booking(self, request: ApiRequest) -> ASGIApp:
        return await submit(request, await request.read(InitiateBooking))

    @post(
        "/{id:str}/cancel",
        opt=command_route(
            BUYERS,
            "Cancel a booking",
            body=BookingCancellation,
            body_required=False,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                FlightDeparted,
                RefundNotStated,
                RefundTooLarge,
            ),
        ),
    )
    async def cancel_booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(BookingCancellation, optional=True)
        if body.refund is not UNSET and Role.OPERATOR not in request.caller.roles:
            raise Forbidden([Role.OPERATOR.value])
        return await submit(request, CancelBooking(booking_id, body.reason, body.refund))

    @post(
        "/{id:str}/cancel/quote",
        opt=route(
            BUYERS,
            "Get the refund for cancelling a booking, without cancelling it",
            body=EmptyBody,
            response=CancellationQuote,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                FlightDeparted,
                RefundNotStated,
                TooManyCommands,
            ),
        ),
    )
    async def quote_cancellation(self, request: ApiRequest) -> ASGIApp:
        booking_id, _ = request.id(BookingNotFound), await request.read(EmptyBody, optional=True)
        return await respond_quote(request, CancelBooking(booking_id), _quote)

    @post(
        "/{id:str}/seats",
        opt=command_route(
            BUYERS,
            "Reduce the seats of a booking. Seats that were paid are refunded as if they were cancelled",
            body=SeatReduction,
            response=BookingRow,
            if_match=True,
            refusals=(
                BookingNotFound,
                BookingCancelled,
                HoldExpired,
                FlightDeparted,
                PaymentInProgress,
                SeatsNotFewer,
                PassengerUnknown,
                PassengersNotStated,
                PassengersNotSeats,
                InfantWithoutAdult,
            ),
        ),
    )
    async def give_back_seats(self, request: ApiRequest) -> ASGIApp:
        booking_id, body = request.id(BookingNotFound), await request.read(SeatReduction)
        return await submit(request, ReduceSeats(booking_id, body.seats, body.passengers))

    @get(
        "/",
        opt=route(
            READERS,
            "List bookings, newest first. Pages before the last one may be short or empty",
            query=BookingListQuery,
            response=Page[BookingRow],
            all_ledgers=True,
        ),
    )
    async def list_bookings(self, request: ApiRequest) -> ASGIApp:
        return await respond_bookings(request)

    @get(
        "/{id:str}",
        opt=route(
            READERS,
            "Get a booking, now or at a past version, position or time",
            query=BookingStateQuery,
            response=BookingRow,
            refusals=(BookingNotFound, VersionNotFound),
        ),
    )
    async def get_booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, query = request.id(BookingNotFound), request.query(BookingStateQuery)
        result: QueryResult[BookingRow | None]
        if query.expand is not UNSET:
            result = await _find_expanded(request, query, booking_id, query.expand)
        elif query.is_now:
            result = await queries.read_row(request, query, request.ledger.bookings, booking_id)
        else:
            stream = await queries.read_row(request, query, request.ledger.streams, booking_id)
            result = QueryResult(stream.position, history.state_at(stream.value, query))
            if result.value is None and query.version is not UNSET:
                newest = history.state_at(stream.value, BookingStateQuery())
                if newest is not None and request.may_read(newest.user_id):
                    missing = VersionNotFound(f"It is at version {newest.version}.", version=newest.version)
                    return queries.refuse(request, stream.position, missing)
        reply = _respond_if_readable(request, booking_id, result)
        # Flight, payment and refunds change without an event of the booking.
        reply.outdates_version = query.expand is not UNSET
        return reply

    @get(
        "/{id:str}/history",
        opt=route(
            READERS,
            "List the events of a booking",
            query=ReadQuery,
            response=BookingHistory,
            refusals=(BookingNotFound,),
        ),
    )
    async def get_booking_history(self, request: ApiRequest) -> ASGIApp:
        booking_id, query = request.id(BookingNotFound), request.query(ReadQuery)
        stream = await queries.read_row(request, query, request.ledger.streams, booking_id)
        user_and_history = history.build_history(stream.value)
        if user_and_history is None or not request.may_read(user_and_history[0]):
            return queries.refuse(request, stream.position, BookingNotFound(booking_id=booking_id))
        return queries.respond_decrypted(request, stream.position, user_and_history[1])


async def _find_expanded(
    request: ApiRequest, query: BookingStateQuery, booking_id: UUID, parts: Sequence[Expandable]
) -> QueryResult[BookingRow | None]:
    async def read(connection: Connection) -> QueryResult[BookingRow | None]:
        async def select() -> QueryResult[list[BookingRow]]:
            position, row = await bookings.find(connection, booking_id)
            return QueryResult(position, [row] if row else [])

        position, rows = await read_expanded(connection, select, parts, request.shared.airports)
        return QueryResult(position, rows[0] if rows else None)

    return await queries.read(request, query, read)


def _quote(booking: Booking) -> CancellationQuote:
    return CancellationQuote(
        booking.id,
        booking.version - len(booking.pending_events),
        booking.seats,
        refund_due(booking),
        quote_valid_until([booking]),
    )


def _respond_if_readable(
    request: ApiRequest, booking_id: UUID, result: QueryResult[BookingRow | None]
) -> Reply:
    """Respond with the booking. A booking of another user gets the same response as an unknown one."""
    position, row = result
    if row is None or not request.may_read(row.user_id):
        return queries.refuse(request, position, BookingNotFound(booking_id=booking_id))
    return queries.respond_decrypted(request, position, row, [version_header(row.version)])
