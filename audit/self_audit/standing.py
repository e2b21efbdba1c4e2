"""How the self-audit stands: for readiness, for measurements and for `seatledger self-audit`."""

from datetime import datetime
from typing import LiteralString

import msgspec

from database.connection import Connection
from database.readiness import Check

AGE_SECONDS_MAX = 120
"""A last full round that ended longer ago is unhealthy; one begins every half minute at the latest."""


class Standing(msgspec.Struct, frozen=True):
    """`first_bad_position`: the lowest position where views differ from the log, and `reason` what differs.

    `rows` were compared in the last full round, which began at `position` and ended `age_seconds` ago; where
    there was none yet, the age is that of the log.
    """

    ok: bool
    first_bad_position: int | None
    reason: str | None
    bad_since: datetime | None
    position: int
    rows: int
    age_seconds: float

    @property
    def is_old(self) -> bool:
        return self.age_seconds > AGE_SECONDS_MAX

    @property
    def in_words(self) -> str:
        """For everybody who may ask for readiness: no reason, because one may quote the log."""
        compared = f"{self.rows} rows compared as of position {self.position}, {self.age_seconds:.0f} s ago"
        if self.first_bad_position is None:
            return compared
        return f"DIVERGENT from the log at position {self.first_bad_position}; {compared}"


async def standing(connection: Connection) -> Standing:
    row = await (await connection.execute(_STANDING)).fetchone()
    assert row is not None
    return Standing(row[0] is None, *row)


async def check(connection: Connection) -> Check:
    """Not ok when views differ from the log, or nobody looks. What is decided rests on the log, and which row
    is right is for people to say: taking the API out of service would not mend it.
    """
    now = await standing(connection)
    return Check("self-audit", now.ok and not now.is_old, now.in_words, vital=False)


_STANDING: LiteralString = """
    select first_bad_position, reason, bad_since, coalesce(finished_position, 0), coalesce(rows, 0),
        coalesce(extract(epoch from clock_timestamp() - coalesce(
            finished_at, (select recorded_at from ledger.events order by position limit 1))), 0)::float8
    from ledger.self_audit
"""
