"""Reads that wait for a position, their responses, and lists with signed cursors."""

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

from api.http.http_errors import LedgerUnavailable, PositionNotReached, wrong_parameter
from api.http.parameters import ListQuery, ReadQuery
from api.http.problems import problem_reply
from api.http.replies import Header, Reply, position_header
from api.http.request import ApiRequest
from database.head import QueryResult, Rows, head, position, stop_of
from database.registry import LedgerEntry
from database.stored_values import decoder_of
from domain.refusals.base import Refusal
from ledger.batched_reads import BatchedReads
from ledger.passenger_index import fold_name
from ledger.people import pseudonyms_of
from ledger.submission import Unavailable

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
M = TypeVar("M")

WAIT_SECONDS_MAX = 2.0
POLL_SECONDS = 0.02
MAC_BYTES = 16

Connection = AsyncConnection[Any]
Select = Callable[[Connection], Awaitable[QueryResult[T]]]
SelectPage = Callable[[Connection, S, M, int], Awaitable[QueryResult[list[T]]]]


class Page(msgspec.Struct, Generic[T], frozen=True):
    data: Sequence[T]
    next_cursor: str | None


async def read(request: ApiRequest, query: ReadQuery, select: Select[T]) -> QueryResult[T]:
    """Run `select` once the ledger has reached every position in the query.

    Raises PositionNotReached, and ValidationFailed if `as_of` lies in the future.
    """
    target = query.last_position_in(request.ledger.entry.name)
    async with request.ledger.read() as connection:
        result = await select(connection)
        await _require_past(connection, query)
    if result.position < target:
        await _wait_for_position(request, target, result.position)
        async with request.ledger.read() as connection:
            result = await select(connection)
    return result


async def read_row(
    request: ApiRequest, query: ReadQuery, rows: BatchedReads[T], id: UUID
) -> QueryResult[T | None]:
    """Read one row like `read`, in one statement with the rows that other requests read now."""
    target = query.last_position_in(request.ledger.entry.name)
    result = await rows.find(id)
    if getattr(query, "as_of", UNSET) is not UNSET:
        async with request.ledger.read() as connection:
            await _require_past(connection, query)
    if result.position < target:
        await _wait_for_position(request, target, result.position)
        result = await rows.find(id)
    return result


async def _require_past(connection: Connection, query: ReadQuery) -> None:
    """Raise ValidationFailed if `as_of` lies after the ledger's time, because the state then is not known."""
    as_of = getattr(query, "as_of", UNSET)
    if as_of is not UNSET and as_of > (await head(connection))[1]:
        raise wrong_parameter("as_of", "Must not lie in the future")


async def _wait_for_position(request: ApiRequest, target: int, reached: int) -> None:
    deadline = monotonic() + WAIT_SECONDS_MAX
    while reached < target:
        if monotonic() >= deadline:
            raise PositionNotReached(reached)
        await asyncio.sleep(POLL_SECONDS)
        async with request.ledger.read() as connection:
            reached = await position(connection)


async def read_page(
    request: ApiRequest, query: ListQuery, search: S, cursor: M, select: SelectPage[S, M, T]
) -> QueryResult[list[T]]:
    """Read up to `limit` + 1 rows, with the names in `search` replaced by the recorded pseudonyms."""
    names = {field: getattr(search, field) for field in ("user_id", "owner") if hasattr(search, field)}

    async def select_recorded(connection: Connection) -> QueryResult[list[T]]:
        pseudonyms = await pseudonyms_of(connection, request.ledger.keyring, names.values())
        recorded = replace(search, **{field: pseudonyms[name] for field, name in names.items()})
        if family_name := getattr(search, "family_name", None):
            lookup = request.ledger.keyring.family_hash(fold_name(family_name))
            recorded = replace(recorded, family_lookup=lookup)
        return await select(connection, recorded, cursor, query.limit + 1)

    return await read(request, query, select_recorded)


def respond(position: int, body: Any, headers: Sequence[Header] = ()) -> Reply:
    return Reply(200, _encode(body), [position_header(position), *headers])


def respond_decrypted(request: ApiRequest, position: int, body: Any, headers: Sequence[Header] = ()) -> Reply:
    """Replace tokens in the body by the names that they stand for, and respond."""
    return Reply(200, request.ledger.decrypt_names(_encode(body)), [position_header(position), *headers])


def decrypt_names(request: ApiRequest, value: T, kind: Any) -> T:
    """Return the value with its tokens replaced by names, for responses that are not JSON."""
    decrypted: T = decoder_of(kind)(request.ledger.decrypt_names(_encode(value)))
    return decrypted


def refuse(request: ApiRequest, position: int, refusal: Refusal) -> Reply:
    return problem_reply(refusal, request.context, position)


def read_cursor(request: ApiRequest, query: ListQuery, search: Any, kind: Any) -> Any:
    """Return the sort key in the cursor, or None without one.

    Raises ValidationFailed unless this ledger signed the cursor for the same search.
    """
    if query.cursor is UNSET:
        return None
    try:
        signed = urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
        payload, mac = signed[:-MAC_BYTES], signed[-MAC_BYTES:]
        if not compare_digest(mac, _mac(request, search, payload)):
            raise ValueError("signed for another search, or not by this ledger")
        return msgspec.json.decode(payload, type=kind)
    except ValueError:
        raise wrong_parameter("cursor", "Not a cursor of this list with these filters") from None


