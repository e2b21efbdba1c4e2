"""Commands of a sandbox."""

import re
from typing import Annotated

from msgspec import Meta

from domain.commands.base import Command
from domain.read_set import ReadSet

ADVANCE_DAYS_MAX = 400
_ADVANCE_SECONDS_MAX = ADVANCE_DAYS_MAX * 86_400
_DURATION = (
    r"^P(?=[0-9T])(?:([0-9]{1,3})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,4})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8})S)?)?(?!\n)$"
)
Advance = Annotated[
    str,
    Meta(
        pattern=_DURATION,
        description=f"ISO 8601 duration in D, H, M and S, from one second to {ADVANCE_DAYS_MAX} days",
        examples=["PT10M"],
    ),
]


class AdvanceClock(Command):
    """Move the clock of a sandbox forward. Raises ValueError for a duration that is too short or too long."""

    OPERATION = "advance_clock"

    advance: Advance

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= _ADVANCE_SECONDS_MAX:
            raise ValueError(f"advance: must be from 1 second to {ADVANCE_DAYS_MAX} days")

    @property
    def seconds(self) -> int:
        found = re.match(_DURATION, self.advance)
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0,) * 4
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    def add_reads(self, read_set: ReadSet) -> None:
        """A move of the clock reads nothing: the block has the time."""
