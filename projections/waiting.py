"""Waiting lists as they stand: one row a party, its place, and what became of what it was offered."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString, NamedTuple, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult, rows
from database.person_tokens import token_sql
from domain.waiting import WaitingParty
from projections.bookings import NEVER

_NO_UUID = UUID(int=0)

WaitingSortKey = tuple[datetime, UUID]
"""Where a page ended: when that party joined, and its id."""


class WaitingListStatus(Enum):
    """How a party stands at this instant; from `offered` on its booking says so."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    LEFT = "left"
    CLOSED = "closed"


class WaitingRow(msgspec.Struct, frozen=True, gc=False):
    """One party, as callers see it. Times are UTC; `place` counts from 1, null when it waits no more."""

    id: UUID
    flight_id: UUID
    user_id: str
    seats: int
    status: WaitingListStatus
    place: int | None
    joined_at: datetime
    booking_id: UUID | None
    offer_expires_at: datetime | None
    version: int

    @classmethod
    def of(cls, party: WaitingParty) -> Self:
        """Right after a command to it: `place` is the one it joined at."""
        return cls(
            party.id,
            party.flight_id,
            party.user_id,
            party.seats,
            WaitingListStatus(party.status.value),
            party.place if party.is_waiting else None,
            party.created_on,
            party.booking_id,
            party.offer_expires_at,
            party.version,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> Self:
        """From the columns that `_COLUMNS` lists."""
        id, flight_id, user_id, seats, status, place, joined_at, booking_id, expires_at, version = columns
        return cls(
            id,
            flight_id,
            user_id,
            seats,
            WaitingListStatus(status),
            place,
            joined_at,
            booking_id,
            expires_at,
            version,
        )


class WaitingSearch(msgspec.Struct, frozen=True):
    """Which parties a list shows; `owner` is whose the caller may see, None for all."""

    flight_id: UUID | None = None
    user_id: str | None = None
    status: WaitingListStatus | None = None
    owner: str | None = None


async def find(connection: Connection, waiting_id: UUID) -> QueryResult[WaitingRow | None]:
    ((position, *columns),) = await rows(connection, _FIND, (waiting_id,))
    return QueryResult(position, None if columns[0] is None else WaitingRow.from_columns(columns))


async def page(
    connection: Connection, search: WaitingSearch, after: WaitingSortKey | None, limit: int
) -> QueryResult[list[WaitingRow]]:
    """Whoever joined first comes first: on one flight, the order in which they are served."""
    conditions: list[tuple[LiteralString, Sequence[Any] | None]] = [
        ("and w.flight_id = %b", [search.flight_id] if search.flight_id else None),
        ("and w.user_id = %b", None if search.user_id is None else [search.user_id]),
        # Who was never seen has an empty pseudonym: a filter that nobody passes, and not none.
        ("and w.user_id = %b", None if search.owner is None else [search.owner]),
        (f"and {_STANDING} = %b", search.status and [search.status.value]),
        ("and (w.joined_at, w.id) > (%b, %b)", after and list(after)),
    ]
    given = [(text, values) for text, values in conditions if values]
    where = " ".join([text for text, _ in given])
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (
            select {_COLUMNS} from head, {_JOINED} where true {where} order by w.joined_at, w.id limit %b)
        select head.position, page.* from head left join page on true order by page.joined_at, page.id
    """
    found = await rows(connection, statement, [*(v for _, values in given for v in values), Int8(limit)])
    return QueryResult(found[0][0], [WaitingRow.from_columns(row[1:]) for row in found if row[1] is not None])


class Queue(NamedTuple):
    """How many parties wait for seats of a flight, and for how many together."""

    parties: int
    seats: int


async def queue(connection: Connection, flight_id: UUID) -> Queue:
    """Of a flight that has not departed; nobody is served behind one that has."""
    ((parties, seats),) = await rows(connection, _QUEUE, (flight_id,))
    return Queue(parties, seats)


_QUEUE: LiteralString = """
    select count(*), coalesce(sum(seats), 0) from views.waiting where flight_id = %b and status = 'waiting'
"""
# A booking that was paid for and cancelled later was accepted; one that the clock took was not, paid or not.
_STANDING: LiteralString = """
    case
        when w.status = 'waiting' and f.departs_at <= head.now then 'closed'
        when w.status <> 'offered' then w.status
        when b.held_until <= head.now or b.cancel_reason = 'hold_expired' then 'expired'
        when b.status = 'initiated' then 'offered'
        when b.status <> 'cancelled' or b.payment_status in ('refund_due', 'refunded') then 'accepted'
        when b.cancel_reason = 'requested' then 'declined'
        else 'closed'
    end
"""
_JOINED: LiteralString = """
    views.waiting as w
    join views.flights as f on f.id = w.flight_id
    left join views.bookings as b on b.id = w.booking_id
"""
_COLUMNS: LiteralString = f"""
    w.id, w.flight_id, {token_sql("w.user_id")} as user_id, w.seats, {_STANDING} as status,
    case when w.status = 'waiting' and f.departs_at > head.now then (
        select count(*) from views.waiting as ahead
        where ahead.flight_id = w.flight_id and ahead.status = 'waiting'
            and (ahead.joined_at, ahead.id) <= (w.joined_at, w.id)
    ) end as place,
    w.joined_at, w.booking_id, w.offer_expires_at, w.version
"""
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_COLUMNS} from head left join ({_JOINED}) on w.id = %b
"""
ARRAYS: LiteralString = """
    %b::uuid[], %b::uuid[], %b::text[], %b::int2[], %b::text[], %b::uuid[], %b::timestamptz[],
    %b::timestamptz[], %b::int4[]
"""
"""The columns that `upsert` writes and `EVERY_ROW` reads, one array each."""
_UPSERT: LiteralString = f"""
    insert into views.waiting (
        id, flight_id, user_id, seats, status, booking_id, offer_expires_at, joined_at, version)
    select id, flight_id, user_id, seats, status,
        nullif(booking_id, '00000000-0000-0000-0000-000000000000'), nullif(offer_expires_at, 'epoch'),
        joined_at, version
    from unnest({ARRAYS}) as new (
        id, flight_id, user_id, seats, status, booking_id, offer_expires_at, joined_at, version)
    on conflict (id) do update set
        status = excluded.status, booking_id = excluded.booking_id,
        offer_expires_at = excluded.offer_expires_at, version = excluded.version
"""


def upsert(parties: Sequence[WaitingParty]) -> tuple[LiteralString, tuple[Any, ...]]:
    """One statement that makes the view show these parties as they are now; each at most once."""
    return _UPSERT, (
        [p.id for p in parties],
        [p.flight_id for p in parties],
        [p.user_id for p in parties],
        [p.seats for p in parties],
        [p.status.value for p in parties],
        [p.booking_id or _NO_UUID for p in parties],
        [p.offer_expires_at or NEVER for p in parties],
        [p.created_on for p in parties],
        [p.version for p in parties],
    )


EVERY_ROW: LiteralString = """
    select id, flight_id, user_id, seats, status,
        coalesce(booking_id, '00000000-0000-0000-0000-000000000000'), coalesce(offer_expires_at, 'epoch'),
        joined_at, version
    from views.waiting order by id
"""
"""The whole view in the columns and the form that `upsert` writes, for comparing it with the log."""
