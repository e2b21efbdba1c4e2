"""What is recorded of commands, and what a block starts from."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from domain.working_set import WorkingSet
from ledger.submission import CommandKey

if TYPE_CHECKING:
    from ledger.people import BlockPeople


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


@dataclass(slots=True)
class Loaded:
    """What a block starts from, read under the head lock: the head of the log and all that it may touch.

    `register` is None where there is no master key: tests and simulations know nobody but by pseudonyms.
    """

    position: int
    hash: bytes
    commands: dict[CommandKey, RecordedCommand]
    world: WorkingSet
    register: "BlockPeople | None" = None
