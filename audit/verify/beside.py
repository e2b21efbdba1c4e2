"""Checks beside the log and its views: refusals, erasures, migrations, and the objects of the schema."""

from collections.abc import Iterator
from typing import LiteralString

from audit.verify.snapshot import Connection
from database.objects import differing_objects
from database.schema import migrations

# An erasure deletes the keys and records itself in one transaction; a repeated one keeps the first record.
_ERASURES: LiteralString = """
    select case
        when p.person is null then 'an erasure is recorded of a person that table people lacks'
        when p.forgotten_at is null
            then 'an erasure is recorded of ' || p.person || ', whose key is still there'
        else 'the erasure of ' || p.person || ' is recorded after its key was deleted, or before the person'
        end
    from forgotten f left join people p on p.person = f.person
    where p.forgotten_at is null or f.forgotten_at > p.forgotten_at or f.forgotten_at < p.first_seen_at
    order by f.person limit 1
"""
# Rows without a first position are read by the index commands_refused. Time in the log never goes back, so a
# refusal lies between the events before and after it.
NO_REFUSAL: LiteralString = """
    select c.operation, case
        when c.status < 400 then 'a command was accepted, but the log has no event of it'
        when c.subject_id is not null or c.version <> 0 then 'a refusal changes nothing, but names a subject'
        else 'a refusal has another time than the events before and after it' end
    from commands c
        left join events before on before.position = c.last_position
        left join events next on next.position = c.last_position + 1
    where c.first_position is null and (c.status < 400 or c.subject_id is not null or c.version <> 0
        or c.recorded_at < before.recorded_at or c.recorded_at > next.recorded_at
        or (before.position is null and c.last_position <> 0))
    order by c.recorded_at limit 1
"""
_MIGRATIONS: LiteralString = "select version, name, sha256 from migrations order by version"


def find_beside(connection: Connection) -> Iterator[str]:
    """Yield what is wrong beside the log, as reasons."""
    for operation, reason in connection.execute(NO_REFUSAL).fetchall():
        yield f"{reason}: operation {operation!r} in table commands"
    for (reason,) in connection.execute(_ERASURES).fetchall():
        yield reason
    applied = connection.execute(_MIGRATIONS).fetchall()
    if applied != [(one.version, one.name, one.sha256) for one in migrations()]:
        yield "table migrations does not list the migrations of this program: run `seatledger migrate`"
    yield from differing_objects(connection)
