"""Waiting list routes: join, list, get and leave."""

from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.parameters import ListQuery, ReadQuery
from api.http.queries import Page
from api.http.replies import version_header
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, READERS, command_route, route
from domain.commands.fields import PartySize, UserId, UserName
from domain.commands.waiting import JoinWaitlist, LeaveWaitlist
from domain.refusals.flights import FlightNotBookable, FlightNotFound
from domain.refusals.requests import NotYourAccount
from domain.refusals.waiting import (
    AlreadyWaiting,
    NotWaiting,
    PartyLargerThanFlight,
    SeatsAvailable,
    WaitingListFull,
    WaitingPartyNotFound,
)
from projections import waiting
from projections.waiting import WaitingListStatus, WaitingRow, WaitingSearch, WaitingSortKey


class NewWaitingParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user who waits, and the seats that are needed together."""

    user_id: UserId
    seats: PartySize


class WaitlistQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    flight_id: UUID | UnsetType = UNSET
    user_id: UserName | UnsetType = UNSET
    status: WaitingListStatus | UnsetType = UNSET


class WaitingController(Controller):
    path = "/api/v1"
    tags = ("Waitlist",)

    @post(
        "/flights/{id:str}/waitlist",
        opt=command_route(
            BUYERS,
            "Join the waiting list of a full flight",
            body=NewWaitingParty,
            response=WaitingRow,
            status=201,
            refusals=(
                NotYourAccount,
                FlightNotFound,
                FlightNotBookable,
                SeatsAvailable,
                AlreadyWaiting,
                PartyLargerThanFlight,
                WaitingListFull,
            ),
        ),
    )
    async def join_waiting_list(self, request: ApiRequest) -> ASGIApp:
        flight_id, party = request.id(FlightNotFound), await request.read(NewWaitingParty)
        return await submit(request, JoinWaitlist(flight_id, party.user_id, party.seats))

    @post(
        "/waitlist/{id:str}/leave",
        opt=command_route(
            BUYERS,
            "Leave the waiting list. To decline an offer, cancel its booking",
            body=EmptyBody,
            response=WaitingRow,
            refusals=(WaitingPartyNotFound, NotWaiting),
            if_match=True,
        ),
    )
    async def leave_waiting_list(self, request: ApiRequest) -> ASGIApp:
        waiting_id, _ = request.id(WaitingPartyNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, LeaveWaitlist(waiting_id))

    @get(
        "/waitlist",
        opt=route(
            READERS,
            "List waiting parties, in the order in which seats are offered",
            query=WaitlistQuery,
            response=Page[WaitingRow],
            all_ledgers=True,
        ),
    )
    async def list_waiting_parties(self, request: ApiRequest) -> ASGIApp:
        query = request.query(WaitlistQuery)
        search = query.build_search(WaitingSearch, owner=request.owner_filter)
        after = queries.read_cursor(request, query, search, WaitingSortKey)
        return await queries.respond_list(
            request,
            query,
            search,
            lambda row: (row.joined_at, row.id),
            lambda one: queries.read_page(one, query, search, after, waiting.page),
        )

    @get(
        "/waitlist/{id:str}",
        opt=route(
            READERS,
            "Get a waiting party",
            query=ReadQuery,
            response=WaitingRow,
            refusals=(WaitingPartyNotFound,),
        ),
    )
    async def get_waiting_party(self, request: ApiRequest) -> ASGIApp:
        waiting_id = request.id(WaitingPartyNotFound)
        position, row = await queries.read(
            request, request.query(ReadQuery), lambda c: waiting.find(c, waiting_id)
        )
        # An entry of another user gets the same response as an unknown one.
        if row is None or not request.may_read(row.user_id):
            return queries.refuse(request, position, WaitingPartyNotFound(waiting_id=waiting_id))
        reply = queries.respond_decrypted(request, position, row, [version_header(row.version)])
        # Its status and the end of its offer are those of the booking, and its place depends on others.
        reply.outdates_version = True
        return reply
