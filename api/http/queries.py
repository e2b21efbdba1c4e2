"""Answering questions: reads that reflect a position, wait for one if asked, and page by signed cursors."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from hmac import compare_digest, digest
from time import monotonic
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import replace
from psycopg import AsyncConnection

from api.http.http_errors import PositionNotReached, ValidationFailed
from api.http.parameters import List, View
from api.http.problems import refused
from api.http.replies import Header, Reply, position_header
from api.http.request import ApiRequest
from database.head import Seen, position
from domain.refusals import Refusal
from ledger.batched_reads import BatchedReads
from ledger.people import recorded_as

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
M = TypeVar("M")

WAIT_SECONDS_MAX = 2.0
POLL_SECONDS = 0.02
MAC_BYTES = 16

Connection = AsyncConnection[Any]
Look = Callable[[Connection], Awaitable[Seen[T]]]
FindPage = Callable[[Connection, S, M, int], Awaitable[Seen[list[T]]]]


class Page(msgspec.Struct, Generic[T], frozen=True):
    data: Sequence[T]
    next_cursor: str | None


async def look(request: ApiRequest, view: View, see: Look[T]) -> Seen[T]:
    """What `see` sees, once the ledger has reached the position asked for. Raises PositionNotReached."""
    async with request.ledger.read() as connection:
        seen = await see(connection)
    if seen.position < view.min_position:
        await _reach(request, view.min_position, seen.position)
        async with request.ledger.read() as connection:
            seen = await see(connection)
    return seen


async def find(request: ApiRequest, view: View, rows: BatchedReads[T], id: UUID) -> Seen[T | None]:
    """The row, as `look` would see it, asked for together with what others ask for."""
    seen = await rows.find(id)
    if seen.position < view.min_position:
        await _reach(request, view.min_position, seen.position)
        seen = await rows.find(id)
    return seen


async def _reach(request: ApiRequest, wanted: int, reached: int) -> None:
    deadline = monotonic() + WAIT_SECONDS_MAX
    while reached < wanted:
        if monotonic() >= deadline:
            raise PositionNotReached(reached)
        await asyncio.sleep(POLL_SECONDS)
        async with request.ledger.read() as connection:
            reached = await position(connection)


async def look_for(
    request: ApiRequest, asked: List, search: S, after: M, page: FindPage[S, M, T]
) -> Seen[list[T]]:
    """One row more than asked for, found by the pseudonyms of those that the search names."""
    given = {name: getattr(search, name) for name in ("user_id", "owner") if hasattr(search, name)}

    async def see(connection: Connection) -> Seen[list[T]]:
        persons = await recorded_as(connection, request.ledger.keyring, given.values())
        recorded = replace(search, **{name: persons[value] for name, value in given.items()})
        return await page(connection, recorded, after, asked.limit + 1)

    return await look(request, asked, see)


def answer(position: int, body: Any, headers: Sequence[Header] = ()) -> Reply:
    return Reply(200, _encode(body), [position_header(position), *headers])


def told(request: ApiRequest, position: int, body: Any, headers: Sequence[Header] = ()) -> Reply:
    """The same with the names that tokens in the body stand for."""
    return Reply(200, request.ledger.opened(_encode(body)), [position_header(position), *headers])


def by_names(request: ApiRequest, shown: T, kind: Any) -> T:
    """The same with the names that its tokens stand for, for those who do not answer in JSON."""
    named: T = msgspec.json.decode(request.ledger.opened(_encode(shown)), type=kind)
    return named


def missing(request: ApiRequest, position: int, refusal: Refusal) -> Reply:
    return refused(refusal, request.exchange, position)


def after(request: ApiRequest, asked: List, search: Any, kind: Any) -> Any:
    """The mark in the caller's cursor. Raises ValidationFailed unless we signed it for this very search."""
    if asked.cursor is UNSET:
        return None
    try:
        sealed = urlsafe_b64decode(asked.cursor + "=" * (-len(asked.cursor) % 4))
        payload, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
        if not compare_digest(mac, _mac(request, search, payload)):
            raise ValueError("not ours")
        return msgspec.json.decode(payload, type=kind)
    except ValueError:
        raise ValidationFailed("cursor", "Not a cursor of this list with these filters") from None


def listed(
    request: ApiRequest,
    seen: Seen[list[T]],
    asked: List,
    search: Any,
    mark: Callable[[T], Any],
    further: Any = None,
) -> Reply:
    """One page of at most `asked.limit` rows; `seen` holds one more if there is a next page.

    `further` is the mark to go on from though there is none more, where not all was looked through.
    """
    data, cursor = cut(request, seen.value, asked, search, mark, further)
    headers: list[Header] = []
    if cursor:
        pairs = [pair for pair in parse_qsl(request.scope["query_string"].decode()) if pair[0] != "cursor"]
        target = f"{request.exchange.instance}?{urlencode([*pairs, ('cursor', cursor)])}"
        headers.append((b"link", f'<{target}>; rel="next"'.encode("ascii")))
    return told(request, seen.position, Page(data, cursor), headers)


def cut(
    request: ApiRequest,
    rows: list[T],
    asked: List,
    search: Any,
    mark: Callable[[T], Any],
    further: Any = None,
) -> tuple[list[T], str | None]:
    """At most `asked.limit` of the rows, and where there are or may be more the cursor that leads to them."""
    data = rows[: asked.limit]
    last = mark(data[-1]) if len(rows) > asked.limit else further
    if last is None:
        return data, None
    payload = _encode(last)
    return data, urlsafe_b64encode(payload + _mac(request, search, payload)).rstrip(b"=").decode()


def _mac(request: ApiRequest, search: Any, payload: bytes) -> bytes:
    bound = type(search).__name__.encode() + _encode(search) + b"\n" + payload
    return digest(request.ledger.cursor_key, bound, sha256)[:MAC_BYTES]


_encode = msgspec.json.Encoder().encode
