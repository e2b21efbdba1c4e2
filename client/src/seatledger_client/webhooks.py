"""Verification of webhooks (Standard Webhooks, https://www.standardwebhooks.com)."""

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from seatledger_client.errors import InvalidWebhook

TOLERANCE_SECONDS = 300
PREFIX = "whsec_"


@dataclass(frozen=True)
class WebhookMessage:
    """A verified request. `id` is equal when the same message is sent again: handle each id once."""

    id: str
    timestamp: int
    payload: Any

    @property
    def livemode(self) -> bool:
        """False if the message is of a sandbox."""
        return not (isinstance(self.payload, dict) and self.payload.get("livemode") is False)


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookMessage:
    """Return the webhook if a signature was made with one of the secrets. Raises InvalidWebhook.

    `body` is the body as received, byte by byte. Several secrets serve while one replaces another. `now` is
    in seconds since the epoch. Raises ValueError for a malformed secret.
    """
    keys = [_key(one) for one in ([secret] if isinstance(secret, str) else secret)]
    fields = {name.lower(): value for name, value in headers.items()}
    try:
        id, sent_at = fields["webhook-id"], fields["webhook-timestamp"]
        signatures = fields["webhook-signature"].split()
    except KeyError as missing:
        raise InvalidWebhook(f"the header {missing} is missing") from None
    if not (sent_at.isascii() and sent_at.isdecimal()):
        raise InvalidWebhook("webhook-timestamp is no number of seconds")
    expected = [_signature(key, id, sent_at, body) for key in keys]
    matches = (hmac.compare_digest(one.encode(), given.encode()) for one in expected for given in signatures)
    if not any(matches):
        raise InvalidWebhook("no signature matches: look at the secret, and pass the body as received")
    if abs((time.time() if now is None else now) - int(sent_at)) > tolerance:
        raise InvalidWebhook(f"webhook-timestamp is more than {tolerance:g} s from now")
    try:
        return WebhookMessage(id, int(sent_at), json.loads(body))
    except ValueError:
        raise InvalidWebhook("the body is no JSON") from None


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise ValueError(f"a webhook secret is {PREFIX} and base64")
    return key


def _signature(key: bytes, id: str, sent_at: str, body: bytes) -> str:
    signed = b".".join((id.encode(), sent_at.encode(), body))
    return "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()
