"""Lists of bookings: conditions, orders, and pages that read a limited number of rows."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

import datetime as dt
from enum import Enum
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult, Rows, rows
from database.select_list import join_conditions
from domain.booking_state import Status
from domain.payments import PaymentStatus
from domain.reference import position_of
from projections.bookings import SELECT, BookingRow

SCANNED_MAX = 10_000
"""Bookings read for one page, in the order of the list. The other conditions are compared with each."""

CLOCK_DIFFERENCE = dt.timedelta(minutes=10)
"""Ids begin with the time on the clock of a host, and `created_at` is the database's."""

BookingSortKey = UUID | tuple[dt.datetime, UUID]
"""The id of the last booking of a page, in an order by change with the time of its last change."""


class BookingSort(Enum):
    """Orders of a list of bookings, as callers write them."""

    OLDEST = "created_at"
    NEWEST = "-created_at"
    FIRST_CHANGED = "updated_at"
    LAST_CHANGED = "-updated_at"


class BookingSearch(msgspec.Struct, frozen=True):
    """Conditions and order of a list of bookings; with `owner`, only that user's bookings are visible.

    Ranges of time include their start and exclude their end.
    """

    user_id: str | None = None
    flight_id: UUID | None = None
    flight_number: str | None = None
    departure_day: dt.date | None = None
    status: tuple[Status, ...] | None = None
    payment_status: tuple[PaymentStatus, ...] | None = None
    reference: str | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    updated_after: dt.datetime | None = None
    updated_before: dt.datetime | None = None
    sort: BookingSort = BookingSort.NEWEST
    owner: str | None = None
    family_name: str | None = None
    family_lookup: bytes | None = None
    """Keyed hash of `family_name`."""

    @property
    def user(self) -> str | None:
        """Return the user that the search is limited to, if any."""
        return self.user_id or self.owner

    @property
    def is_by_change(self) -> bool:
        return self.sort in (BookingSort.FIRST_CHANGED, BookingSort.LAST_CHANGED)

    @property
    def is_descending(self) -> bool:
        return self.sort in (BookingSort.NEWEST, BookingSort.LAST_CHANGED)

    @property
    def cursor_type(self) -> Any:
        return tuple[dt.datetime, UUID] if self.is_by_change else UUID

    def sort_key(self, row: BookingRow) -> BookingSortKey:
        return (row.updated_at, row.id) if self.is_by_change else row.id


_ORDERS: dict[BookingSort, tuple[LiteralString, LiteralString]] = {
    BookingSort.OLDEST: ("b.id", "and b.id > %b"),
    BookingSort.NEWEST: ("b.id desc", "and b.id < %b"),
    BookingSort.FIRST_CHANGED: ("b.updated_at, b.id", "and (b.updated_at, b.id) > (%b, %b)"),
    BookingSort.LAST_CHANGED: ("b.updated_at desc, b.id desc", "and (b.updated_at, b.id) < (%b, %b)"),
}
"""The SQL order, and the condition on the bookings that follow a sort key."""

_WITH_STATUS: dict[tuple[Status, ...], LiteralString] = {
    (Status.INITIATED,): "and b.status = 'initiated' and b.held_until is not null",
    (Status.PENDING,): "and b.status = 'pending'",
}
"""Conditions with constants, so that the planner can use the partial indexes on holds and pending bookings.

An initiated booking always has `held_until`.
"""


async def page(
    connection: Connection, search: BookingSearch, after: BookingSortKey | None, limit: int
) -> QueryResult[list[BookingRow]]:
    """Return the bookings that follow `after` in the order of the search, at most `limit`.

    A page is shorter, and has the key to go on from, if SCANNED_MAX bookings were read before it was full.
    """
    few, few_values = _few(search, await _has_few_bookings(connection, search))
    by_index, index_values = _by_index(search, after, bool(few))
    others, other_values = _others(search, bool(few))
    order, _ = _ORDERS[search.sort]
    source: LiteralString = "few as b" if few else "bookings as b"
    scanned: LiteralString = f"select * from {source} where true {by_index} order by {order}"
    statement: LiteralString = f"""
        {WITH_HEAD} {few}, page as (
            select * from ({scanned} limit {SCANNED_MAX}) as b where true {others} order by {order} limit %b
        )
        select head.position, {SELECT.sql}, last.updated_at, last.id
        from head left join page as b on true left join lateral (
            select updated_at, id from ({scanned} offset {SCANNED_MAX - 1} limit 1) as nth
            where (select count(*) from page) < %b
        ) as last on true
        order by {order}
    """
    size = Int8(limit)
    values = [*few_values, *index_values, *other_values, size, *index_values, size]
    found = await rows(connection, statement, values)
    result = Rows(SELECT.build(row) for row in found if row[1] is not None)
    *_, changed_at, id = found[0]
    if id is not None:
        result.upto = (changed_at, id) if search.is_by_change else id
    return QueryResult(found[0][0], result)


