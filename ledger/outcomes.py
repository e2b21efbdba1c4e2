"""Recorded outcomes of commands, found by their keys."""

from datetime import datetime

import msgspec

from database.connection import Connection
from ledger.people import find_people
from ledger.personal_json import names_in
from ledger.submission import CommandKey


class Outcome(msgspec.Struct, frozen=True):
    """The recorded result of a command. `body` is the answer; `first_position` is null after a refusal."""

    actor: str
    operation: str
    key: str
    status: int
    body: msgspec.Raw
    first_position: int | None
    last_position: int
    correlation_id: str
    recorded_at: datetime


async def find_outcome(connection: Connection, key: CommandKey) -> Outcome | None:
    """Return the outcome, with tokens for people and their texts (see `ledger.keyring`)."""
    row = await (await connection.execute(_OUTCOME, key, prepare=True)).fetchone()
    if row is None:
        return None
    actor, operation, name, status, body, subject_id, *places = row
    people = await find_people(connection, {actor, *names_in(body)}, [subject_id] if subject_id else [])
    answer = msgspec.Raw(people.tokenise(body.encode(), subject_id))
    return Outcome(people.name_token(actor), operation, name, status, answer, *places)


_OUTCOME = """
    select actor, operation, key, status, body, subject_id,
        first_position, last_position, correlation_id, recorded_at
    from commands where actor = %s and operation = %s and key = %s
"""
