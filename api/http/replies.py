"""HTTP response with an encoded body: conditional, compressed or without a body, as the request says."""

import gzip
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

PIECE_BYTES = 16 * 1024
"""Larger bodies are sent in pieces of this size, so that a slow client leaves at most one in the buffer."""

COMPRESSED_BYTES_MIN = 1024
"""Smaller bodies are not compressed: they fit into one packet anyway."""

COMPRESSION_LEVEL = 1
"""Level 6 would make a list a tenth smaller, and take three times as long."""

NO_STORE: Header = (b"cache-control", b"no-store")
"""Answers may hold personal data, which no cache may keep. Public files state another policy."""

REVALIDATED: Header = (b"cache-control", b"private, no-cache")
"""The caller's own cache may keep the answer, and must ask with If-None-Match before it uses it again."""

JSON = ((b"content-type", b"application/json"), NO_STORE)
PROBLEM = ((b"content-type", b"application/problem+json"), NO_STORE)
_NOT_IN_304 = {b"content-type", b"link"}


class Reply:
    """ASGI application that sends one response; without the body for HEAD.

    `kind` states the media type and who may cache the response. Bodies are compressed here and not by a
    middleware of the framework, because only here are body and size known before the headers are sent.
    `outdates_version` is true if the body may differ from an earlier one of the same version, because time or
    other events decide a part of it: then the version says nothing about what the caller has.
    """

    __slots__ = ("body", "headers", "outdates_version", "status")

    def __init__(
        self, status: int, body: bytes, headers: Sequence[Header] = (), kind: Sequence[Header] = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [*kind, *headers]
        self.outdates_version = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, body = self.headers, self.body
        if len(body) >= COMPRESSED_BYTES_MIN:
            headers, body = _compress(headers, body, scope)
        if self.status not in (204, 304):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else body  # type: ignore[typeddict-item]
        sent = 0
        while len(body) - sent > PIECE_BYTES:
            piece = body[sent : sent + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += PIECE_BYTES
        await send({"type": "http.response.body", "body": body[sent:], "more_body": False})

    def conditional(self, fields: Mapping[bytes, bytes], is_private: bool) -> "Reply":
        """Return this answer to a GET with its entity tag, or 304 if the caller has it already.

        If `is_private`, the caller's cache may keep it; a public answer that no cache may keep is about the
        moment, and has no tag. The tag is that of a version where there is one, else it is made of the body.
        RFC 9110, sections 8.8.3 and 13.1.2.
        """
        if self.status != 200 or (not is_private and NO_STORE in self.headers):
            return self
        tag = next((value for name, value in self.headers if name == b"etag"), None)
        if tag is None:
            tag = b'W/"%b"' % sha256(self.body).hexdigest()[:22].encode()
            self.headers.append((b"etag", tag))
        if is_private:
            self.headers = [REVALIDATED if one == NO_STORE else one for one in self.headers]
        if not self.outdates_version and _matches(tag, fields.get(b"if-none-match")):
            kept = [one for one in self.headers if one[0] not in _NOT_IN_304]
            return Reply(304, b"", kept, ())
        return self


def _matches(tag: bytes, if_none_match: bytes | None) -> bool:
    """Compare weakly, as If-None-Match does: the mark W/ does not count."""
    if if_none_match is None:
        return False
    tags = [one.removeprefix(b"W/") for one in _TAG.findall(if_none_match)]
    return if_none_match.strip() == b"*" or tag.removeprefix(b"W/") in tags


def _compress(headers: list[Header], body: bytes, scope: Scope) -> tuple[list[Header], bytes]:
    """Return headers and body as the caller accepts them: gzip where Accept-Encoding allows it."""
    varying = [*headers, (b"vary", b"accept-encoding")]
    accepted = b", ".join(value for name, value in scope["headers"] if name == b"accept-encoding")
    if not accepts_gzip(accepted):
        return varying, body
    return [*varying, (b"content-encoding", b"gzip")], gzip.compress(body, COMPRESSION_LEVEL, mtime=0)


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Return true if the value of Accept-Encoding allows gzip (RFC 9110, section 12.5.3)."""
    weights = {name.lower(): weight for name, weight in _CODING.findall(accept_encoding)}
    weight = weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", b"0")))
    return not weight or float(weight) > 0


_TAG = re.compile(rb'(?:W/)?"[!#-~\x80-\xff]*"')
_CODING = re.compile(rb"([A-Za-z*-]+)[ \t]*(?:;[ \t]*[qQ]=([0-9](?:\.[0-9]{0,3})?))?")


def position_header(position: int) -> Header:
    return b"ledger-position", str(position).encode()


def version_header(version: int) -> Header:
    return b"etag", b'"v%d"' % version
