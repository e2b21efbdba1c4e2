"""The store's SQL, and the arrays that its statements take."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

from domain.seats import Seats
from ledger.keyring import Person
from ledger.log import COLUMNS, RecordedEvent
from ledger.records import RecordedCommand


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> tuple[list[Any], ...]:
    """Rows turned into one array for each of `width` columns."""
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([],) * width


def event_columns(events: list[RecordedEvent]) -> tuple[Any, ...]:
    return (
        [e.position for e in events],
        [e.originator_id for e in events],
        [e.originator_version for e in events],
        [e.topic for e in events],
        [e.state for e in events],
        [e.actor for e in events],
        [e.operation for e in events],
        [e.ordinal for e in events],
        [e.causation_id for e in events],
        [e.correlation_id for e in events],
        [e.traceparent for e in events],
        [e.recorded_at for e in events],
        [e.command_hash for e in events],
        [e.hash for e in events],
    )


def command_columns(commands: list[RecordedCommand]) -> tuple[Any, ...]:
    return (
        [c.actor for c in commands],
        [c.operation for c in commands],
        [c.key for c in commands],
        [c.fingerprint for c in commands],
        [c.status for c in commands],
        [c.body for c in commands],
        [c.subject_id for c in commands],
        [c.version for c in commands],
        [c.first_position for c in commands],
        [c.last_position for c in commands],
        [c.correlation_id for c in commands],
        [c.recorded_at for c in commands],
    )


def person_columns(people: Sequence[Person]) -> tuple[Any, ...]:
    return columns([(p.person, p.lookup, p.wrapped_key, p.sealed_name) for p in people], 4)


def seat_columns(seats: dict[UUID, Seats]) -> tuple[Any, ...]:
    return (
        list(seats),
        [count.seats for count in seats.values()],
        [count.held for count in seats.values()],
        [count.booked for count in seats.values()],
    )


# Sequential scans, hash and merge joins are off so that a plan made while a table was small and kept by the
# session does not turn into a scan of millions of rows. No statement is planned again for the arrays of each
# block: planning took as long as all else in a block of few commands. A lost synchronous_commit is put right
# here and refused by readiness.
SESSION: LiteralString = """
    select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
        set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),
        set_config('plan_cache_mode', 'force_generic_plan', false),
        set_config('statement_timeout', %(ms)s, false), set_config('lock_timeout', %(ms)s, false),
        set_config('idle_in_transaction_session_timeout', %(idle)s, false),
        set_config('synchronous_commit', case current_setting('synchronous_commit')
            when 'off' then 'on' else current_setting('synchronous_commit') end, false)
"""

LOCK: LiteralString = "select pg_advisory_xact_lock(%b)"

LAST: LiteralString = "select position, hash, recorded_at from ledger.events order by position desc limit 1"

# Time in the log never goes backwards, whatever the server's clock does.
HEAD: LiteralString = f"""
    select greatest(statement_timestamp(), last.recorded_at), last.position, last.hash
    from (values (1)) as one left join lateral ({LAST}) as last on true
"""

COMMANDS: LiteralString = """
    select c.actor, c.operation, c.key, c.fingerprint, c.status, c.body, c.subject_id, c.version,
        c.first_position, c.last_position, c.correlation_id, c.recorded_at
    from unnest(%b::text[], %b::bytea[], %b::text[], %b::text[]) as asked (actor, lookup, operation, key)
    join ledger.commands c
        on c.actor = coalesce((select person from ledger.people where lookup = asked.lookup), asked.actor)
        and c.operation = asked.operation and c.key = asked.key
"""

# Those who are named, and those whose bookings, refunds or entries are; and which master key seals names.
PEOPLE: LiteralString = """
    select keyed.value, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from (select max(value) as value from ledger.secrets where name = 'master-key-check') as keyed
    left join ledger.people p on p.person = any (
        array(select person from ledger.people where lookup = any (%b::bytea[]))
        || array(select user_id from views.bookings where id = any (%b::uuid[]))
        || array(select user_id from views.refunds where id = any (%b::uuid[]))
        || array(select user_id from views.waiting where id = any (%b::uuid[])))
"""

# A block folds the streams of all that these name.
NAMED: LiteralString = "%b::uuid[]"

# The flights of bookings that may be seated again, the bookings of refunds, those of cancelled flights.
BESIDES: LiteralString = """
    array(select flight_id from views.bookings where id = any (%b::uuid[]))
    || array(select booking_id from views.refunds where id = any (%b::uuid[]))
    || array(select id from views.bookings where flight_id = any (%b::uuid[]) and status <> 'cancelled')
