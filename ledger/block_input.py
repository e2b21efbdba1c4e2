"""The state that a block is decided on, read under the head lock."""

from dataclasses import dataclass

from domain.working_set import WorkingSet
from ledger.people import BlockPeople
from ledger.records import RecordedCommand
from ledger.submission import CommandKey


@dataclass(slots=True)
class BlockInput:
    """The head of the log, and everything that the commands of a block may touch.

    `people` is None without a master key: tests and simulations use pseudonyms only.
    """

    position: int
    hash: bytes
    commands: dict[CommandKey, RecordedCommand]
    working_set: WorkingSet
    people: BlockPeople | None = None
