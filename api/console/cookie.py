"""The token cookie: sent to the console only, and used by forms of its own pages only."""

import re

from api.http.http_errors import CrossSite
from api.http.request_context import RequestContext

NAME = "seatledger_console"

TOKEN_BYTES_MAX = 3800
"""Browsers store at least 4096 bytes per cookie, with name and attributes (RFC 6265, section 6.1)."""

GRACE_SECONDS = 86_400
"""The browser sends an expired token for this long, so that the login page can explain the expiry."""

_PAIRS = re.compile(rb"[;,] *")


def authorization(context: RequestContext) -> bytes | None:
    """Return the token in the cookie as an Authorization header value. Raises CrossSite."""
    token = _find(context)
    if token is None:
        return None
    if context.method != "GET":
        require_own_page(context)
    return b"Bearer " + token


def is_sent(context: RequestContext) -> bool:
    return _find(context) is not None


def _find(context: RequestContext) -> bytes | None:
    for pair in _PAIRS.split(context.fields.get(b"cookie", b"")):
        name, _, token = pair.partition(b"=")
        if name == NAME.encode() and token:
            return token
    return None


def require_own_page(context: RequestContext) -> None:
    """Raise CrossSite unless a page of this origin sent the form.

    SameSite=Strict is not enough, because other ports and subdomains are the same site. Browsers send
    Sec-Fetch-Site, which no page can forge, or Origin on connections that are neither TLS nor local
    (W3C Fetch Metadata; RFC 6454).
    """
    site = context.fields.get(b"sec-fetch-site")
    if site is None:
        origin = context.fields.get(b"origin", b"").partition(b"://")[2]
        if origin and origin == context.fields.get(b"host"):
            return
    elif site == b"same-origin":
        return
    raise CrossSite


def set_header(token: str, seconds: int, context: RequestContext) -> tuple[bytes, bytes]:
    """Return the header that sets the cookie, for a token that expires in so many seconds.

    TLS ends at a proxy, so the scheme of the browser's Origin decides about the attribute Secure.
    """
    secure = "; Secure" if context.fields.get(b"origin", b"").startswith(b"https://") else ""
    return _header(token, f"Max-Age={seconds + GRACE_SECONDS}{secure}")


def delete_header() -> tuple[bytes, bytes]:
    return _header("", "Max-Age=0")


def _header(value: str, rest: str) -> tuple[bytes, bytes]:
    return b"set-cookie", f"{NAME}={value}; Path=/console; HttpOnly; SameSite=Strict; {rest}".encode()
