"""The input of a block, read under the head lock."""

from dataclasses import dataclass

from domain.working_set import WorkingSet
from ledger.block_people import BlockPeople
from ledger.records import RecordedCommand
from ledger.submission import CommandKey


@dataclass(slots=True)
class BlockInput:
    """The head of the log, recorded outcomes, and everything that the commands of a block may touch."""

    position: int
    hash: bytes
    commands: dict[CommandKey, RecordedCommand]
    working_set: WorkingSet
    people: BlockPeople
