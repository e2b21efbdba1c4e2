"""Webhook routes: register receivers of events, change them, replay, test, and read what they answered."""

import contextlib
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from analytics.webhooks import Payload, State, deliveries
from analytics.webhooks.deliveries import Delivery, DeliveryKey, DeliverySearch, key_of
from analytics.webhooks.endpoints import (
    TooManySecrets,
    TooManyWebhooks,
    Webhook,
    WebhookNotFound,
    Webhooks,
    WebhookSearch,
)
from api.http import queries
from api.http.http_errors import LedgerRetired, PositionNotReached, TooManyCommands
from api.http.parameters import ListQuery, ReadQuery
from api.http.queries import Connection, Page
from api.http.replies import version_header
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import BUYERS, READERS, route
from api.resources import webhook_changes as changes
from api.resources.audit import TOPICS
from api.resources.webhook_changes import RegisteredWebhook, RotatedSecret, of_caller
from database.head import QueryResult, position
from domain.commands.fields import UserName
from domain.refusals.requests import NotYourAccount

Url = Annotated[
    str,
    Meta(
        max_length=2_000,
        description="`https://…`, or `http://…` of a loopback address; no redirects are followed, and private"
        " addresses are refused unless `SEATLEDGER_WEBHOOK_NETWORKS` lists them",
        extra_json_schema={"pattern": r"^https?://[!-\[\]-~]+$"},
    ),
]
EventType = Annotated[str, Meta(extra_json_schema={"enum": TOPICS})]
EventTypes = Annotated[
    list[EventType],
    Meta(min_length=1, max_length=200, description="The types of events that are sent; without it, all"),
]
FromPosition = Annotated[
    int, Meta(ge=1, le=2**63 - 1, description="Position of the first event that is sent")
]


