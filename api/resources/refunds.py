"""Refund routes: list refunds due, and settle them."""

from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.parameters import ListQuery, ReadQuery
from api.http.queries import Page
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, OPERATORS, READERS, command_route, route
from domain.commands.fields import Note, UserName
from domain.commands.payments import SettleRefund
from domain.refunds import RefundStatus
from domain.refusals.refunds import (
    RefundAlreadySettled,
    RefundInProgress,
    RefundNotFound,
    RefundNotThroughGateway,
    RefundRefused,
)
from projections import refunds
from projections.refunds import RefundRow, RefundSearch


class RefundSettlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settlement of a refund.

    `by_hand`: true if the refund was paid outside the gateway, false to pay it through the gateway. By
    default the refund is paid the same way as the payment.
    """

    reference: Note | None = None
    by_hand: bool | UnsetType = UNSET


class RefundListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: RefundStatus | UnsetType = UNSET
    booking_id: UUID | UnsetType = UNSET
    user_id: UserName | UnsetType = UNSET


class RefundController(Controller):
    path = "/api/v1/refunds"
    tags = ("Refunds",)

    @get(
        "/",
        opt=route(
            AUDITORS,
            "List refunds, oldest first",
            query=RefundListQuery,
            response=Page[RefundRow],
            all_ledgers=True,
        ),
    )
    async def list_refunds(self, request: ApiRequest) -> ASGIApp:
        query = request.query(RefundListQuery)
        search = query.build_search(RefundSearch)
        after = queries.read_cursor(request, query, search, UUID)
        return await queries.respond_list(
            request,
            query,
            search,
            lambda row: row.id,
            lambda one: queries.read_page(one, query, search, after, refunds.page),
        )

    @get(
        "/{id:str}",
        opt=route(READERS, "Get a refund", query=ReadQuery, response=RefundRow, refusals=(RefundNotFound,)),
    )
    async def get_refund(self, request: ApiRequest) -> ASGIApp:
        refund_id = request.id(RefundNotFound)
        position, row = await queries.read(
            request, request.query(ReadQuery), lambda connection: refunds.find(connection, refund_id)
        )
        if row is None or not request.may_read(row.user_id):
            return queries.refuse(request, position, RefundNotFound(refund_id=refund_id))
        return queries.respond_decrypted(request, position, row)

    @post(
        "/{id:str}/settle",
        opt=command_route(
            OPERATORS,
            "Settle a refund through the payment gateway, or record that it was paid by hand",
            body=RefundSettlement,
            body_required=False,
            response=RefundRow,
            refusals=(
                RefundNotFound,
                RefundAlreadySettled,
                RefundInProgress,
                RefundNotThroughGateway,
                RefundRefused,
            ),
        ),
    )
    async def settle_refund(self, request: ApiRequest) -> ASGIApp:
        refund_id, body = request.id(RefundNotFound), await request.read(RefundSettlement, optional=True)
        return await submit(request, SettleRefund(refund_id, body.reference, body.by_hand))
