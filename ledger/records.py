"""The recorded outcome of a command."""

from datetime import datetime
from uuid import UUID

import msgspec

from database.table import ArrayTable, BigInt, Integer, SmallInt, columns_of


class RecordedCommand(msgspec.Struct, frozen=True):
    """One row of ledger.commands: the outcome of an accepted or refused command. Rows are never deleted."""

    actor: str
    operation: str
    key: str
    fingerprint: bytes
    status: SmallInt
    body: str
    subject_id: UUID | None
    version: Integer
    first_position: BigInt | None
    last_position: BigInt
    correlation_id: str
    recorded_at: datetime


COMMANDS: ArrayTable[RecordedCommand] = ArrayTable("commands", columns_of(RecordedCommand))
