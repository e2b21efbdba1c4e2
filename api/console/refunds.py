"""Money that has to go back: the worklist, and a button that settles once however often it is hit."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import forms
from api.console.pages import page, paged
from api.http import queries
from api.http.commands import submit
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, OPERATORS
from api.resources.refunds import RefundListQuery
from domain.caller import Role
from domain.commands import Note, SettleRefund
from domain.refunds import RefundStatus
from domain.refusals import RefundNotFound
from ledger.ids import new_id
from projections import refunds
from projections.refunds import RefundRow, RefundSearch


class Worklist(RefundListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25
    status: RefundStatus = RefundStatus.DUE


class Settling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key` was made with the form, so that all its clicks are one command."""

    key: Annotated[str, Meta(max_length=255)]
    reference: Note | None = None
    by_hand: bool = False


class RefundPages(Controller):
    path = "/console/refunds"

    @get("/", opt=paged(AUDITORS, "Refunds, the oldest first"))
    async def worklist(self, request: ApiRequest) -> ASGIApp:
        return await _worklist(request)

    @post(
        "/{id:str}/settle",
        status_code=200,
        opt=paged(OPERATORS, "Settle a refund"),
    )
    async def settle(self, request: ApiRequest) -> ASGIApp:
        refund_id = request.id(RefundNotFound)
        settling = await forms.read(request, Settling)
        # What a client of the API says in a header: forms cannot.
        request.context.fields[b"x-idempotency-key"] = settling.key.encode()
        reply = await submit(
            request, SettleRefund(refund_id, settling.reference, settling.by_hand or msgspec.UNSET)
        )
        if reply.status == 200:
            return await _worklist(request, settled=msgspec.json.decode(reply.body, type=RefundRow))
        told = msgspec.json.decode(reply.body)
        return await _worklist(request, reply.status, refused=told)


async def _worklist(request: ApiRequest, status: int = 200, **facts: Any) -> ASGIApp:
    """`settled` or `refused`: what came of the form that led here."""
    facts = {
        "settled": None,
        "refused": None,
        "statuses": [status.value for status in RefundStatus],
        "may_settle": Role.OPERATOR in request.caller.roles,
        "new_key": new_id,
    } | facts
    try:
        asked = forms.asked(request, Worklist)
        search = asked.build_search(RefundSearch)
        after = queries.read_cursor(request, asked, search, UUID)
    except ValidationFailed as no:
        facts |= {"rows": [], "cursor": None, "chosen": None, "wrong": no.facts["errors"][0]}
        return page(request, "refunds.html", 400, **facts)
    seen = await queries.read_page(request, asked, search, after, refunds.page)
    named = queries.decrypt_names(request, seen.value, list[RefundRow])
    rows, cursor = queries.paginate(request, named, asked, search, lambda row: row.id)
    facts |= {"rows": rows, "cursor": cursor, "chosen": asked.status.value, "wrong": None}
    return page(request, "refunds.html", status, **facts)
