"""Itinerary routes: bookings of several flights that are made, cancelled and listed together."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.http_errors import LedgersMixed, TooManyCommands
from api.http.parameters import ListQuery, ReadQuery
from api.http.queries import Page
from api.http.replies import version_header
from api.http.request import ApiRequest
from api.http.routes import BUYERS, READERS, command_route, route
from api.resources.cancellation_quotes import quote_valid_until, refund_due, respond_quote
from api.resources.itinerary_history import ItineraryHistory, build_history
from domain.commands.fields import Note, UserName
from domain.commands.itineraries import BookingIds, CancelItinerary, InitiateItinerary
from domain.itinerary import Itinerary
from domain.money import Money, total
from domain.refusals.bookings import BookingCancelled, BookingNotFound, TooManyHolds, TotalTooLarge
from domain.refusals.flights import FlightDeparted, FlightNotBookable, FlightNotFound, NotEnoughSeats
from domain.refusals.itineraries import CurrenciesMixed, ItineraryNotFound
from domain.refusals.passengers import InfantWithoutAdult, PassengersNotSeats
from domain.refusals.refunds import RefundNotStated
from domain.refusals.requests import NotYourAccount
from ledger import itineraries as histories
from projections import itineraries
from projections.itineraries import ItineraryRow, ItinerarySearch


class ItineraryCancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`booking_ids`: the bookings to cancel. Default: all of the itinerary."""

    reason: Note | None = None
    booking_ids: BookingIds | UnsetType = UNSET


class QuotedBookings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`booking_ids`: the bookings to quote for. Default: all of the itinerary."""

    booking_ids: BookingIds | UnsetType = UNSET


class BookingQuote(msgspec.Struct, frozen=True):
    """The share of one booking in the refund."""

    booking_id: UUID
    seats: int
    refund: Money


class ItineraryQuote(msgspec.Struct, frozen=True):
    """Refund for cancelling these bookings at `version` of the itinerary. To accept it, cancel them with
    `If-Match` of that version before `valid_until`.
    """

    itinerary_id: UUID
    version: int
    refund: Money
    bookings: list[BookingQuote]
    valid_until: datetime


class ItineraryListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    user_id: UserName | UnsetType = UNSET
    flight_id: UUID | UnsetType = UNSET


class ItineraryController(Controller):
    path = "/api/v1/itineraries"
    tags = ("Itineraries",)

    @post(
        "/",
        opt=command_route(
            BUYERS,
            "Create an itinerary: bookings of up to 8 flights, of which all are held or none is",
            body=InitiateItinerary,
            response=ItineraryRow,
            status=201,
            refusals=(
                NotYourAccount,
                FlightNotFound,
                FlightNotBookable,
                NotEnoughSeats,
                CurrenciesMixed,
                TooManyHolds,
                TotalTooLarge,
                PassengersNotSeats,
                InfantWithoutAdult,
                LedgersMixed,
            ),
        ),
    )
    async def create_itinerary(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(InitiateItinerary)
        ledgers = {request.ledgers.of_id(one.flight_id).name for one in command.bookings}
        if len(ledgers) > 1:
            raise LedgersMixed(ledgers=sorted(ledgers))
        return await submit(request, command)

    @post(
        "/{id:str}/cancel",
        opt=command_route(
            BUYERS,
            "Cancel an itinerary, or some of its bookings. Each paid booking makes its share a refund due",
            body=ItineraryCancellation,
            body_required=False,
            response=ItineraryRow,
            if_match=True,
            refusals=(
                ItineraryNotFound,
                BookingNotFound,
                BookingCancelled,
                FlightDeparted,
                RefundNotStated,
            ),
        ),
    )
    async def cancel_itinerary(self, request: ApiRequest) -> ASGIApp:
        itinerary_id = request.id(ItineraryNotFound)
        body = await request.read(ItineraryCancellation, optional=True)
        return await submit(request, CancelItinerary(itinerary_id, body.reason, body.booking_ids))

    @post(
        "/{id:str}/cancel/quote",
        opt=route(
            BUYERS,
            "Get the refund for cancelling an itinerary or some of its bookings, without cancelling",
            body=QuotedBookings,
            body_required=False,
            response=ItineraryQuote,
            refusals=(
                ItineraryNotFound,
                BookingNotFound,
                BookingCancelled,
                FlightDeparted,
                RefundNotStated,
                TooManyCommands,
            ),
        ),
    )
    async def quote_itinerary_cancellation(self, request: ApiRequest) -> ASGIApp:
        itinerary_id = request.id(ItineraryNotFound)
        body = await request.read(QuotedBookings, optional=True)
        return await respond_quote(request, CancelItinerary(itinerary_id, None, body.booking_ids), _quote)

    @get(
        "/",
        opt=route(
            READERS,
            "List itineraries, newest first",
            query=ItineraryListQuery,
            response=Page[ItineraryRow],
            all_ledgers=True,
        ),
    )
    async def list_itineraries(self, request: ApiRequest) -> ASGIApp:
        query = request.query(ItineraryListQuery)
        search = query.build_search(ItinerarySearch, owner=request.owner_filter)
        after = queries.read_cursor(request, query, search, UUID)
        return await queries.respond_list(
            request,
            query,
            search,
            lambda row: row.id,
            lambda one: queries.read_page(one, query, search, after, itineraries.page),
            descending=True,
        )

    @get(
        "/{id:str}",
        opt=route(
            READERS,
            "Get an itinerary with its bookings",
            query=ReadQuery,
            response=ItineraryRow,
            refusals=(ItineraryNotFound,),
        ),
    )
    async def get_itinerary(self, request: ApiRequest) -> ASGIApp:
        itinerary_id, query = request.id(ItineraryNotFound), request.query(ReadQuery)
        position, row = await queries.read(request, query, lambda c: itineraries.find(c, itinerary_id))
        if row is None or not request.may_read(row.user_id):
            return queries.refuse(request, position, ItineraryNotFound(itinerary_id=itinerary_id))
        return queries.respond_decrypted(request, position, row, [version_header(row.version)])

    @get(
        "/{id:str}/history",
        opt=route(
            READERS,
            "List the events of all bookings of an itinerary, by position",
            query=ReadQuery,
            response=ItineraryHistory,
            refusals=(ItineraryNotFound,),
        ),
    )
    async def get_itinerary_history(self, request: ApiRequest) -> ASGIApp:
        itinerary_id, query = request.id(ItineraryNotFound), request.query(ReadQuery)
        position, stream = await queries.read(
            request, query, lambda c: histories.find_history(c, itinerary_id)
        )
        user_and_history = build_history(itinerary_id, stream)
        if user_and_history is None or not request.may_read(user_and_history[0]):
            return queries.refuse(request, position, ItineraryNotFound(itinerary_id=itinerary_id))
        return queries.respond_decrypted(request, position, user_and_history[1])


def _quote(itinerary: Itinerary) -> ItineraryQuote:
    quotes = [BookingQuote(one.id, one.seats, refund_due(one)) for one in itinerary.changed]
    new_events = sum(len(booking.pending_events) for booking in itinerary.bookings)
    return ItineraryQuote(
        itinerary.id,
        itinerary.version - new_events,
        total([quote.refund for quote in quotes]),
        quotes,
        quote_valid_until(itinerary.changed),
    )
