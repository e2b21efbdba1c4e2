"""How a browser carries a token: in a cookie that the console alone sees, and its own pages alone use."""

import re

from api.http.http_errors import CrossSite
from api.http.request_context import RequestContext

NAME = "seatledger_console"

TOKEN_BYTES_MAX = 3800
"""Browsers keep 4096 bytes of a cookie, its name and attributes included (RFC 6265, section 6.1)."""

GRACE_SECONDS = 86_400
"""So long the browser keeps what has expired, so that it can be told so."""

_PAIRS = re.compile(rb"[;,] *")


def authorization(context: RequestContext) -> bytes | None:
    """The token in the cookie as an Authorization header would bring it. Raises CrossSite."""
    for pair in _PAIRS.split(context.fields.get(b"cookie", b"")):
        name, _, token = pair.partition(b"=")
        if name == NAME.encode() and token:
            if context.method != "GET":
                require_own_page(context)
            return b"Bearer " + token
    return None


def require_own_page(context: RequestContext) -> None:
    """Raises CrossSite unless a page of this origin sent the form.

    SameSite=Strict keeps the cookie at home already, but other ports and subdomains are the same site.
    Browsers say where a request came from in Sec-Fetch-Site, which no page can forge, or, where the
    connection is neither TLS nor local, in Origin (W3C Fetch Metadata; RFC 6454).
    """
    site = context.fields.get(b"sec-fetch-site")
    if site is None:
        origin = context.fields.get(b"origin", b"").partition(b"://")[2]
        if origin and origin == context.fields.get(b"host"):
            return
    elif site == b"same-origin":
        return
    raise CrossSite


def keep(token: str, seconds: int, context: RequestContext) -> tuple[bytes, bytes]:
    """The header that gives the browser its cookie, for a token that is good for so many seconds.

    TLS ends at a proxy, if anywhere, so only the browser knows whether it speaks it: its Origin says so.
    """
    secure = "; Secure" if context.fields.get(b"origin", b"").startswith(b"https://") else ""
    return _header(token, f"Max-Age={seconds + GRACE_SECONDS}{secure}")


def drop() -> tuple[bytes, bytes]:
    return _header("", "Max-Age=0")


def _header(value: str, rest: str) -> tuple[bytes, bytes]:
    return b"set-cookie", f"{NAME}={value}; Path=/console; HttpOnly; SameSite=Strict; {rest}".encode()
