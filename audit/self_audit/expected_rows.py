"""The rows that views must have of one stream, and the statements that turn rows into digests."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from audit.verify.views import VIEW_CHECKS, ViewCheck
from domain.booking import Booking
from domain.flight import Flight
from domain.sandbox_clock import ClockAdvance
from domain.seats import SeatUse
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger.log import RecordedEvent

Row = tuple[Any, ...]


class SeatContribution(NamedTuple):
    """Seats that one stream adds to the counts of its flight."""

    flight_id: UUID
    seats: int
    held: int
    booked: int
    overbooking: int


class ExpectedRows(NamedTuple):
    """The rows and seats of one stream as of its last event, at `position`."""

    rows: dict[ViewCheck, list[Row]]
    seats: SeatContribution | None
    position: int


class Unfoldable(Exception):
    """An event does not follow in its stream, or has an unknown type."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position


def fold_expected_rows(
    stream: Iterable[RecordedEvent], after: int = 0
) -> tuple[ExpectedRows | None, ExpectedRows | None]:
    """Fold a stream. Return the rows as of position `after`, None if it began later, and the rows now.

    Raises Unfoldable.
    """
    aggregate: Any = None
    before: ExpectedRows | None = None
    last = 0
    for count, event in enumerate(stream, start=1):
        if last and last <= after < event.position:
            before = _expected_rows(aggregate, last)
        try:
            if event.originator_version != count:
                raise ValueError(f"version {event.originator_version} stands where {count} should")
            aggregate = event.decoded().mutate(aggregate)
        except Exception as error:
            reason = f"the event does not follow in its stream: {error!r}"
            raise Unfoldable(event.position, reason) from error
        last = event.position
    return before, _expected_rows(aggregate, last) if last else None


def _expected_rows(aggregate: Subject, position: int) -> ExpectedRows:
    rows = {
        view: list(zip(*view.upsert([aggregate])[1], strict=True))
        for view in VIEW_CHECKS
        if isinstance(aggregate, view.of)
    }
    match aggregate:
        case Flight(id=id, seats=seats, overbooking=overbooking):
            return ExpectedRows(rows, SeatContribution(id, seats, 0, 0, overbooking), position)
        case Booking(flight_id=flight_id):
            return ExpectedRows(rows, SeatContribution(flight_id, 0, *SeatUse.of(aggregate), 0), position)
        case WaitingParty() | ClockAdvance():
            return ExpectedRows(rows, None, position)


def add_statement(view: ViewCheck) -> str:
    """Return the statement that adds rows to the digests of their ranges, or subtracts them (sign -1).

    Its parameters are the arrays of the view, then the signs.
    """
    names = ", ".join(f"c{number}" for number in range(view.arrays.count("%b")))
    return f"""
        with changed as (
            select r.first, sign, {_hash(f"row({names})", view)} as hash
            from unnest({view.arrays}, %b::int8[]) as new ({names}, sign)
            cross join lateral (
                select first from audited_ranges
                where first <= c{view.place} order by first desc limit 1) as r
        ), added as (
            select first, sum(sign) as rows, coalesce(sum(hash) filter (where sign > 0), 0)
                - coalesce(sum(hash) filter (where sign < 0), 0) as digest
            from changed group by first
        )
        update audited_ranges as r set rows = r.rows + added.rows, digest = r.digest + added.digest
        from added where r.first = added.first
    """


def _hash(row: str, view: ViewCheck) -> str:
    """Return an expression for 64 bits of a row.

    The hash of a record is linear in the hashes of its columns, so two rows that swap a value would keep
    their sum. The second hash prevents that.
    """
    salt = VIEW_CHECKS.index(view) + 1
    return f"hashint8extended(hash_record_extended({row}, {salt}), {salt})"


ROWS_BETWEEN: dict[ViewCheck, bytes] = {
    view: f"select * from ({view.every_row}) as v where v.{view.key} between %b and %b".encode()
    for view in VIEW_CHECKS
}
"""Statements for the rows of a view for a range of stream ids."""

_DIGESTS = " union all ".join(
    f"""
    select count(*) as rows, sum({_hash("v", view)}) as digest from ({view.every_row}) as v
    where v.{view.key} between r.first and r.last
    """
    for view in VIEW_CHECKS
)
COMPARE: bytes = f"""
    select r.first, r.last, shown.rows::bigint, shown.rows = r.rows and shown.digest = r.digest,
        r.first = (select first from audited_ranges order by renewed_at, first limit 1)
    from (select * from audited_ranges where first >= %b order by first limit %b) as r
    cross join lateral (
        select sum(rows) as rows, coalesce(sum(digest), 0) as digest from ({_DIGESTS}) as one) as shown
    order by r.first
""".encode()
"""The next ranges: the number of their rows in the views, whether rows and digest match, and whether the
range is the one refolded longest ago."""
