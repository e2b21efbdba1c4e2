"""Webhooks with their last answers, and a button that sends a test message."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import Meta

from analytics.webhooks import deliveries
from analytics.webhooks.deliveries import Delivery, DeliverySearch
from analytics.webhooks.endpoints import Webhook, WebhookNotFound, Webhooks, WebhookSearch
from api.console import forms
from api.console.pages import page_route, render_page
from api.http import queries
from api.http.parameters import Limit, ListQuery
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import AUDITORS, OPERATORS
from api.resources import webhook_changes
from domain.caller import Role
from domain.refusals.base import Refusal
from ledger.ids import new_id

ANSWERS_SHOWN = 3


class WebhookPageQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25


class TestForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key` is created with the form, so that a repeated click sends no second message."""

    key: Annotated[str, Meta(max_length=255)]


class WebhookPages(Controller):
    path = "/console/webhooks"

    @get("/", opt=page_route(AUDITORS, "Webhooks, oldest first", query=WebhookPageQuery))
    async def index(self, request: ApiRequest) -> ASGIApp:
        return await _render(request, forms.read_query(request, WebhookPageQuery))

    @post(
        "/{id:str}/test",
        opt=page_route(OPERATORS, "Send a test message", query=WebhookPageQuery, form=TestForm),
    )
    async def test(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)
        form = await forms.read_body(request, TestForm)
        request.context.fields[b"x-idempotency-key"] = form.key.encode()
        refusal = None
        try:
            await webhook_changes.test(request, id, EmptyBody())
        except Refusal as found:
            refusal = found
        return await _render(request, WebhookPageQuery(), tested=id, refusal=refusal)


async def _render(
    request: ApiRequest, query: WebhookPageQuery, tested: UUID | None = None, refusal: Refusal | None = None
) -> ASGIApp:
    """Render the list; `tested` is the webhook that a test was queued for, or refused."""
    search = WebhookSearch()
    after = queries.read_cursor(request, query, search, UUID)
    async with request.ledger.read() as connection:
        webhooks = await Webhooks(connection, request.ledger.keyring).page(search, after, query.limit + 1)
        rows: list[tuple[Webhook, list[Delivery]]] = [
            (one, await deliveries.page(connection, DeliverySearch(one.id), None, ANSWERS_SHOWN))
            for one in webhooks[: query.limit]
        ]
    _, cursor = queries.paginate(request, webhooks, query, search, lambda webhook: webhook.id)
    return render_page(
        request,
        "webhooks.html",
        409 if refusal else 200,
        rows=rows,
        cursor=cursor,
        tested=tested,
        refusal=refusal,
        new_key=new_id,
        may_test=Role.OPERATOR in request.caller.roles,
    )
