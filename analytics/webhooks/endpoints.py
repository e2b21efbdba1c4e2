"""The webhooks of a ledger: where events are sent, which ones, and signed by which secrets."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from analytics.webhooks import PER_USER_MAX, WEBHOOKS_MAX, Payload
from analytics.webhooks.signing import Secret, rotated, seal_secrets, unseal_secrets
from database.connection import Connection
from domain.personal import PersonName
from domain.refusals.base import NothingFound, Refusal
from ledger.keyring import Keyring
from ledger.webhook_seals import user_context


class WebhookNotFound(NothingFound):
    """There is no such webhook.

    Check the id; `GET /api/v1/webhooks` lists those that the caller may see.
    """


class TooManyWebhooks(Refusal):
    """There are as many webhooks as the ledger or this user may have.

    Delete one first.
    """

    limit: int


class TooManySecrets(Refusal):
    """The secret was rotated too often within a day.

    Wait until an earlier one has ended.
    """

    limit: int


class Webhook(msgspec.Struct, frozen=True):
    """One webhook. `event_types` null: all.

    `user_id`: the user of the bookings that it is about; null: it is about everything.
    `position`: the last position that was queued for it; null: it follows the log.
    `gone_at`: when the receiver answered 410 Gone, which disabled it; null: it did not.
    """

    id: UUID
    url: str
    event_types: list[str] | None
    payload: Payload
    user_id: PersonName | None
    enabled: bool
    position: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    gone_at: datetime | None


class WebhookSearch(msgspec.Struct, frozen=True):
    """Conditions of a list. `lookup`: the keyed hash of a user; None: the webhooks of all."""

    lookup: bytes | None = None


class Webhooks:
    """Reads and changes the webhooks of a ledger over one connection. `keyring` seals names and secrets."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    def lookup(self, user: str | None) -> bytes | None:
        return None if user is None else self._keyring.lookup_hash(user)

    async def find(self, id: UUID, lookup: bytes | None = None) -> Webhook:
        """Return the webhook, if it is of this user. Raises WebhookNotFound."""
        return self._webhook(await self._row(_FIND, (id, lookup, lookup)))

    async def page(self, search: WebhookSearch, after: UUID | None, limit: int) -> list[Webhook]:
        """Return webhooks in order of their ids, which is that of their creation."""
        parameters = (after or UUID(int=0), search.lookup, search.lookup, limit)
        found = await (await self._connection.execute(_PAGE, parameters)).fetchall()
        return [self._webhook(row) for row in found]

    async def add(self, webhook: Webhook, secret: Secret) -> Webhook:
        """Add a webhook within a transaction. Raises TooManyWebhooks."""
        await self._connection.execute(_EXCLUDE_OTHERS)
        lookup = self.lookup(webhook.user_id)
        counted = await (await self._connection.execute(_COUNT, (lookup,))).fetchone()
        in_all, of_user = counted or (0, 0)
        if in_all >= WEBHOOKS_MAX or (lookup is not None and of_user >= PER_USER_MAX):
            raise TooManyWebhooks(limit=WEBHOOKS_MAX if in_all >= WEBHOOKS_MAX else PER_USER_MAX)
        user = webhook.user_id and self._keyring.seal(webhook.user_id, user_context(webhook.id))
        row = await self._row(
            _ADD,
            (
                webhook.id,
                webhook.url,
                webhook.event_types,
                webhook.payload,
                lookup,
                user,
                seal_secrets(self._keyring, webhook.id, [secret]),
                webhook.position,
            ),
        )
        return self._webhook(row)

    async def lock(self) -> None:
        """Keep the sender and other callers from changing the queue until the transaction ends."""
        await self._connection.execute(_LOCK_QUEUE)

    async def change(self, webhook: Webhook) -> Webhook:
        """Store the URL, event types, payload and state of a webhook that is locked.

        A webhook that is disabled keeps its place in the log, and continues there. One that is enabled is no
        longer gone.
        """
        enabled = (webhook.enabled,) * 3
        parameters = (webhook.url, webhook.event_types, webhook.payload, *enabled, webhook.id)
        return self._webhook(await self._row(_CHANGE, parameters))

    async def move(self, id: UUID, position: int) -> Webhook:
        """Let a webhook that is locked continue after this position, which may lie in the past."""
        return self._webhook(await self._row(_MOVE, (position, id)))

    async def remove(self, id: UUID) -> None:
        """Delete a webhook that is locked. The sender then removes its deliveries in batches."""
        await self._row(_REMOVE, (id,))

    async def rotate(self, id: UUID, now: datetime, secrets_max: int) -> tuple[Webhook, list[Secret]]:
        """Add a new secret to a webhook that is locked; earlier ones sign on for OVERLAP.

        Raises TooManySecrets.
        """
        row = await self._row(_SECRETS, (id,))
        secrets = rotated(unseal_secrets(self._keyring, id, row[0]), now)
        if len(secrets) > secrets_max:
            raise TooManySecrets(limit=secrets_max)
        row = await self._row(_REKEY, (seal_secrets(self._keyring, id, secrets), id))
        return self._webhook(row), secrets

    def _webhook(self, row: Sequence[Any]) -> Webhook:
        id, url, event_types, payload, sealed_user, *rest = row
        user = sealed_user and self._keyring.unseal(sealed_user, user_context(id))
        return Webhook(id, url, event_types, payload, user, *rest)

    async def _row(self, statement: LiteralString, parameters: Sequence[Any]) -> Any:
        row = await (await self._connection.execute(statement, parameters)).fetchone()
        if row is None:
            raise WebhookNotFound
        return row