async def respond_list(
    request: ApiRequest,
    query: ListQuery,
    search: Any,
    sort_key: Callable[[T], Any],
    read_one: Callable[[ApiRequest], Awaitable[QueryResult[list[T]]]],
    descending: bool = False,
) -> Reply:
    """Respond with one page: of the ledger of the request, or of all ledgers that the token allows.

    `read_one` reads up to `limit` + 1 rows of the ledger of the request that it gets, in the order of
    `sort_key`. Raises LedgerUnavailable for a ledger that does not answer, unless the query allows that.
    """
    if not request.is_for_all_ledgers:
        result = await read_one(request)
        resume_at = stop_of(result.value)
        return respond_page(request, result, query, search, sort_key, resume_at)
    if query.min_position and not isinstance(query.min_position, str):
        raise wrong_parameter("min_position", "Several ledgers answer: name them, like main=120,ai=45")
    entries = request.visible_ledgers
    found = await asyncio.gather(*(_read_from(request, entry, read_one, query.partial) for entry in entries))
    answered = {entry.name: one for entry, one in zip(entries, found, strict=True) if one is not None}
    rows = sorted((row for one in answered.values() for row in one.value), key=sort_key, reverse=descending)
    # Where one ledger stopped, no row of another may follow yet.
    stops = [stop for one in answered.values() if (stop := stop_of(one.value)) is not None]
    resume_at = (max if descending else min)(stops) if stops else None
    if resume_at is not None:
        rows = [row for row in rows if not _follows(sort_key(row), resume_at, descending)]
    data, cursor = paginate(request, rows, query, search, sort_key, resume_at)
    headers = _next_link(request, cursor)
    if missing := [entry.name for entry in entries if entry.name not in answered]:
        headers.append((b"ledgers-missing", ", ".join(missing).encode()))
    request.context.ledger_names = ", ".join(answered)
    positions = ", ".join(f"{name}={one.position}" for name, one in answered.items())
    headers.append((b"ledger-position", positions.encode()))
    return Reply(200, _encode(Page(data, cursor)), headers)


async def _read_from(
    request: ApiRequest,
    entry: LedgerEntry,
    read_one: Callable[[ApiRequest], Awaitable[QueryResult[list[T]]]],
    may_be_missing: bool,
) -> QueryResult[list[T]] | None:
    """Return the rows of one ledger with names, None if it does not answer and may be missing.

    The read ends by the deadline of its connection. A timeout around it would be late: psycopg, when it is
    cancelled, asks the server to cancel the query and waits five seconds for a server that is frozen.
    """
    try:
        one = await request.of_ledger(entry)
        position, rows = await read_one(one)
    except (Unavailable, LedgerUnavailable) as error:
        if may_be_missing:
            return None
        request.context.ledger_names = entry.name
        raise LedgerUnavailable(entry.name) from error
    decrypted = Rows(decrypt_names(one, rows, list[type(rows[0])]) if rows else [])  # type: ignore[misc]
    decrypted.upto = stop_of(rows)
    return QueryResult(position, decrypted)


def _follows(key: Any, other: Any, descending: bool) -> bool:
    after: bool = key < other if descending else key > other
    return after


def respond_page(
    request: ApiRequest,
    result: QueryResult[list[T]],
    query: ListQuery,
    search: Any,
    sort_key: Callable[[T], Any],
    resume_at: Any = None,
) -> Reply:
    """Respond with one page and a Link to the next. Arguments as in `paginate`."""
    data, cursor = paginate(request, result.value, query, search, sort_key, resume_at)
    return respond_decrypted(request, result.position, Page(data, cursor), _next_link(request, cursor))


def _next_link(request: ApiRequest, cursor: str | None) -> list[Header]:
    """Return the header that names the next page, if there is one."""
    if cursor is None:
        return []
    pairs = [pair for pair in parse_qsl(request.scope["query_string"].decode()) if pair[0] != "cursor"]
    target = f"{request.context.instance}?{urlencode([*pairs, ('cursor', cursor)])}"
    return [(b"link", f'<{target}>; rel="next"'.encode("ascii"))]


def paginate(
    request: ApiRequest,
    rows: list[T],
    query: ListQuery,
    search: Any,
    sort_key: Callable[[T], Any],
    resume_at: Any = None,
) -> tuple[list[T], str | None]:
    """Return at most `limit` rows, and the cursor of the next page if there is one.

    `rows` holds one row more than `limit` if another page follows. `resume_at` is the sort key to continue
    from if the search stopped before the end without that many rows.
    """
    data = rows[: query.limit]
    last = sort_key(data[-1]) if len(rows) > query.limit else resume_at
    if last is None:
        return data, None
    payload = _encode(last)
    return data, urlsafe_b64encode(payload + _mac(request, search, payload)).rstrip(b"=").decode()


def _mac(request: ApiRequest, search: Any, payload: bytes) -> bytes:
    bound = type(search).__name__.encode() + _encode(search) + b"\n" + payload
    return digest(request.ledger.cursor_key, bound, sha256)[:MAC_BYTES]


_encode = msgspec.json.Encoder().encode
