"""Secrets and names of webhooks under a new master key: part of its rotation."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.keyring import Keyring


def secrets_context(webhook: UUID) -> str:
    """Return the context in which the secrets of a webhook are sealed."""
    return f"webhook secrets {webhook}"


def user_context(webhook: UUID) -> str:
    """Return the context in which the name of a webhook's user is sealed."""
    return f"webhook user {webhook}"


def reseal_webhooks(connection: Connection[Any], old: Keyring, new: Keyring) -> None:
    """Seal the secrets and names of all webhooks by the new key. Kept answers are deleted with their keys.

    Runs in the transaction of the rotation. Raises ValueError if the old key does not open one.
    """
    connection.execute("delete from webhook_outcomes")
    for id, secrets, sealed_user in connection.execute(_SEALED).fetchall():
        user = sealed_user and old.unseal(sealed_user, user_context(id))
        resealed = new.seal(old.unseal(secrets, secrets_context(id)), secrets_context(id))
        lookup = user and new.lookup_hash(user)
        connection.execute(_RESEAL, (resealed, user and new.seal(user, user_context(id)), lookup, id))


_SEALED = "select id, sealed_secrets, sealed_user from webhooks where deleted_at is null"
_RESEAL = "update webhooks set sealed_secrets = %s, sealed_user = %s, user_lookup = %s where id = %s"
