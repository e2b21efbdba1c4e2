"""Changes of webhooks over HTTP: each is one transaction, and once under its idempotency key.

They are no commands of the ledger, because no event tells of them (docs/decisions/0078-webhooks.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from analytics.webhooks import deliveries, queue
from analytics.webhooks.addresses import WrongUrl, check_url
from analytics.webhooks.deliveries import DeliverySearch
from analytics.webhooks.endpoints import Webhook, Webhooks
from analytics.webhooks.outcomes import KeptAnswer, KeptAnswers, KeyedCall
from analytics.webhooks.signing import SECRETS_MAX, new_secret
from api.http.conditions import expected_versions, idempotency_key
from api.http.http_errors import LedgerMoving, LedgerRetired, PositionNotReached, ValidationFailed
from api.http.parameters import Ledger
from api.http.replies import Header, Reply, position_header, version_header
from api.http.request import ApiRequest
from api.resources.audit import TOPICS
from database.connection import Connection
from database.head import position
from domain.caller import CommandContext
from domain.refusals.base import Refusal
from domain.refusals.requests import NotYourAccount
from ledger.ids import new_id

if TYPE_CHECKING:
    from api.resources.webhooks import NewWebhook, Replay, WebhookChange


class WebhookDisabled(Refusal):
    """The webhook is disabled.

    Enable it, and send the test again.
    """


class RegisteredWebhook(Webhook, frozen=True):
    """A new webhook, with the secret that signs its messages. No later answer shows it."""

    secret: str


class RotatedSecret(msgspec.Struct, frozen=True):
    """The new secret, and the time until which earlier ones sign beside it."""

    secret: str
    earlier_until: datetime | None


class ChangeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ledger: Ledger | msgspec.UnsetType = msgspec.UNSET


class Changed(NamedTuple):
    """The outcome of a change: status, body and header fields."""

    status: int
    body: Any
    headers: list[Header]


Work = Callable[[Connection, Webhooks], Awaitable[Changed]]

_encode = msgspec.json.Encoder().encode


async def of_caller(request: ApiRequest, connection: Connection, id: UUID) -> Webhook:
    """Return the webhook. Raises WebhookNotFound for one that the caller may not see."""
    webhooks = Webhooks(connection, request.ledger.keyring)
    return await webhooks.find(id, webhooks.lookup(request.owner_filter))


async def register(request: ApiRequest, body: NewWebhook) -> Reply:
    user = body.user_id if request.reads_all else body.user_id or request.caller.subject
    if user is not None and not request.caller.may_act_for(user):
        raise NotYourAccount
    _check(request, body.url, body.event_types)

    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        head = await position(connection)
        after = head if body.from_position is None else _after(body.from_position, head)
        id, now, secret = request.ledger.new_id(), datetime.now(UTC), new_secret()
        added = await webhooks.add(
            Webhook(id, body.url, body.event_types, body.payload, user, True, after, now, now, 1, None),
            secret,
        )
        location = b"location", f"/api/v1/webhooks/{id}".encode()
        registered = RegisteredWebhook(**asdict(added), secret=secret.secret)
        return Changed(201, registered, [location, version_header(added.version)])

    return await _once(request, "RegisterWebhook", body, work)


async def change(request: ApiRequest, id: UUID, body: WebhookChange) -> Reply:
    given = {name: value for name, value in asdict(body).items() if value is not msgspec.UNSET}
    _check(request, given.get("url"), given.get("event_types"))

    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        webhook = await _for_change(request, connection, webhooks, id)
        changed = await webhooks.change(replace(webhook, **given))
        return Changed(200, changed, [version_header(changed.version)])

    return await _once(request, f"ChangeWebhook {id}", body, work)


async def remove(request: ApiRequest, id: UUID) -> Reply:
    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        webhook = await _for_change(request, connection, webhooks, id)
        await webhooks.remove(id)
        return Changed(200, webhook, [])

    return await _once(request, f"DeleteWebhook {id}", None, work)


async def rotate(request: ApiRequest, id: UUID, body: msgspec.Struct) -> Reply:
    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        await _for_change(request, connection, webhooks, id)
        webhook, secrets = await webhooks.rotate(id, datetime.now(UTC), SECRETS_MAX)
        earlier = max((one.until for one in secrets if one.until), default=None)
        return Changed(200, RotatedSecret(secrets[0].secret, earlier), [version_header(webhook.version)])

    return await _once(request, f"RotateWebhook {id}", body, work)


async def replay(request: ApiRequest, id: UUID, body: Replay) -> Reply:
    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        await _for_change(request, connection, webhooks, id)
        after = _after(body.from_position, await position(connection))
        moved = await webhooks.move(id, after)
        return Changed(200, moved, [version_header(moved.version)])

    return await _once(request, f"ReplayWebhook {id}", body, work)


async def test(request: ApiRequest, id: UUID, body: msgspec.Struct) -> Reply:
    async def work(connection: Connection, webhooks: Webhooks) -> Changed:
        webhook = await _for_change(request, connection, webhooks, id)
        if not webhook.enabled:
            raise WebhookDisabled
        await queue.add_test(connection, id, new_id())
        [added] = await deliveries.page(connection, DeliverySearch(id), None, 1)
        return Changed(201, added, [])

    return await _once(request, f"TestWebhook {id}", body, work)


async def _for_change(request: ApiRequest, connection: Connection, webhooks: Webhooks, id: UUID) -> Webhook:
    """Return the webhook, which no other caller changes until the transaction ends.

    Raises WebhookNotFound, and StaleVersion unless If-Match has its version.
    """
    await webhooks.lock()
    webhook = await of_caller(request, connection, id)
    versions = expected_versions(request.context) if request.route.if_match else None
    CommandContext(request.caller, versions).require_version(webhook)
    return webhook


async def _once(request: ApiRequest, operation: str, body: msgspec.Struct | None, work: Work) -> Reply:
    """Do the work in one transaction; under a key that was used before, return the first answer instead."""
    request.query(ChangeParameters)
    _require_writable(request)
    has_key = request.route.is_keyed or request.route.is_page
    key = idempotency_key(request.context, required=False).get("key") if has_key else None
    call = key and KeyedCall(request.caller.subject, operation, key, _encode(body))
    request.context.limit_fields = request.shared.limits.count_commands(request.caller, 1)
    async with request.ledger.read() as connection, connection.transaction():
        keyring = request.ledger.keyring
        kept = KeptAnswers(connection, keyring)
        if call and (first := await kept.find(call)):
            return Reply(first.status, first.body, [(b"idempotency-replayed", b"true")])
        changed = await work(connection, Webhooks(connection, keyring))
        content = _encode(changed.body)
        if call:
            await kept.keep(call, KeptAnswer(changed.status, content))
        at = position_header(await position(connection))
    return Reply(changed.status, content, [at, *changed.headers])


def _require_writable(request: ApiRequest) -> None:
    """Raise LedgerMoving or LedgerRetired for a ledger that takes no changes."""
    entry = request.ledger.entry
    if entry.is_paused:
        raise LedgerMoving(ledger=entry.name)
    if entry.is_retired:
        raise LedgerRetired(ledger=entry.name)


def _check(request: ApiRequest, url: str | None, event_types: list[str] | None) -> None:
    """Raise ValidationFailed for a URL that may not be reached, or for an unknown type."""
    errors = []
    if url is not None:
        try:
            check_url(url, request.ledger.settings.webhook_networks)
        except WrongUrl as problem:
            text = str(problem)
            errors.append(("/url", text[0].upper() + text[1:]))
    for number, kind in enumerate(event_types or ()):
        if kind not in TOPICS:
            errors.append((f"/event_types/{number}", f"Must be one of {', '.join(TOPICS)}"))
    if errors:
        raise ValidationFailed(*errors)


def _after(from_position: int, head: int) -> int:
    """Return the position before the first event that is sent. Raises PositionNotReached beyond the log."""
    if from_position > head + 1:
        raise PositionNotReached(head)
    return from_position - 1