"""

# Due holds of flights that are too full for what is asked of them, oldest first: each frees a seat at least,
# so as many holds as seats needed are enough. This is a little later than the head's time, so no hold that is
# due by that is missed; the aggregate decides again.
DUE: LiteralString = f"""
    array(
        select due.id from (
            select flight_id, sum(seats) as seats from (
                select * from unnest(%b::uuid[], %b::int4[]) as asked (flight_id, seats)
                union all
                select flight_id, seats from views.bookings where id = any (%b::uuid[])
            ) as one group by flight_id
        ) as needed
        join ledger.seats s on s.flight_id = needed.flight_id and s.seats - s.held - s.booked < needed.seats
        cross join lateral (
            select id from views.bookings
            where flight_id = needed.flight_id
                and held_until <= greatest(statement_timestamp(), (select recorded_at from ({LAST}) as last))
            order by held_until limit needed.seats
        ) as due)
"""

# Of each flight that is named, or that a booking or an entry named belongs to: who waits for its seats, then
# the flight itself and all its due holds, because whoever waits is served from those first. Where nobody
# waits it is one look into a small index for each flight.
LINES: LiteralString = f"""
    array(
        with named as materialized (
            select unnest(%b::uuid[]) as flight_id
            union select flight_id from views.bookings where id = any (%b::uuid[])
            union select flight_id from views.waiting where id = any (%b::uuid[])
        ), waiting as materialized (
            select w.id, w.flight_id from named join views.waiting w using (flight_id)
            where w.status = 'waiting'
        ), line as materialized (select distinct flight_id from waiting)
        select id from waiting
        union all select flight_id from line
        union all select b.id from line join views.bookings b using (flight_id)
            where b.held_until
                <= greatest(statement_timestamp(), (select recorded_at from ({LAST}) as last)))
"""


@cache
def streams(*ids: LiteralString) -> LiteralString:
    """Events of the streams that any of NAMED, BESIDES, DUE and LINES name, in order within each.

    The last two parameters, versions and ids, are of streams of which only what came after is wanted.
    """
    return f"""
        select {", ".join("e." + name.strip() for name in COLUMNS.split(","))}
        from (select distinct unnest({" || ".join(ids)}) as id) as one
        join ledger.events e on e.originator_id = one.id
            and e.originator_version > coalesce((%b::int4[])[array_position(%b::uuid[], one.id)], 0)
        order by e.originator_id, e.originator_version
    """


SEATS: LiteralString = """
    select flight_id, seats, held, booked from ledger.seats where flight_id = any (
        array(select flight_id from views.bookings where id = any (%b::uuid[])) || %b::uuid[]
        || array(select flight_id from views.refunds where id = any (%b::uuid[])))
"""

NATURAL: LiteralString = """
    select f.number, f.origin, f.departure_day, f.id
    from unnest(%b::text[], %b::text[], %b::date[]) as asked (number, origin, departure_day)
    join views.flights f using (number, origin, departure_day)
"""

INSERT_EVENTS: LiteralString = f"""
    insert into ledger.events ({COLUMNS}) select * from unnest(
        %b::int8[], %b::uuid[], %b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int2[],
        %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::bytea[], %b::bytea[])
"""

INSERT_COMMANDS: LiteralString = """
    insert into ledger.commands (actor, operation, key, fingerprint, status, body, subject_id, version,
        first_position, last_position, correlation_id, recorded_at)
    select * from unnest(
        %b::text[], %b::text[], %b::text[], %b::bytea[], %b::int2[], %b::text[], %b::uuid[], %b::int4[],
        %b::int8[], %b::int8[], %b::text[], %b::timestamptz[])
"""

INSERT_PEOPLE: LiteralString = """
    insert into ledger.people (person, lookup, wrapped_key, sealed_name)
    select * from unnest(%b::text[], %b::bytea[], %b::text[], %b::text[])
"""

UPSERT_SEATS: LiteralString = """
    insert into ledger.seats (flight_id, seats, held, booked)
    select * from unnest(%b::uuid[], %b::int4[], %b::int4[], %b::int4[])
    on conflict (flight_id) do update set
        seats = excluded.seats, held = excluded.held, booked = excluded.booked
"""

NOTIFY: LiteralString = "select pg_notify(%b, %b)"

# What was committed before may have reached no standby: its wait was cut short, or the server was killed and
# came back. So answers from the log wait like new ones. Only a transaction that wrote something waits.
WAIT_FOR_STANDBY: LiteralString = """
    select pg_logical_emit_message(true, 'seatledger', '')
    where current_setting('synchronous_standby_names') <> ''
"""
