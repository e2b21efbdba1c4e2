"""The recorded outcome of a command."""

from datetime import datetime
from uuid import UUID

import msgspec


class RecordedCommand(msgspec.Struct, frozen=True):
    """One row of ledger.commands: the outcome of a command, kept for ever."""

    actor: str
    operation: str
    key: str
    fingerprint: bytes
    status: int
    body: str
    subject_id: UUID | None
    version: int
    first_position: int | None
    last_position: int
    correlation_id: str
    recorded_at: datetime
