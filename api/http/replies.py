"""HTTP response with an encoded body."""

from collections.abc import Sequence

from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

PIECE_BYTES = 16 * 1024
"""Larger bodies are sent in pieces of this size, so that a slow client leaves at most one in the buffer."""

NO_STORE: Header = (b"cache-control", b"no-store")
"""Answers may hold personal data, which no cache may keep. Public files state another policy."""

JSON = ((b"content-type", b"application/json"), NO_STORE)
PROBLEM = ((b"content-type", b"application/problem+json"), NO_STORE)


class Reply:
    """ASGI application that sends one response; without the body for HEAD.

    `kind` states the media type and who may cache the response.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes, headers: Sequence[Header] = (), kind: Sequence[Header] = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [*kind, (b"content-length", str(len(body)).encode()), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body  # type: ignore[typeddict-item]
        sent = 0
        while len(body) - sent > PIECE_BYTES:
            piece = body[sent : sent + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += PIECE_BYTES
        await send({"type": "http.response.body", "body": body[sent:], "more_body": False})


def position_header(position: int) -> Header:
    return b"ledger-position", str(position).encode()


def version_header(version: int) -> Header:
    return b"etag", b'"v%d"' % version