async def _has_few_bookings(connection: Connection, search: BookingSearch) -> bool:
    """Return whether a page by change can read all bookings of its user and put them in order.

    An index with this order would cost each booking 5 % more of PostgreSQL's instructions.
    """
    if search.user is None or not search.is_by_change:
        return False
    found = await rows(connection, _BOOKINGS_OF_USER, (search.user, Int8(SCANNED_MAX + 1)))
    return bool(found[0][0] <= SCANNED_MAX)


_BOOKINGS_OF_USER: LiteralString = """
    select count(*) from (select from bookings where user_id = %b limit %b) as own
"""


def _few(search: BookingSearch, user_has_few: bool) -> tuple[LiteralString, list[Any]]:
    """Return the part that reads all bookings of a flight, a name or a user before they are put in order.

    There is none for one flight or one user in the order of ids: an index has that order.
    """
    where, values = join_conditions(
        ("and user_id = %b", search.user if user_has_few else None),
        ("and flight_id = %b", search.flight_id),
        (_OF_FLIGHT_NUMBER, search.flight_number, search.departure_day),
        (_WITH_PASSENGER, search.family_lookup),
    )
    is_ordered = not user_has_few and (search.flight_id is None or not search.is_by_change)
    if search.flight_number is None and search.family_lookup is None and is_ordered:
        return "", []
    return f", few as materialized (select * from bookings where true {where})", values


_OF_FLIGHT_NUMBER: LiteralString = """
    and flight_id = any (array(select f.id from flights as f where f.number = %b and f.departure_day = %b))
"""


_WITH_PASSENGER: LiteralString = "and id in (select booking_id from passenger_names where lookup = %b)"


def _by_index(
    search: BookingSearch, after: BookingSortKey | None, of_few: bool
) -> tuple[LiteralString, list[Any]]:
    """Return the conditions that an index answers, in the order of the search."""
    key: tuple[Any, ...] = after if isinstance(after, tuple) else (after,)
    where, values = join_conditions(
        *(_of_user(search) if of_few or not search.is_by_change else ()),
        ("and b.flight_id = %b", search.flight_id),
        (_WITH_FIRST_EVENT, search.reference and Int8(position_of(search.reference))),
        *(_changed(search) if search.is_by_change else _created_nearly(search)),
        (_ORDERS[search.sort][1], *key),
    )
    return f"{_WITH_STATUS.get(search.status or (), '')} {where}", values


_WITH_FIRST_EVENT: LiteralString = """
    and b.id = (select originator_id from events where position = %b and originator_version = 1)
"""


def _of_user(search: BookingSearch) -> tuple[tuple[LiteralString, Any], ...]:
    return ("and b.user_id = %b", search.user_id), ("and b.user_id = %b", search.owner)


def _others(search: BookingSearch, of_few: bool) -> tuple[LiteralString, list[Any]]:
    """Return the conditions that each booking is compared with."""
    status, payment_status = search.status, search.payment_status
    return join_conditions(
        *(() if of_few or not search.is_by_change else _of_user(search)),
        ("and b.status = any (%b)", status and [one.value for one in status]),
        ("and b.payment_status = any (%b)", payment_status and [one.value for one in payment_status]),
        ("and b.created_at >= %b", search.created_after),
        ("and b.created_at < %b", search.created_before),
        *(() if search.is_by_change else _changed(search)),
    )


def _changed(search: BookingSearch) -> tuple[tuple[LiteralString, Any], ...]:
    return (
        ("and b.updated_at >= %b", search.updated_after),
        ("and b.updated_at < %b", search.updated_before),
    )


def _created_nearly(search: BookingSearch) -> tuple[tuple[LiteralString, Any], ...]:
    """Return limits of the ids that bookings of these times can have."""
    after, before = search.created_after, search.created_before
    return (
        ("and b.id >= %b", after and first_id_at(after, -CLOCK_DIFFERENCE)),
        ("and b.id < %b", before and first_id_at(before, CLOCK_DIFFERENCE)),
    )


def first_id_at(time: dt.datetime, plus: dt.timedelta) -> UUID:
    """Return the least UUID of version 7 of this many milliseconds after the epoch (RFC 9562)."""
    milliseconds = (time - _EPOCH + plus) // dt.timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
