"""Tokens put together by hand, as no library would: any header, any payload text, any signature."""

import base64
import hmac
import json
from typing import Any

from tests.contract.people import ALICE, SECRET

CLAIMS: dict[str, Any] = {"sub": ALICE.sub, "roles": ["client", "operator"], "exp": 4_000_000_000}
HS256 = {"alg": "HS256", "typ": "JWT"}


def part(value: Any) -> bytes:
    """A segment: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(claims: Any = CLAIMS, header: Any = HS256, secret: bytes = SECRET.encode()) -> str:
    """By HMAC, whatever the header says: by default with the very secret of the server."""
    return by_hmac(part(header) + b"." + part(claims), secret)


def by_hmac(content: bytes, secret: bytes) -> str:
    return (content + b"." + part(hmac.digest(secret, content, "sha256"))).decode()
