"""Waiting lists: one row for each party, the queries, and the upsert that keeps the rows equal to the log."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from datetime import datetime
from enum import Enum
from typing import LiteralString, NamedTuple, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult, rows
from database.person_tokens import token_sql
from database.select_list import SelectList, join_conditions
from database.table import KeyedTable, TableColumn
from domain.waiting import WaitingParty

TABLE: KeyedTable[WaitingParty] = KeyedTable(
    "waiting",
    [
        TableColumn("id", "uuid", fixed=True),
        TableColumn("flight_id", "uuid", fixed=True),
        TableColumn("user_id", "text", fixed=True),
        TableColumn("seats", "int2", fixed=True),
        TableColumn("status", "text", "status.value"),
        TableColumn("booking_id", "uuid", nullable=True),
        TableColumn("offer_expires_at", "timestamptz", nullable=True),
        TableColumn("joined_at", "timestamptz", "created_on", fixed=True),
        TableColumn("version", "int4"),
    ],
)
upsert = TABLE.upsert

WaitingSortKey = tuple[datetime, UUID]
"""The time at which the last party on a page joined, and its id."""


class WaitingListStatus(Enum):
    """The state of a party at the time of a query; from `offered` on it depends on the offered booking."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    LEFT = "left"
    CLOSED = "closed"


class WaitingRow(msgspec.Struct, frozen=True, gc=False):
    """One party on a waiting list. Times are UTC.

    `place` counts from 1; it is null for a party that no longer waits. `offer_expires_at` is the end of the
    offered hold, also after a change of the flight's times.
    """

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
        """Return the row of an aggregate right after a command; `place` is the one at which it joined."""
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


# An offer with a booking that was paid for and cancelled later was accepted. If the hold ran out, the offer
# expired, even if a payment came too late.
_STATUS: LiteralString = """
    case
        when w.status = 'waiting' and f.departs_at <= head.now then 'closed'
        when w.status <> 'offered' then w.status
        when b.held_until <= head.now or b.cancel_reason = 'hold_expired' then 'expired'
        when b.status = 'initiated' then 'offered'
        when b.status <> 'cancelled' or b.payment_status in ('captured', 'refund_due', 'refunded')
            then 'accepted'
        when b.cancel_reason = 'requested' then 'declined'
        else 'closed'
    end
"""
_PLACE: LiteralString = """
    case when w.status = 'waiting' and f.departs_at > head.now then (
        select count(*) from waiting as ahead
        where ahead.flight_id = w.flight_id and ahead.status = 'waiting'
            and (ahead.joined_at, ahead.id) <= (w.joined_at, w.id)
    ) end
"""
# A change of the flight's times may cut or extend the hold.
_OFFER_END: LiteralString = "coalesce(b.expires_at, w.offer_expires_at)"
_SELECT = SelectList(
    WaitingRow,
    "w",
    user_id=token_sql("w.user_id"),
    status=_STATUS,
    place=_PLACE,
    offer_expires_at=_OFFER_END,
)
_JOINED: LiteralString = """
    waiting as w
    join flights as f on f.id = w.flight_id
    left join bookings as b on b.id = w.booking_id
"""
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_SELECT.sql} from head left join ({_JOINED}) on w.id = %b
"""


async def find(connection: Connection, waiting_id: UUID) -> QueryResult[WaitingRow | None]:
    position, found = await _SELECT.fetch(connection, _FIND, (waiting_id,))
    return QueryResult(position, found[0] if found else None)


class WaitingSearch(msgspec.Struct, frozen=True):
    """Conditions of a list of parties; with `owner`, only that user's parties are visible."""

    flight_id: UUID | None = None
    user_id: str | None = None
    status: WaitingListStatus | None = None
    owner: str | None = None


async def page(
    connection: Connection, search: WaitingSearch, after: WaitingSortKey | None, limit: int
) -> QueryResult[list[WaitingRow]]:
    """Return the parties that joined after `after`, in the order in which a flight offers them seats."""
    where, parameters = join_conditions(
        ("and w.flight_id = %b", search.flight_id),
        ("and w.user_id = %b", search.user_id),
        ("and w.user_id = %b", search.owner),
        (f"and {_STATUS} = %b", search.status and search.status.value),
        ("and (w.joined_at, w.id) > (%b, %b)", *(after or (None,))),
    )
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (
            select {_SELECT.sql} from head, {_JOINED} where true {where}
            order by w.joined_at, w.id limit %b
        )
        select head.position, page.* from head left join page on true order by page.joined_at, page.id
    """
    return await _SELECT.fetch(connection, statement, [*parameters, Int8(limit)])


class Queue(NamedTuple):
    """The number of parties that wait for seats of a flight, and of the seats that they need together."""

    parties: int
    seats: int


async def queue(connection: Connection, flight_id: UUID) -> Queue:
    """Count the waiting parties of a flight that has not departed."""
    ((parties, seats),) = await rows(connection, _QUEUE, (flight_id,))
    return Queue(parties, seats)


_QUEUE: LiteralString = """
    select count(*), coalesce(sum(seats), 0) from waiting where flight_id = %b and status = 'waiting'
"""
