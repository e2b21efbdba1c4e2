"""The views in the second pass: the rows of some streams, compared with the fold of these streams."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from audit.verify.divergence import ReportDivergence
from audit.verify.snapshot import Connection
from database.table import TableColumn
from domain.booking import Booking
from domain.flight import Flight
from domain.waiting import WaitingParty

Span = tuple[UUID, UUID | None]
"""Stream ids from the first up to but not including the second; None: to the end."""


class Folded(NamedTuple):
    """The aggregate of a stream, or None if its fold failed, and the position of the last event."""

    aggregate: Any
    position: int


class ViewCheck(NamedTuple):
    """How a view is compared. `arrays` are its column types; column `key`, number `place`, has stream ids."""

    name: str
    of: type[Any]
    upsert: Callable[[Sequence[Any]], tuple[LiteralString, tuple[Any, ...]]]
    every_row: LiteralString
    arrays: LiteralString
    columns: tuple[TableColumn, ...]
    key: LiteralString = "id"
    place: int = 0


def _view_check(name: str, of: type[Any], module: Any, *key: Any) -> ViewCheck:
    return ViewCheck(
        name,
        of,
        module.upsert,
        module.TABLE.every_row,
        module.TABLE.arrays,
        tuple(module.TABLE.columns),
        *key,
    )


VIEW_CHECKS = (
    _view_check("bookings", Booking, projections.bookings),
    _view_check("flights", Flight, projections.flights),
    _view_check("refunds", Booking, projections.refunds, "booking_id", 1),
    _view_check("waiting", WaitingParty, projections.waiting),
)


def compare(
    connection: Connection, span: Span, folded: Mapping[UUID, Folded], head: int, report: ReportDivergence
) -> None:
    """Compare the rows of a span of streams in all views with `folded`, its streams in the log."""
    for view in VIEW_CHECKS:
        aggregates = [one.aggregate for one in folded.values() if isinstance(one.aggregate, view.of)]
        _, columns = view.upsert(aggregates)
        rows, viewed = list(zip(*columns, strict=True)), _rows(connection, view, span)
        if rows == viewed:
            continue
        expected = {row[0]: row for row in rows}
        for row in viewed:
            stream = folded.get(row[view.place])
            if stream is None or not isinstance(stream.aggregate, (view.of, NoneType)):
                report(head + 1, f"{view.name} shows {row[0]}, of which the log has no event")
            elif stream.aggregate is not None and expected.pop(row[0], None) != row:
                report(stream.position, f"{view.name} does not show {row[0]} as the log has it")
        for missing, row in expected.items():
            report(folded[row[view.place]].position, f"{view.name} does not show {missing}")


def _rows(connection: Connection, view: ViewCheck, span: Span) -> list[tuple[Any, ...]]:
    first, end = span
    upto: LiteralString = "" if end is None else f"and v.{view.key} < %s"
    statement: LiteralString = f"select * from ({view.every_row}) as v where v.{view.key} >= %s {upto}"
    parameters = (first,) if end is None else span
    return connection.execute(statement, parameters, binary=True, prepare=False).fetchall()
