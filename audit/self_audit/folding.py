"""Digests of the log: changes by new events, and refolding of a range with a comparison row by row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.numeric import Int8

from audit.self_audit.expected_rows import (
    ROWS_BETWEEN,
    ExpectedRows,
    Row,
    Unfoldable,
    add_statement,
    fold_expected_rows,
)
from audit.verify.divergence import Divergence
from audit.verify.views import VIEW_CHECKS, ViewCheck
from database.arrays import encode_arrays
from database.connection import Connection
from ledger.log import EVENTS, RecordedEvent

RANGE_ROWS = 5_000
"""Rows of a full range; the next new stream begins another range, because ids grow with time."""

CHUNK = 1_000
"""Events folded at once."""

LOWEST, GREATEST = UUID(int=0), UUID(int=2**128 - 1)


async def reset_digests(connection: Connection) -> None:
    """Delete all digests, to start from the beginning of the log."""
    await connection.execute(_EMPTY, prepare=False)


async def apply_events(connection: Connection, after: int, upto: int, newest: UUID) -> UUID:
    """Apply the events past `after` to digests and counts. Return the greatest stream id.

    Each changed stream is folded from its beginning, so its earlier rows are known without reading the views.
    Raises Unfoldable, psycopg.Error.
    """
    cursor = await connection.execute(_TOUCHED, (Int8(after), Int8(upto), Int8(upto)), binary=True)
    changed = [(id, *fold_expected_rows(stream, after)) for id, stream in _streams(await cursor.fetchall())]
    new_ids = [id for id, before, _ in changed if before is None and id > newest]
    if new_ids:
        start = {"first": min(new_ids), "before": UUID(int=min(new_ids).int - 1), "enough": RANGE_ROWS}
        await connection.execute(_NEXT_RANGE, start)
        newest = max(new_ids)
    pairs = [(before, now) for _, before, now in changed if now]
    await _add(connection, [(before, -1) for before, _ in pairs if before] + [(now, 1) for _, now in pairs])
    await _count(connection, pairs)
    return newest


async def refold_range(connection: Connection, first: UUID, last: UUID, head: int) -> Divergence | None:
    """Refold a range, renewing its digest, and compare it row by row. Return the first difference."""
    await connection.execute(_RENEW, (first,))
    divergences: list[Divergence] = []
    async with connection.cursor("range", binary=True) as cursor:
        await cursor.execute(_RANGE, (first, last))
        low, pending = first, list[Row]()
        while rows := await cursor.fetchmany(CHUNK):
            # The last stream may continue in the next rows.
            pending += rows
            cut = pending[-1][1]
            whole = [row for row in pending if row[1] != cut]
            if whole:
                divergences += await _check(connection, whole, low, UUID(int=cut.int - 1), head)
                low, pending = cut, pending[len(whole) :]
        divergences += await _check(connection, pending, low, last, head)
    return min(divergences, key=attrgetter("position"), default=None)


async def recount_seats(connection: Connection, flight_id: UUID) -> Sequence[int | None]:
    """Fold the streams of a flight and its bookings, and store and return the counts and the position.

    All are None if the log has no such flight. The view names the bookings. Raises Unfoldable, psycopg.Error.
    """
    cursor = await connection.execute(_OF_FLIGHT, (flight_id, flight_id), binary=True)
    counts, has_flight = [0, 0, 0, 0, 0], False
    for id, stream in _streams(await cursor.fetchall()):
        _, now = fold_expected_rows(stream)
        if now is None or now.seats is None or now.seats.flight_id != flight_id:
            continue
        has_flight = has_flight or id == flight_id
        totals = (total + more for total, more in zip(counts, now.seats[1:], strict=False))
        counts = [*totals, max(counts[4], now.position)]
    await connection.execute("delete from audited_seats where flight_id = %s", (flight_id,))
    if not has_flight:
        return [None] * 5
    await connection.execute(_STORE_COUNT, (flight_id, *counts))
    return counts


async def _check(
    connection: Connection, events: Sequence[Row], low: UUID, high: UUID, head: int
) -> list[Divergence]:
    """Compare all streams with ids from `low` to `high` with the views."""
    divergences = []
    folded: dict[UUID, ExpectedRows] = {}
    for id, stream in _streams(events):
        try:
            _, now = fold_expected_rows(stream)
        except Unfoldable as problem:
            divergences.append(Divergence(problem.position, str(problem)))
        else:
            assert now
            folded[id] = now
    await _add(connection, [(one, 1) for one in folded.values()])
    for view in VIEW_CHECKS:
        cursor = await connection.execute(ROWS_BETWEEN[view], (low, high), binary=True)
        divergences += _differences(view, folded, await cursor.fetchall(), head)
    return divergences


def _differences(
    view: ViewCheck, folded: dict[UUID, ExpectedRows], rows: Iterable[Row], head: int
) -> Iterator[Divergence]:
    """Yield the differences, with the reasons that `verify` uses."""
    owners = {id: now for id, now in folded.items() if view in now.rows}
    expected = {row[0]: (row, now.position) for now in owners.values() for row in now.rows[view]}
    for row in rows:
        owner = owners.get(row[view.place])
        if owner is None:
            yield Divergence(head + 1, f"{view.name} shows {row[0]}, of which the log has no event")
        elif expected.pop(row[0], (None, 0))[0] != row:
            yield Divergence(owner.position, f"{view.name} does not show {row[0]} as the log has it")
    for missing, (_, position) in expected.items():
        yield Divergence(position, f"{view.name} does not show {missing}")


def _streams(rows: Iterable[Row]) -> Iterator[tuple[UUID, Iterator[RecordedEvent]]]:
    yield from groupby((RecordedEvent(*row) for row in rows), attrgetter("originator_id"))


async def _add(connection: Connection, changes: Iterable[tuple[ExpectedRows, int]]) -> None:
    """Add rows to the digests, each with its sign."""
    signed: dict[ViewCheck, list[Row]] = defaultdict(list)
    for one, sign in changes:
        for view, rows in one.rows.items():
            signed[view] += [(*row, sign) for row in rows]
    for view, rows in signed.items():
        if rows:
            await _send(connection, add_statement(view), [list(column) for column in zip(*rows, strict=True)])


async def _count(connection: Connection, pairs: Iterable[tuple[ExpectedRows | None, ExpectedRows]]) -> None:
    """Change the seat counts of flights by the difference between the streams now and before."""
    counts: dict[UUID, tuple[int, int, int, int, int]] = {}
    for before, now in pairs:
        if now.seats is None:
            continue
        # A booking that was moved counted on another flight before.
        for one, sign in ((before.seats if before else None, -1), (now.seats, 1)):
            if one is not None:
                flight_id, *more = one
                *total, position = counts.get(flight_id, (0, 0, 0, 0, 0))
                seats, held, booked, overbooking = (n + sign * m for n, m in zip(total, more, strict=True))
                counts[flight_id] = seats, held, booked, overbooking, max(position, now.position)
    if counts:
        rows = [(flight_id, *count) for flight_id, count in counts.items()]
        await _send(connection, _COUNT, [list(column) for column in zip(*rows, strict=True)])


async def _send(connection: Connection, statement: str, columns: list[list[Any]]) -> None:
    await connection.execute(statement.encode(), encode_arrays(statement, columns), binary=True)


_EMPTY: LiteralString = """
    delete from audited_ranges;
    delete from audited_seats;
    insert into audited_ranges (first, last)
    values ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')
