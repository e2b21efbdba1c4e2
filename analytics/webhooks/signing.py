"""Secrets of webhooks, and signatures by them as Standard Webhooks defines: https://www.standardwebhooks.com."""

import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from standardwebhooks.webhooks import Webhook as Signer

from ledger.keyring import Keyring
from ledger.webhook_seals import secrets_context

SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
"""An earlier secret signs for this long beside its successor."""

SECRETS_MAX = 5
"""Secrets that sign at a time; each rotation within the overlap adds one."""


class Secret(msgspec.Struct, frozen=True):
    """A signing secret, and the time after which it no longer signs; None: the current one."""

    secret: str
    until: datetime | None = None


def new_secret() -> Secret:
    return Secret("whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def seal_secrets(keyring: Keyring, webhook: UUID, secrets: list[Secret]) -> str:
    return keyring.seal(msgspec.json.encode(secrets).decode(), secrets_context(webhook))


def unseal_secrets(keyring: Keyring, webhook: UUID, sealed: str) -> list[Secret]:
    """Return the secrets, the current one first. Raises ValueError with another master key."""
    return msgspec.json.decode(keyring.unseal(sealed, secrets_context(webhook)), type=list[Secret])


def still_valid(secrets: list[Secret], now: datetime) -> list[Secret]:
    return [secret for secret in secrets if secret.until is None or secret.until > now]


def rotated(secrets: list[Secret], now: datetime) -> list[Secret]:
    """Return a new secret, and the earlier ones, each of which signs until its end."""
    earlier = [
        msgspec.structs.replace(secret, until=secret.until or now + OVERLAP)
        for secret in still_valid(secrets, now)
    ]
    return [new_secret(), *earlier]


def signed_headers(id: str, body: str, secrets: list[Secret], now: datetime) -> dict[str, str]:
    """Return the header fields of a message: its id, the time of the attempt, a signature by each secret."""
    signatures = [Signer(one.secret).sign(id, now.astimezone(UTC), body) for one in still_valid(secrets, now)]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
