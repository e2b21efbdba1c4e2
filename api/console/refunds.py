"""Worklist of refunds, with a form that settles a refund once, even if it is sent twice."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import forms
from api.console.pages import page_route, render_page
from api.http import queries
from api.http.commands import submit
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, OPERATORS
from api.resources.refunds import RefundListQuery
from database.stored_values import decoder_of
from domain.caller import Role
from domain.commands.fields import Note
from domain.commands.payments import SettleRefund
from domain.refunds import RefundStatus
from domain.refusals.refunds import RefundNotFound
from ledger.ids import new_id
from projections import refunds
from projections.refunds import RefundRow, RefundSearch


class RefundPageQuery(RefundListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25
    status: RefundStatus = RefundStatus.DUE


class SettlementForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key` is created with the form, so that a repeated click repeats the command."""

    key: Annotated[str, Meta(max_length=255)]
    reference: Note | None = None
    by_hand: bool = False


class RefundPages(Controller):
    path = "/console/refunds"

    @get("/", opt=page_route(AUDITORS, "Refunds, oldest first", query=RefundPageQuery))
    async def index(self, request: ApiRequest) -> ASGIApp:
        return await _render_worklist(request)

    @post(
        "/{id:str}/settle",
        opt=page_route(OPERATORS, "Settle a refund", query=RefundPageQuery, form=SettlementForm),
    )
    async def settle(self, request: ApiRequest) -> ASGIApp:
        refund_id = request.id(RefundNotFound)
        form = await forms.read_body(request, SettlementForm)
        # Clients of the API send the key in a header, which forms cannot do.
        request.context.fields[b"x-idempotency-key"] = form.key.encode()
        reply = await submit(request, SettleRefund(refund_id, form.reference, form.by_hand or msgspec.UNSET))
        if reply.status == 200:
            return await _render_worklist(request, settled=decoder_of(RefundRow)(reply.body))
        return await _render_worklist(request, reply.status, refusal=msgspec.json.decode(reply.body))


async def _render_worklist(request: ApiRequest, status: int = 200, **facts: Any) -> ASGIApp:
    """Render the worklist; `settled` or `refusal` is the outcome of the settlement form."""
    facts = {
        "settled": None,
        "refusal": None,
        "statuses": [status.value for status in RefundStatus],
        "may_settle": Role.OPERATOR in request.caller.roles,
        "new_key": new_id,
    } | facts
    try:
        query = forms.read_query(request, RefundPageQuery)
        search = query.build_search(RefundSearch)
        after = queries.read_cursor(request, query, search, UUID)
    except ValidationFailed as refusal:
        facts |= {"rows": [], "cursor": None, "chosen": None, "error": refusal.facts["errors"][0]}
        return render_page(request, "refunds.html", 400, **facts)
    page = await queries.read_page(request, query, search, after, refunds.page)
    decrypted = queries.decrypt_names(request, page.value, list[RefundRow])
    rows, cursor = queries.paginate(request, decrypted, query, search, lambda row: row.id)
    facts |= {"rows": rows, "cursor": cursor, "chosen": query.status.value, "error": None}
    return render_page(request, "refunds.html", status, **facts)
