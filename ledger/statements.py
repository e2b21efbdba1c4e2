"""SQL of the store: the statements of a block, and the tables of people and of seat counts."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Sequence
from functools import cache
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from database.table import ArrayTable, Integer, KeyedTable, columns_of
from ledger.keyring import Person
from ledger.log import EVENTS
from ledger.records import COMMANDS

PEOPLE: ArrayTable[Person] = ArrayTable("people", columns_of(Person))


class SeatRow(NamedTuple):
    """One row of ledger.seats."""

    flight_id: UUID
    seats: Integer
    held: Integer
    booked: Integer
    overbooking: Integer


SEATS: KeyedTable[SeatRow] = KeyedTable("seats", columns_of(SeatRow), key="flight_id")


def transpose(rows: Sequence[tuple[Any, ...]], width: int) -> tuple[list[Any], ...]:
    """Return the rows as `width` arrays, one for each column."""
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([],) * width


# The session keeps the plans of prepared statements. A plan made while a table was small must not scan it
# when it has millions of rows, hence no sequential scans, hash joins or merge joins.
SESSION: LiteralString = """
    select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
        set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),
        set_config('plan_cache_mode', 'auto', false),
        set_config('statement_timeout', %(ms)s, false), set_config('lock_timeout', %(ms)s, false),
        set_config('idle_in_transaction_session_timeout', %(idle)s, false)
"""

# Arrays of a block. A subquery hides an array from the planner, which then keeps one plan for all arrays. It
# would plan short arrays anew for each block, which takes as long as all other work of a small block.
IDS: LiteralString = "((select %b::uuid[])::uuid[])"
TEXTS: LiteralString = "((select %b::text[])::text[])"
HASHES: LiteralString = "((select %b::bytea[])::bytea[])"
COUNTS: LiteralString = "((select %b::int4[])::int4[])"
DAYS: LiteralString = "((select %b::date[])::date[])"

HEAD_LOCK: LiteralString = "select one from head for update"
"""Puts all blocks of all processes in one order, until the transaction ends. Only the writer role may."""

LAST: LiteralString = "select position, hash, recorded_at from events order by position desc limit 1"

# Time in the log never goes backwards, even if the server's clock does. Refusals have a time, too.
LEDGER_TIME: LiteralString = f"""
    greatest(statement_timestamp(), (select recorded_at from ({LAST}) as last), (
        select recorded_at from commands where first_position is null order by recorded_at desc limit 1))
"""
HEAD: LiteralString = f"""
    select {LEDGER_TIME}, last.position, last.hash
    from (values (1)) as one left join lateral ({LAST}) as last on true
"""

FIND_COMMANDS: LiteralString = f"""
    select {COMMANDS.names_in("c")}
    from unnest({TEXTS}, {HASHES}, {TEXTS}, {TEXTS}) as input (actor, lookup, operation, key)
    join commands c
        on c.actor = coalesce((select person from people where lookup = input.lookup), input.actor)
        and c.operation = input.operation and c.key = input.key
"""

# The following statements and arrays of stream ids depend on the bookings that a block names, as `bookings`:
# by their ids alone, or also by their itineraries.

OF_ITINERARIES: LiteralString = f"array(select id from bookings where itinerary_id = any ({IDS}))"
IDS_AND_ITINERARIES: LiteralString = f"({IDS} || {OF_ITINERARIES})"


PERSONS_LOOKED_UP: LiteralString = f"array(select person from people where lookup = any ({HASHES}))"
USERS_OF_REFUNDS: LiteralString = f"array(select user_id from refunds where id = any ({IDS}))"
USERS_OF_PARTIES: LiteralString = f"array(select user_id from waiting where id = any ({IDS}))"


@cache
def people(with_unpaid_seats: bool, *persons: LiteralString) -> LiteralString:
    """Return a query for people, given as arrays of pseudonyms, and the check value of the master key.

    The check value is in each row, and in the only row if there are no people.
    """
    return f"""
        select keyed.value, p.person, p.lookup, p.wrapped_key, p.sealed_name
            {_UNPAID_SEATS if with_unpaid_seats else ""}
        from (select max(value) as value from secrets where name = 'master-key-check') as keyed
        left join people p on p.person = any ({" || ".join(persons)})
    """


# The seats that each person holds without a payment. At the limit of a user, the index has few entries.
_UNPAID_SEATS: LiteralString = f"""
    , (select coalesce(sum(b.seats), 0)::int4 from bookings b
        where b.user_id = p.person and b.status = 'initiated'
            and b.held_until > {LEDGER_TIME})
"""


FLIGHTS_OF_REFUNDS: LiteralString = f"array(select flight_id from refunds where id = any ({IDS}))"


@cache
def seats(with_departures: bool, *flights: LiteralString) -> LiteralString:
    """Return a query for the seat counts of these flights. `flights` are arrays of their ids."""
    return f"""
        select flight_id, seats, held, booked, overbooking, exists (
            select from waiting w where w.flight_id = seats.flight_id and w.status = 'waiting')
            {_DEPARTURE if with_departures else ""}
        from seats where flight_id = any ({" || ".join(flights)})
    """


# The times of departure are in a view, which each block keeps equal to the log.
_DEPARTURE: LiteralString = """
    , (select least(departs_at, departed_at) from flights where id = flight_id)
