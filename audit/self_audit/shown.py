"""What the views ought to show of one stream, and the statements that turn such rows into digests."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from audit.verify.views import VIEWS, View
from domain.booking import Booking
from domain.flight import Flight
from domain.seats import SeatUse
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger.log import RecordedEvent

Row = tuple[Any, ...]


class Seats(NamedTuple):
    """What one stream adds to the counts of its flight."""

    flight_id: UUID
    seats: int
    held: int
    booked: int


class Shown(NamedTuple):
    """All that one stream ought to show, as of its last event, which has this position."""

    rows: dict[View, list[Row]]
    seats: Seats | None
    position: int


class Unfoldable(Exception):
    """An event that does not follow in its stream, or that this program does not know."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position


def shown(stream: Iterable[RecordedEvent], after: int = 0) -> tuple[Shown | None, Shown | None]:
    """As of position `after`, and now; None where the stream had not begun. Raises Unfoldable."""
    aggregate: Any = None
    before: Shown | None = None
    last = 0
    for count, event in enumerate(stream, start=1):
        if last and last <= after < event.position:
            before = _shown(aggregate, last)
        try:
            if event.originator_version != count:
                raise ValueError(f"version {event.originator_version} stands where {count} should")
            aggregate = event.decoded().mutate(aggregate)
        except Exception as error:
            reason = f"the event does not follow in its stream: {error!r}"
            raise Unfoldable(event.position, reason) from error
        last = event.position
    return before, _shown(aggregate, last) if last else None


def _shown(aggregate: Subject, position: int) -> Shown:
    rows = {
        view: list(zip(*view.upsert([aggregate])[1], strict=True))
        for view in VIEWS
        if isinstance(aggregate, view.of)
    }
    match aggregate:
        case Flight(id=id, seats=seats):
            return Shown(rows, Seats(id, seats, 0, 0), position)
        case Booking(flight_id=flight_id):
            return Shown(rows, Seats(flight_id, 0, *SeatUse.of(aggregate)), position)
        case WaitingParty():
            return Shown(rows, None, position)


def add_statement(view: View) -> str:
    """Adds rows to the digests of their ranges, or with sign -1 takes them away: `arrays`, then the signs."""
    names = ", ".join(f"c{number}" for number in range(view.arrays.count("%b")))
    return f"""
        with changed as (
            select r.first, sign, {_hash(f"row({names})", view)} as hash
            from unnest({view.arrays}, %b::int8[]) as new ({names}, sign)
            cross join lateral (
                select first from ledger.audited_ranges
                where first <= c{view.place} order by first desc limit 1) as r
        ), added as (
            select first, sum(sign) as rows, coalesce(sum(hash) filter (where sign > 0), 0)
                - coalesce(sum(hash) filter (where sign < 0), 0) as digest
            from changed group by first
        )
        update ledger.audited_ranges as r set rows = r.rows + added.rows, digest = r.digest + added.digest
        from added where r.first = added.first
    """


def _hash(row: str, view: View) -> str:
    """64 bits of a row. Hashed a second time, because that of a record is linear in those of its columns:
    two rows that exchange a value would have the same sum."""
    salt = VIEWS.index(view) + 1
    return f"hashint8extended(hash_record_extended({row}, {salt}), {salt})"


ROWS_BETWEEN: dict[View, bytes] = {
    view: f"select * from ({view.every_row}) as v where v.{view.key} between %b and %b".encode()
    for view in VIEWS
}
"""What a view shows of the streams with ids from one to another."""

_DIGESTS = " union all ".join(
    f"""
    select count(*) as rows, sum({_hash("v", view)}) as digest from ({view.every_row}) as v
    where v.{view.key} between r.first and r.last
    """
    for view in VIEWS
)
COMPARE: bytes = f"""
    select r.first, r.last, shown.rows::bigint, shown.rows = r.rows and shown.digest = r.digest,
        r.first = (select first from ledger.audited_ranges order by renewed_at, first limit 1)
    from (select * from ledger.audited_ranges where first >= %b order by first limit %b) as r
    cross join lateral (
        select sum(rows) as rows, coalesce(sum(digest), 0) as digest from ({_DIGESTS}) as one) as shown
    order by r.first
""".encode()
"""The next ranges: rows that the views show of each, whether these are those that they ought to show, and
whether no other range was folded anew longer ago."""
