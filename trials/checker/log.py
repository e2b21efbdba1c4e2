"""What the judge reads of the ledger: its log and its outcomes, by SQL of its own, and nothing else."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg

Key = tuple[str, str, str]
"""Actor, operation, idempotency key."""

LEDGER = "seatledger"
"""The actor of what the ledger does by itself."""

OWN_OPERATIONS = frozenset({"expire_hold", "cancel_with_flight"})
"""All that it ever does by itself."""


class Event(msgspec.Struct, frozen=True):
    position: int
    subject: UUID
    version: int
    topic: str
    state: dict[str, Any]
    actor: str
    operation: str
    key: str
    recorded_at: datetime

    @property
    def command(self) -> Key:
        return self.actor, self.operation, self.key

    @property
    def is_the_ledgers_own(self) -> bool:
        return self.actor == LEDGER and self.operation in OWN_OPERATIONS

    def __str__(self) -> str:
        return f"{self.topic} at position {self.position} ({self.recorded_at:%H:%M:%S.%f}, key {self.key})"


class Outcome(msgspec.Struct, frozen=True):
    """One row of ledger.commands."""

    actor: str
    operation: str
    key: str
    status: int
    body: str
    first_position: int | None
    last_position: int
    recorded_at: datetime

    @property
    def command(self) -> Key:
        return self.actor, self.operation, self.key

    @property
    def is_the_ledgers_own(self) -> bool:
        return self.actor == LEDGER and self.operation in OWN_OPERATIONS

    @property
    def accepted(self) -> bool:
        return self.first_position is not None


class Log(msgspec.Struct, frozen=True):
    """Events in the order of their positions, and every recorded outcome."""

    events: list[Event]
    outcomes: list[Outcome]


def read_log(url: str) -> Log:
    """Everything, from one snapshot. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local timezone to 'UTC'")
        return Log(
            [Event(*row) for row in connection.execute(_EVENTS).fetchall()],
            [Outcome(*row) for row in connection.execute(_OUTCOMES).fetchall()],
        )


def save(log: Log, path: Path) -> None:
    path.write_bytes(msgspec.json.encode(log))


def saved(path: Path) -> Log:
    return msgspec.json.decode(path.read_bytes(), type=Log)


_EVENTS = """
    select position, originator_id, originator_version, topic, state::json, actor, operation, causation_id,
        recorded_at
    from ledger.events order by position
"""
_OUTCOMES = """
    select actor, operation, key, status, body, first_position, last_position, recorded_at
    from ledger.commands
"""
