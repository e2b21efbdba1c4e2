"""An answer on the wire: a status, headers and bytes that are encoded already."""

from collections.abc import Sequence

from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")


class Reply:
    """An ASGI application that says one thing. To HEAD it says all but the body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Sequence[Header] = (), kind: Header = JSON) -> None:
        self.status = status
        self.body = body
        self.headers = [kind, (b"content-length", str(len(body)).encode()), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body  # type: ignore[typeddict-item]
        await send({"type": "http.response.body", "body": body, "more_body": False})


def position_header(position: int) -> Header:
    return b"ledger-position", str(position).encode()


def version_header(version: int) -> Header:
    return b"etag", b'"v%d"' % version
