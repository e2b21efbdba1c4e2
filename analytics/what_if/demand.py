"""The recorded demand: all requests for each flight in order, accepted and refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import IsolationLevel

from database.connection import connect_sync
from ledger import codec

FETCH_ROWS = 2_000
STATEMENT_SECONDS_MAX = 3600
QUANTILES = 200


class Selection(NamedTuple):
    """Selection of flights: one id, or departure days from `since` to `until`. None does not restrict."""

    flight_id: UUID | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class PastRequest:
    """A past command with its events, or a refusal that lost a sale.

    `refused` is the problem code: `not-enough-seats` (then `seats` is the number requested), or
    `hold-expired` for a payment of `subject_id`. `key` is the idempotency key.
    """

    position: int
    at: datetime
    operation: str
    subject_id: UUID | None
    key: str
    events: list[Any] = field(default_factory=list)
    refused: str | None = None
    seats: int = 0

    def goes_on(self, subject_id: UUID | None, position: int) -> bool:
        """Return whether an event that is not the first of its command belongs to this one."""
        return self.subject_id == subject_id and self.position + len(self.events) == position


class Habits(NamedTuple):
    """Payment behaviour of granted holds: how many there were, how many were paid, and after which delay.

    `delays` are QUANTILES quantiles, from the shortest to the longest.
    """

    holds: int
    paid: int
    delays: list[timedelta]


@dataclass(slots=True)
class Demand:
    """The demand up to `position`, recorded at `ends_at`.

    `unnamed` counts refusals of early releases, which did not record their flight.
    """

    position: int
    ends_at: datetime
    unnamed: int
    habits: Habits
    _connection: psycopg.Connection[Any]
    _parameters: dict[str, Any]

    def flights(self) -> Iterator[tuple[UUID, Iterator[PastRequest]]]:
        """Yield each flight with its requests in order. Consume one flight before the next."""
        with self._connection.cursor("demand") as rows:
            rows.itersize = FETCH_ROWS
            rows.execute(_DEMAND, self._parameters)
            for flight_id, of_flight in groupby(rows, key=lambda row: row[0]):
                yield flight_id, _requests(of_flight)


@contextmanager
def demand(url: str, selection: Selection) -> Iterator[Demand]:
    """Open the demand in one snapshot, which lasts for the context. Raises psycopg.Error."""
    with connect_sync(url, "seatledger what-if") as connection:
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


def _requests(rows: Iterator[Any]) -> Iterator[PastRequest]:
    """Group rows into requests. The events of one command on one booking have consecutive positions.

    A command about an itinerary is a request for each of its bookings.
    """
    command: PastRequest | None = None
    for _, position, kind, at, subject_id, number, ordinal, topic, text, operation, key in rows:
        if kind == 0 and ordinal > 1 and command and command.goes_on(subject_id, position):
            command.events.append(codec.decode(topic, text, subject_id, number, at))
            continue
        if command is not None:
            yield command
        if kind == 0:
            event = codec.decode(topic, text, subject_id, number, at)
            command = PastRequest(position, at, operation, subject_id, key, [event])
        else:
            command = PastRequest(position, at, operation, subject_id, key, refused=topic, seats=number)
    if command is not None:
        yield command


_SESSION: LiteralString = f"""
    set local statement_timeout = '{STATEMENT_SECONDS_MAX}s';
    set local work_mem = '64MB'; set local jit = off; set local cursor_tuple_fraction = 1
"""
_HEAD: LiteralString = "select position, recorded_at from events order by position desc limit 1"
_UNNAMED: LiteralString = """
    select count(*) from commands
    where first_position is null and operation in ('initiate_booking', 'initiate_itinerary')
        and body::json ->> 'code' = 'not-enough-seats' and body::json ->> 'flight_id' is null
"""
_CHOSEN: LiteralString = """
    with chosen as materialized (
        select id from flights
        where (%(flight_id)s::uuid is null or id = %(flight_id)s)
            and (%(since)s::date is null or departure_day >= %(since)s)
            and (%(until)s::date is null or departure_day <= %(until)s)
    ), streams as materialized (
        select id as stream, id as flight_id from chosen
        union all select b.id, b.flight_id from bookings as b join chosen as c on c.id = b.flight_id
        -- A booking that was moved belongs to each flight on which it was.
        union all
        select distinct e.originator_id, c.id from chosen as c join events as e on e.topic = 'booking.moved'
            and (e.state::jsonb ->> 'from_flight_id')::uuid = c.id
        where not exists (select from bookings as b where b.id = e.originator_id and b.flight_id = c.id)
    ), refused as materialized (
        select recorded_at, last_position, operation, key, body::json ->> 'code' as code,
            case when operation like 'pay%%' then 'payment' else 'hold' end as kind,
            coalesce(body::json ->> 'flight_id', body::json ->> 'booking_id')::uuid as subject,
            (body::json ->> 'asked')::integer as asked
        from commands where first_position is null and last_position <= %(upto)s and (
            operation in ('initiate_booking', 'initiate_itinerary')
                and body::json ->> 'code' = 'not-enough-seats'
            or operation in ('pay_booking', 'pay_itinerary') and body::json ->> 'code' = 'hold-expired')
    )
"""
# A refusal is ordered right after the last event before it. Refusals do not affect each other.
_DEMAND: LiteralString = f"""
    {_CHOSEN}
    select s.flight_id, e.position, 0 as kind, e.recorded_at, e.originator_id, e.originator_version,
        e.ordinal, e.topic, e.state, e.operation, e.causation_id as key
    from streams as s join events as e on e.originator_id = s.stream where e.position <= %(upto)s
    union all
    select c.id, r.last_position, 1, r.recorded_at, null, r.asked, 1, r.code, null, r.operation, r.key
    from refused as r join chosen as c on c.id = r.subject where r.kind = 'hold'
    union all
    select s.flight_id, r.last_position, 1, r.recorded_at, s.stream, 0, 1, r.code, null, r.operation, r.key
    from refused as r join streams as s on s.stream = r.subject where r.kind = 'payment'
    order by 1, 2, 3, 11
"""  # noqa: S608 - constants only
_HABITS: LiteralString = f"""
    {_CHOSEN}, granted as (
        select min(e.recorded_at) filter (where e.topic = 'booking.booked')
            - min(e.recorded_at) filter (where e.originator_version = 1) as delay
        from streams as s join events as e on e.originator_id = s.stream
        where e.position <= %(upto)s and (e.topic = 'booking.booked'
            or e.topic = 'booking.initiated' and e.operation in ('initiate_booking', 'initiate_itinerary'))
        group by e.originator_id having bool_or(e.topic = 'booking.initiated')
    )
    select count(*), count(delay), percentile_disc(%(shares)s::float8[]) within group (order by delay)
    from granted
"""  # noqa: S608 - constants only