"""


def _related(bookings: LiteralString) -> LiteralString:
    """Return the flights of bookings that may be seated again, and bookings of refunds and flights."""
    return f"""
        array(select flight_id from bookings where id = any ({bookings}))
        || array(select booking_id from refunds where id = any ({IDS}))
        || array(select id from bookings where flight_id = any ({IDS}) and status <> 'cancelled')
    """


def _due_holds(bookings: LiteralString) -> LiteralString:
    """Return the due holds of flights with fewer free seats than a block needs, oldest first.

    Each frees at least one seat, so the number of seats needed is enough. The time is slightly later than
    that of the head, so no due hold is missed; the aggregate decides again.
    """
    return f"""
        array(
            select due.id from (
                select flight_id, sum(seats) as seats from (
                    select * from unnest({IDS}, {COUNTS}) as input (flight_id, seats)
                    union all
                    select flight_id, seats from bookings where id = any ({bookings})
                ) as one group by flight_id
            ) as needed
            join seats s on s.flight_id = needed.flight_id
                and s.seats + s.overbooking - s.held - s.booked < needed.seats
            cross join lateral (
                select id from bookings
                where flight_id = needed.flight_id
                    and held_until <= {LEDGER_TIME}
                order by held_until limit needed.seats
            ) as due)
    """


def _waiting_lists(bookings: LiteralString) -> LiteralString:
    """Return, for each flight that is named or that a named booking or waiting party belongs to, its list.

    That is its waiting parties, and if there are any the flight and all its due holds, because their seats go
    to the waiting list first. A flight without a waiting list costs one look-up in a small index.
    """
    return f"""
        array(
            with named as materialized (
                select unnest({IDS}) as flight_id
                union select flight_id from bookings where id = any ({bookings})
                union select flight_id from waiting where id = any ({IDS})
            ), parties as materialized (
                select w.id, w.flight_id from named join waiting w using (flight_id)
                where w.status = 'waiting'
            ), line as materialized (select distinct flight_id from parties)
            select id from parties
            union all select flight_id from line
            union all select b.id from line join bookings b using (flight_id)
                where b.held_until <= {LEDGER_TIME})
    """


class PartsOfBookings(NamedTuple):
    """Arrays of what belongs to the bookings that a block names: pseudonyms, flights, and streams."""

    users: LiteralString
    flights: LiteralString
    related: LiteralString
    due_holds: LiteralString
    waiting_lists: LiteralString


def _parts(bookings: LiteralString) -> PartsOfBookings:
    return PartsOfBookings(
        f"array(select user_id from bookings where id = any ({bookings}))",
        f"array(select flight_id from bookings where id = any ({bookings}))",
        _related(bookings),
        _due_holds(bookings),
        _waiting_lists(bookings),
    )


BY_IDS = _parts(IDS)
BY_IDS_AND_ITINERARIES = _parts(IDS_AND_ITINERARIES)
"""Where one array has the ids of bookings, these have an array of ids of itineraries right after it."""


@cache
def streams(*ids: LiteralString) -> LiteralString:
    """Return a query for the events of these streams, in order within each. `ids` are arrays of their ids.

    Its last two parameters are arrays of versions and ids: of those streams only later events are loaded.
    """
    return f"""
        select {EVENTS.names_in("e")}
        from (select distinct unnest({" || ".join(ids)}) as id) as one
        join events e on e.originator_id = one.id
            and e.originator_version > coalesce(({COUNTS})[array_position({IDS}, one.id)], 0)
        order by e.originator_id, e.originator_version
    """


FIND_BY_NATURAL_KEY: LiteralString = f"""
    select f.number, f.origin, f.departure_day, f.id
    from unnest({TEXTS}, {TEXTS}, {DAYS}) as input (number, origin, departure_day)
    join flights f using (number, origin, departure_day)
"""

FIND_OTHER_DAYS: LiteralString = f"""
    select other.number, other.origin, other.departure_day, other.id
    from unnest({IDS}, {DAYS}) as input (id, departure_day)
    join flights f using (id)
    join flights other on other.number = f.number and other.origin = f.origin
        and other.departure_day = input.departure_day
"""

# A block that repeats known outcomes wrote only its lock, for which its COMMIT need not wait for the disk. It
# waits for a synchronous standby: an earlier transaction may not have reached it, because its wait was cut
# short, or the server was killed and came back. So answers read from the log wait like new ones.
WAIT_FOR_STANDBY_ONLY: LiteralString = """
    select set_config('synchronous_commit', 'off', true)
    where current_setting('synchronous_standby_names') = ''
"""
