"""The views in the second pass: what each shows of some streams, beside what their fold comes to."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from audit.verify.moment import Connection
from domain.booking import Booking
from domain.flight import Flight
from domain.waiting import WaitingParty

Span = tuple[UUID, UUID | None]
"""Ids of streams, from the first up to but not including the second; None: to the end."""

Note = Callable[[int, str], None]


class Folded(NamedTuple):
    """What a stream comes to, and the position of its last event; None where its fold broke off."""

    aggregate: Any
    position: int


class View(NamedTuple):
    """`arrays` are the types of its columns; `key` names the one with the ids of streams, number `place`."""

    name: str
    of: type[Any]
    upsert: Callable[[Sequence[Any]], tuple[LiteralString, tuple[Any, ...]]]
    every_row: LiteralString
    arrays: LiteralString
    key: LiteralString = "id"
    place: int = 0


def _view(name: str, of: type[Any], module: Any, *key: Any) -> View:
    return View(name, of, module.upsert, module.TABLE.every_row, module.TABLE.arrays, *key)


VIEWS = (
    _view("views.bookings", Booking, projections.bookings),
    _view("views.flights", Flight, projections.flights),
    _view("views.refunds", Booking, projections.refunds, "booking_id", 1),
    _view("views.waiting", WaitingParty, projections.waiting),
)


def compare(connection: Connection, span: Span, folded: Mapping[UUID, Folded], head: int, note: Note) -> None:
    """What the views show of the streams of a span; `folded` are all of them that the log has, by id."""
    for view in VIEWS:
        aggregates = [one.aggregate for one in folded.values() if isinstance(one.aggregate, view.of)]
        _, columns = view.upsert(aggregates)
        rows, shown = list(zip(*columns, strict=True)), _shown(connection, view, span)
        if rows == shown:
            continue
        expected = {row[0]: row for row in rows}
        for row in shown:
            known = folded.get(row[view.place])
            if known is None or not isinstance(known.aggregate, (view.of, NoneType)):
                note(head + 1, f"{view.name} shows {row[0]}, of which the log has no event")
            elif known.aggregate is not None and expected.pop(row[0], None) != row:
                note(known.position, f"{view.name} does not show {row[0]} as the log has it")
        for missing, row in expected.items():
            note(folded[row[view.place]].position, f"{view.name} does not show {missing}")


def _shown(connection: Connection, view: View, span: Span) -> list[tuple[Any, ...]]:
    first, end = span
    upto: LiteralString = "" if end is None else f"and v.{view.key} < %s"
    statement: LiteralString = f"select * from ({view.every_row}) as v where v.{view.key} >= %s {upto}"
    parameters = (first,) if end is None else span
    return connection.execute(statement, parameters, binary=True, prepare=False).fetchall()