"""
_TOUCHED = f"""
    select {EVENTS.names} from events
    where originator_id = any (array(
            select distinct originator_id from events where position > %b and position <= %b))
        and position <= %b
    order by originator_id, originator_version
"""  # noqa: S608 - constants only
_OF_FLIGHT = f"""
    select {EVENTS.names} from events
    where originator_id = any (array(select id from bookings where flight_id = %b) || %b::uuid)
    order by originator_id, originator_version
"""  # noqa: S608 - constants only
_STORE_COUNT: LiteralString = """
    insert into audited_seats (flight_id, seats, held, booked, overbooking, position)
    values (%s, %s, %s, %s, %s, %s)
"""
_RANGE = f"""
    select {EVENTS.names} from events where originator_id between %b and %b
    order by originator_id, originator_version
"""  # noqa: S608 - constants only
_NEXT_RANGE: LiteralString = """
    with full_one as (
        update audited_ranges set last = %(before)s
        where last = 'ffffffff-ffff-ffff-ffff-ffffffffffff' and rows >= %(enough)s returning last
    )
    insert into audited_ranges (first, last)
    select %(first)s, 'ffffffff-ffff-ffff-ffff-ffffffffffff' from full_one
"""
_RENEW: LiteralString = """
    update audited_ranges set rows = 0, digest = 0, renewed_at = statement_timestamp() where first = %s
"""
_COUNT: LiteralString = """
    insert into audited_seats as s (flight_id, seats, held, booked, overbooking, position)
    select * from unnest(%b::uuid[], %b::int4[], %b::int4[], %b::int4[], %b::int4[], %b::int8[])
    on conflict (flight_id) do update set
        seats = s.seats + excluded.seats, held = s.held + excluded.held, booked = s.booked + excluded.booked,
        overbooking = s.overbooking + excluded.overbooking,
        position = greatest(s.position, excluded.position)
"""
