"""The input of a block, read under the head lock."""

from dataclasses import dataclass

from domain.working_set import WorkingSet
from ledger.people import BlockPeople
from ledger.records import RecordedCommand
from ledger.submission import CommandKey


@dataclass(slots=True)
class BlockInput:
    """The head of the log, recorded outcomes, and everything that the commands of a block may touch.

    `people` is None without a master key; names then count as pseudonyms.
    """

    position: int
    hash: bytes
    commands: dict[CommandKey, RecordedCommand]
    working_set: WorkingSet
    people: BlockPeople | None = None