CHANGE_REFUSALS = (WebhookNotFound, LedgerRetired, TooManyCommands)


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver of events. A client gets events of its own bookings and waiting parties.

    `user_id`: an operator's webhook for the bookings of this user; without it, for everything. `payload`:
    `thin` has ids, type and position; `full` has the event as in the history. `from_position`: by default,
    the next event is the first.
    """

    url: Url
    event_types: EventTypes | None = None
    payload: Payload = "thin"
    user_id: UserName | None = None
    from_position: FromPosition | None = None


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields to change. A webhook that is enabled again continues where it was disabled."""

    url: Url | UnsetType = UNSET
    event_types: EventTypes | UnsetType | None = UNSET
    payload: Payload | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Send events again from this position on, in order for each booking; or skip those before it."""

    from_position: FromPosition


class WebhookListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    user_id: UserName | UnsetType = UNSET


class DeliveryListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state: State | UnsetType = UNSET
    position: Annotated[int, Meta(ge=1, le=2**63 - 1)] | UnsetType = UNSET


class WebhookController(Controller):
    path = "/api/v1/webhooks"
    tags = ("Webhooks",)

    @post(
        "/",
        opt=route(
            BUYERS,
            "Register a webhook. The answer shows its secret, which no other answer does",
            body=NewWebhook,
            response=RegisteredWebhook,
            status=201,
            one_ledger=True,
            is_keyed=True,
            refusals=(TooManyWebhooks, NotYourAccount, PositionNotReached, LedgerRetired, TooManyCommands),
        ),
    )
    async def register_webhook(self, request: ApiRequest) -> ASGIApp:
        return await changes.register(request, await request.read(NewWebhook))

    @get(
        "/",
        opt=route(
            READERS,
            "List webhooks, oldest first",
            query=WebhookListQuery,
            response=Page[Webhook],
            one_ledger=True,
        ),
    )
    async def list_webhooks(self, request: ApiRequest) -> ASGIApp:
        query = request.query(WebhookListQuery)
        user = query.user_id or request.owner_filter
        search = WebhookSearch(None if user is None else request.ledger.keyring.lookup_hash(user))
        after = queries.read_cursor(request, query, search, UUID)
        if user is not None and not request.caller.may_read(user):
            search = WebhookSearch(b"")

        async def select(connection: Connection) -> QueryResult[list[Webhook]]:
            webhooks = Webhooks(connection, request.ledger.keyring)
            return QueryResult(
                await position(connection), await webhooks.page(search, after, query.limit + 1)
            )

        result = await queries.read(request, query, select)
        return queries.respond_page(request, result, query, search, lambda webhook: webhook.id)

    @get(
        "/{id:str}",
        opt=route(
            READERS,
            "Get a webhook",
            query=ReadQuery,
            response=Webhook,
            one_ledger=True,
            refusals=(WebhookNotFound,),
        ),
    )
    async def get_webhook(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)

        async def select(connection: Connection) -> QueryResult[Webhook | None]:
            return await _find_webhook(request, connection, id)

        at, webhook = await queries.read(request, request.query(ReadQuery), select)
        if webhook is None:
            raise WebhookNotFound
        reply = queries.respond(at, webhook, [version_header(webhook.version)])
        # Its position follows the log.
        reply.outdates_version = True
        return reply

    @patch(
        "/{id:str}",
        opt=route(
            BUYERS,
            "Change a webhook, disable it or enable it again",
            body=WebhookChange,
            response=Webhook,
            one_ledger=True,
            is_keyed=True,
            if_match=True,
            refusals=CHANGE_REFUSALS,
        ),
    )
    async def change_webhook(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)
        return await changes.change(request, id, await request.read(WebhookChange))

    @delete(
        "/{id:str}",
        status_code=200,
        opt=route(
            BUYERS,
            "Delete a webhook and its log of deliveries",
            response=Webhook,
            one_ledger=True,
            if_match=True,
            refusals=CHANGE_REFUSALS,
        ),
    )
    async def delete_webhook(self, request: ApiRequest) -> ASGIApp:
        return await changes.remove(request, request.id(WebhookNotFound))

    @post(
        "/{id:str}/rotate",
        opt=route(
            BUYERS,
            "Make a new secret. The earlier one signs beside it for 24 hours",
            body=EmptyBody,
            response=RotatedSecret,
            one_ledger=True,
            is_keyed=True,
            refusals=(*CHANGE_REFUSALS, TooManySecrets),
        ),
    )
    async def rotate_secret(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)
        return await changes.rotate(request, id, await request.read(EmptyBody, optional=True))

    @post(
        "/{id:str}/replay",
        opt=route(
            BUYERS,
            "Send events again from a position on",
            body=Replay,
            response=Webhook,
            one_ledger=True,
            is_keyed=True,
            refusals=(*CHANGE_REFUSALS, PositionNotReached),
        ),
    )
    async def replay_events(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)
        return await changes.replay(request, id, await request.read(Replay))

    @post(
        "/{id:str}/test",
        opt=route(
            BUYERS,
            "Send a test message. The log of deliveries then has the answer",
            body=EmptyBody,
            response=Delivery,
            status=201,
            one_ledger=True,
            is_keyed=True,
            refusals=(*CHANGE_REFUSALS, changes.WebhookDisabled),
        ),
    )
    async def send_test(self, request: ApiRequest) -> ASGIApp:
        id = request.id(WebhookNotFound)
        return await changes.test(request, id, await request.read(EmptyBody, optional=True))

    @get(
        "/{id:str}/deliveries",
        opt=route(
            READERS,
            "List the deliveries of the last 30 days with their answers, newest first",
            query=DeliveryListQuery,
            response=Page[Delivery],
            one_ledger=True,
            refusals=(WebhookNotFound,),
        ),
    )
    async def list_deliveries(self, request: ApiRequest) -> ASGIApp:
        query = request.query(DeliveryListQuery)
        search = query.build_search(DeliverySearch, webhook_id=request.id(WebhookNotFound))
        before = queries.read_cursor(request, query, search, DeliveryKey)

        async def select(connection: Connection) -> QueryResult[list[Delivery]]:
            found = await deliveries.page(connection, search, before, query.limit + 1)
            return QueryResult(await position(connection), found)

        async def owner(connection: Connection) -> QueryResult[Webhook | None]:
            return await _find_webhook(request, connection, search.webhook_id)

        _, webhook = await queries.read(request, query, owner)
        if webhook is None:
            raise WebhookNotFound
        result = await queries.read(request, query, select)
        return queries.respond_page(request, result, query, search, key_of)


async def _find_webhook(request: ApiRequest, connection: Connection, id: UUID) -> QueryResult[Webhook | None]:
    """Return the webhook, None if the caller has no such one: a position is awaited before either answer."""
    at = await position(connection)
    with contextlib.suppress(WebhookNotFound):
        return QueryResult(at, await of_caller(request, connection, id))
    return QueryResult(at, None)