_COLUMNS: LiteralString = """
    id, url, event_types, payload, sealed_user, is_enabled, position, created_at, updated_at, version, gone_at
"""
_FIND: LiteralString = f"""
    select {_COLUMNS} from webhooks
    where id = %s and deleted_at is null and (%s::bytea is null or user_lookup = %s)
"""
_PAGE: LiteralString = f"""
    select {_COLUMNS} from webhooks
    where id > %s and deleted_at is null and (%s::bytea is null or user_lookup = %s) order by id limit %s
"""
# Counting and adding must not overlap between two callers.
_EXCLUDE_OTHERS: LiteralString = "lock table webhooks in share row exclusive mode"
_COUNT: LiteralString = """
    select count(*), count(*) filter (where user_lookup = %s) from webhooks where deleted_at is null
"""
_ADD: LiteralString = f"""
    insert into webhooks (id, url, event_types, payload, user_lookup, sealed_user, sealed_secrets, position)
    values (%s, %s, %s, %s, %s, %s, %s, %s) returning {_COLUMNS}
"""
_LOCK_QUEUE: LiteralString = "select from webhook_progress where one for update"
_CHANGE: LiteralString = f"""
    update webhooks set url = %s, event_types = %s, payload = %s, is_enabled = %s,
        position = case when %s then position
            else coalesce(position, (select position from webhook_progress)) end,
        gone_at = case when %s then null else gone_at end,
        updated_at = statement_timestamp(), version = version + 1
    where id = %s and deleted_at is null returning {_COLUMNS}
"""
_MOVE: LiteralString = f"""
    update webhooks set position = %s, updated_at = statement_timestamp(), version = version + 1
    where id = %s and deleted_at is null returning {_COLUMNS}
"""
_REMOVE: LiteralString = """
    update webhooks set deleted_at = statement_timestamp(), is_enabled = false, sealed_secrets = '',
        sealed_user = null, user_lookup = null
    where id = %s and deleted_at is null returning id
"""
_SECRETS: LiteralString = "select sealed_secrets from webhooks where id = %s and deleted_at is null"
_REKEY: LiteralString = f"""
    update webhooks set sealed_secrets = %s, updated_at = statement_timestamp(), version = version + 1
    where id = %s returning {_COLUMNS}
"""
