"""The ledger's log, its recorded outcomes and its seat counts, read by the checker's own SQL."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg

Key = tuple[str, str, str]
"""Actor, operation, idempotency key."""

LEDGER = "seatledger"
"""The actor of the ledger's own commands."""

OWN_OPERATIONS = frozenset(
    {
        "expire_hold",
        "cancel_with_flight",
        "offer_seats",
        "hold_offer",
        "close_waiting",
        "record_payment",
        "record_itinerary_payment",
        "record_refund",
    }
)
"""Every operation of the ledger's own commands."""


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
    def is_own(self) -> bool:
        """Is it from one of the ledger's own commands?"""
        return self.actor == LEDGER and self.operation in OWN_OPERATIONS

    def __str__(self) -> str:
        return f"{self.topic} at position {self.position} ({self.recorded_at:%H:%M:%S.%f}, key {self.key})"


class Outcome(msgspec.Struct, frozen=True):
    """One row of ledger.commands. The ledger's own commands bear the correlation id of their cause."""

    actor: str
    operation: str
    key: str
    status: int
    body: str
    first_position: int | None
    last_position: int
    recorded_at: datetime
    correlation_id: str = ""

    @property
    def command(self) -> Key:
        return self.actor, self.operation, self.key

    @property
    def is_own(self) -> bool:
        """Is it of one of the ledger's own commands?"""
        return self.actor == LEDGER and self.operation in OWN_OPERATIONS

    @property
    def accepted(self) -> bool:
        return self.first_position is not None


class SeatCount(msgspec.Struct, frozen=True):
    """One row of ledger.seats."""

    flight: UUID
    seats: int
    held: int
    booked: int
    overbooking: int = 0


class Log(msgspec.Struct, frozen=True):
    """Events in the order of their positions, all outcomes, and the seat count of each flight.

    `seats` is None where a history comes without counts.
    """

    events: list[Event]
    outcomes: list[Outcome]
    seats: list[SeatCount] | None = None


def read_log(url: str, schema: str = "ledger") -> Log:
    """Read everything in the ledger's schema from one snapshot. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("select set_config('search_path', %s, true)", (schema,))
        connection.execute("set local timezone to 'UTC'")
        return Log(
            [Event(*row) for row in connection.execute(_EVENTS).fetchall()],
            [Outcome(*row) for row in connection.execute(_OUTCOMES).fetchall()],
            [SeatCount(*row) for row in connection.execute(_SEATS).fetchall()],
        )


def save_log(log: Log, path: Path) -> None:
    path.write_bytes(msgspec.json.encode(log))


def load_log(path: Path) -> Log:
    return msgspec.json.decode(path.read_bytes(), type=Log)


_EVENTS = """
    select position, originator_id, originator_version, topic, state::json, actor, operation, causation_id,
        recorded_at
    from events order by position
"""
_OUTCOMES = """
    select actor, operation, key, status, body, first_position, last_position, recorded_at, correlation_id
    from commands
"""
_SEATS = "select flight_id, seats, held, booked, overbooking from seats"
