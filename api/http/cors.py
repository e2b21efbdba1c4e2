"""Cross-origin requests (WHATWG Fetch, "CORS protocol") from the origins in the settings.

Tokens travel in a header, so no credentials of the browser are allowed. Litestar's middleware overwrites Vary
and sends its headers to every origin, hence this module.
"""

from collections.abc import Sequence

from api.http.replies import Header
from api.http.request_context import RequestContext

SECONDS_MAX = 600
"""Time for which a browser may keep the result of a preflight."""

_VARY: Header = (b"vary", b"origin")
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    b"authorization, content-type, x-idempotency-key, idempotency-key, if-match, if-none-match,"
    b" last-event-id, traceparent, x-request-id"
)
_EXPOSED = (
    b"deprecation, dry-run, etag, idempotency-replayed, ledger, ledger-position, ledgers-missing, link,"
    b" location, ratelimit, ratelimit-policy, retry-after, sunset, www-authenticate, x-request-id"
)


class Cors:
    """Headers of answers to requests of other origins; none if no origin is allowed."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = {origin.encode() for origin in origins}

    def headers(self, context: RequestContext) -> Sequence[Header]:
        """Return the headers of the answer to a request."""
        if not self._origins:
            return ()
        origin = context.fields.get(b"origin", b"")
        if origin not in self._origins:
            return (_VARY,)
        allowed = (_VARY, (b"access-control-allow-origin", origin))
        if context.method != "OPTIONS":
            return (*allowed, (b"access-control-expose-headers", _EXPOSED))
        return (
            *allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", b"%d" % SECONDS_MAX),
        )
