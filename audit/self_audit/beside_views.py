"""Outcomes, analysts' facts and the index of family names, compared range by range."""

from collections.abc import Sequence
from random import random
from typing import Any, LiteralString
from uuid import UUID

from audit.verify.beside import NO_REFUSAL
from audit.verify.divergence import Divergence
from audit.verify.facts import LIVE_BUILDS, fact_differs, live_facts, outside_log, statement
from audit.verify.people_pass import compare_passenger_names
from database.connection import Connection
from ledger.keyring import Keyring
from ledger.passenger_index import PASSENGERS, PassengerName, rows_of_passengers
from ledger.people import MASTER_KEY_CHECK

LOWEST, GREATEST = UUID(int=0), UUID(int=2**128 - 1)


async def compare_beside(
    connection: Connection, ranges: Sequence[tuple[Any, ...]], every: bool, head: int, keyring: Keyring
) -> list[Divergence]:
    """Compare the ranges: `every` one, or at random one in a round.

    The index of family names needs the ledger's own keyring. A range takes some 0.2 s, too much for all of
    them every half minute.
    """
    (count,) = await (await connection.execute(_COUNT)).fetchone() or (0,)
    divergences = []
    for first, last, *_ in ranges:
        if every or random() * count < 1:
            divergences += await _outcomes(connection, first, last, head)
            divergences += await _facts(connection, first, last, head)
            divergences += await _passenger_names(connection, first, last, head, keyring)
    return divergences


async def _outcomes(connection: Connection, first: UUID, last: UUID, head: int) -> list[Divergence]:
    cursor = await connection.execute(_OUTCOMES, (first, last))
    found = [Divergence(*row) for row in await cursor.fetchall()]
    if first == LOWEST:
        # Refusals and commands without events belong to no stream.
        for operation, reason in await (await connection.execute(NO_REFUSAL)).fetchall():
            found.append(Divergence(head + 1, f"{reason}: operation {operation!r} in commands"))
    return found


async def _facts(connection: Connection, first: UUID, last: UUID, head: int) -> list[Divergence]:
    """Compare facts up to the checkpoint of their table, through the views that analysts read."""
    live = live_facts(await (await connection.execute(LIVE_BUILDS)).fetchall())
    found = [Divergence(head + 1, reason) for reason in live.wrong]
    end = None if last == GREATEST else UUID(int=last.int + 1)
    for projection, upto in live.tables:
        values = {"first": first, "end": end, "after": 0, "upto": upto}
        cursor = await connection.execute(statement(projection), values, prepare=False)
        _, key, position = await cursor.fetchone() or (0, None, None)
        if key is not None:
            found.append(fact_differs(projection, key, position or head + 1))
        if projection.stream is None:
            cursor = await connection.execute(outside_log(projection), (upto,), prepare=False)
            (outside,) = await cursor.fetchone() or (None,)
            if outside is not None:
                reason = f"{projection.view} shows position {outside}, of which the log has no fact"
                found.append(Divergence(head + 1, reason))
    return found


async def _passenger_names(
    connection: Connection, first: UUID, last: UUID, head: int, keyring: Keyring
) -> list[Divergence]:
    """Compare the index of passengers with the names in the view. Without the keyring nothing is compared."""
    row = await (await connection.execute(MASTER_KEY_CHECK)).fetchone()
    if (row[0] if row else None) != keyring.check:
        return []
    expected = rows_of_passengers(
        await (await connection.execute(PASSENGERS, (first, last))).fetchall(), keyring
    )
    found = await (await connection.execute(_PASSENGER_NAMES, (first, last))).fetchall()
    recorded = {PassengerName(bytes(lookup), booking_id) for lookup, booking_id in found}
    divergence = compare_passenger_names(recorded, expected, head)
    return [divergence] if divergence else []


_PASSENGER_NAMES: LiteralString = """
    select lookup, booking_id from passenger_names where booking_id between %s and %s
"""
_COUNT: LiteralString = "select count(*) from audited_ranges"
# The events of a command are adjacent; the first one names its stream, whose last one there has its version.
_OUTCOMES: LiteralString = """
    select e.position, case when c.first_position is null then 'the event belongs to no recorded command'
        else 'the outcome of its command is not the one that its events have' end
    from events e
        left join commands c on c.first_position = e.position
        left join events l on l.position = c.last_position
    where e.originator_id between %s and %s and e.ordinal = 1 and (
        (c.actor, c.operation, c.key, c.subject_id, c.correlation_id, c.recorded_at, c.version)
            is distinct from (e.actor, e.operation, e.causation_id, e.originator_id, e.correlation_id,
                e.recorded_at, (select max(v.originator_version) from events v
                    where v.position between c.first_position and c.last_position
                        and v.originator_id = e.originator_id))
        or c.status >= 400 or c.last_position - c.first_position + 1 is distinct from l.ordinal::bigint
        or exists (select from events n where n.position = c.last_position + 1 and n.ordinal <> 1)
        or e.command_hash is distinct from sha256(
            c.fingerprint || convert_to(format(E'\n%%s\n%%s', c.status, c.body), 'UTF8')))
    order by e.position limit 1
"""
