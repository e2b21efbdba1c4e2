"""Tokens that no library would make: any header, any payload text, any signature."""

import base64
import hmac
import json
from typing import Any

from tests.contract.people import ALICE, SECRET

CLAIMS: dict[str, Any] = {"sub": ALICE.sub, "roles": ["client", "operator"], "exp": 4_000_000_000}
HS256 = {"alg": "HS256", "typ": "JWT"}


def part(value: Any) -> bytes:
    """Encode a segment: bytes unchanged, any other value as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def sign(claims: Any = CLAIMS, header: Any = HS256, secret: bytes = SECRET.encode()) -> str:
    """Sign by HMAC, whatever the algorithm in the header; by default with the server's secret."""
    return sign_content(part(header) + b"." + part(claims), secret)


def sign_content(content: bytes, secret: bytes) -> str:
    return (content + b"." + part(hmac.digest(secret, content, "sha256"))).decode()
