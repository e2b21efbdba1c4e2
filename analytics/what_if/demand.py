"""The demand that was recorded: what was asked of each flight, in order, accepted and refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import IsolationLevel

from database.connection import conninfo
from ledger import codec

FETCH_ROWS = 2_000
STATEMENT_SECONDS_MAX = 3600
QUANTILES = 200


class Selection(NamedTuple):
    """Which flights: one, or those whose departure day lies from `since` to `until`; all where None."""

    flight_id: UUID | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one command came to: its events, or a refusal of a customer who would have bought.

    `refused` is the code of the problem: `not-enough-seats` with `seats` asked for, or `hold-expired` with
    the booking that somebody tried to pay. `key` is the command's.
    """

    position: int
    at: datetime
    operation: str
    subject_id: UUID | None
    key: str
    events: list[Any] = field(default_factory=list)
    refused: str | None = None
    seats: int = 0


class Habits(NamedTuple):
    """What those did whose holds were granted: how many were in the end paid, of how many, and how long after
    they were granted, in QUANTILES equal shares from the quickest to the slowest.
    """

    holds: int
    paid: int
    delays: list[timedelta]


@dataclass(slots=True)
class Demand:
    """A snapshot of the log: up to `position`, which happened at `ends_at`; `unnamed` refusals for want of
    seats, of old releases, do not say of which flight.
    """

    position: int
    ends_at: datetime
    unnamed: int
    habits: Habits
    _connection: psycopg.Connection[Any]
    _parameters: dict[str, Any]

    def flights(self) -> Iterator[tuple[UUID, Iterator[Recorded]]]:
        """Each flight, with its commands in the order in which they were decided; one flight at a time."""
        with self._connection.cursor("demand") as rows:
            rows.itersize = FETCH_ROWS
            rows.execute(_DEMAND, self._parameters)
            for flight_id, of_flight in groupby(rows, key=lambda row: row[0]):
                yield flight_id, _commands(of_flight)


@contextmanager
def demand(url: str, selection: Selection) -> Iterator[Demand]:
    """Read in one snapshot, which lasts as long as the context. Raises psycopg.Error."""
    with psycopg.connect(conninfo(url, "seatledger what-if"), autocommit=True) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute(_SESSION)
            position, ends_at = connection.execute(_HEAD).fetchone() or (0, datetime.min.replace(tzinfo=UTC))
            (unnamed,) = connection.execute(_UNNAMED).fetchone() or (0,)
            parameters = {**selection._asdict(), "upto": position}
            shares = [(2 * n + 1) / (2 * QUANTILES) for n in range(QUANTILES)]
            row = connection.execute(_HABITS, {**parameters, "shares": shares}).fetchone()
            holds, paid, delays = row or (0, 0, None)
            habits = Habits(holds, paid, delays or [])
            yield Demand(position, ends_at, unnamed, habits, connection, parameters)


def _commands(rows: Iterator[Any]) -> Iterator[Recorded]:
    """Events of one command follow each other, since their positions do."""
    command: Recorded | None = None
    for _, position, kind, at, subject_id, number, ordinal, topic, text, operation, key in rows:
        if kind == 0 and ordinal > 1 and command is not None:
            command.events.append(codec.decode(topic, text, subject_id, number, at))
            continue
        if command is not None:
            yield command
        if kind == 0:
            event = codec.decode(topic, text, subject_id, number, at)
            command = Recorded(position, at, operation, subject_id, key, [event])
        else:
            command = Recorded(position, at, operation, subject_id, key, refused=topic, seats=number)
    if command is not None:
        yield command


_SESSION: LiteralString = f"""
    set local timezone = 'UTC'; set local statement_timeout = '{STATEMENT_SECONDS_MAX}s';
    set local work_mem = '64MB'; set local jit = off; set local cursor_tuple_fraction = 1
"""
_HEAD: LiteralString = "select position, recorded_at from ledger.events order by position desc limit 1"
_UNNAMED: LiteralString = """
    select count(*) from ledger.commands
    where first_position is null and operation = 'initiate_booking'
        and body::json ->> 'code' = 'not-enough-seats' and body::json ->> 'flight_id' is null
"""
_CHOSEN: LiteralString = """
    with chosen as materialized (
        select id from views.flights
        where (%(flight_id)s::uuid is null or id = %(flight_id)s)
            and (%(since)s::date is null or departure_day >= %(since)s)
            and (%(until)s::date is null or departure_day <= %(until)s)
    ), streams as materialized (
        select id as stream, id as flight_id from chosen
        union all select b.id, b.flight_id from views.bookings as b join chosen as c on c.id = b.flight_id
    ), refused as materialized (
        select recorded_at, last_position, operation, key, body::json ->> 'code' as code,
            coalesce(body::json ->> 'flight_id', body::json ->> 'booking_id')::uuid as subject,
            (body::json ->> 'asked')::integer as asked
        from ledger.commands where first_position is null and last_position <= %(upto)s and (
            operation = 'initiate_booking' and body::json ->> 'code' = 'not-enough-seats'
            or operation = 'pay_booking' and body::json ->> 'code' = 'hold-expired')
    )
"""
# A refusal stands right behind the last event that there was; refusals change nothing for each other.
_DEMAND: LiteralString = f"""
    {_CHOSEN}
    select s.flight_id, e.position, 0 as kind, e.recorded_at, e.originator_id, e.originator_version,
        e.ordinal, e.topic, e.state, e.operation, e.causation_id as key
    from streams as s join ledger.events as e on e.originator_id = s.stream where e.position <= %(upto)s
    union all
    select c.id, r.last_position, 1, r.recorded_at, null, r.asked, 1, r.code, null, r.operation, r.key
    from refused as r join chosen as c on c.id = r.subject where r.operation = 'initiate_booking'
    union all
    select s.flight_id, r.last_position, 1, r.recorded_at, s.stream, 0, 1, r.code, null, r.operation, r.key
    from refused as r join streams as s on s.stream = r.subject where r.operation = 'pay_booking'
    order by 1, 2, 3, 11
"""  # noqa: S608 - constants only
_HABITS: LiteralString = f"""
    {_CHOSEN}, granted as (
        select min(e.recorded_at) filter (where e.topic = 'booking.booked')
            - min(e.recorded_at) filter (where e.originator_version = 1) as delay
        from streams as s join ledger.events as e on e.originator_id = s.stream
        where e.position <= %(upto)s and (e.topic = 'booking.booked'
            or e.topic = 'booking.initiated' and e.operation = 'initiate_booking')
        group by e.originator_id having bool_or(e.topic = 'booking.initiated')
    )
    select count(*), count(delay), percentile_disc(%(shares)s::float8[]) within group (order by delay)
    from granted
"""  # noqa: S608 - constants only
