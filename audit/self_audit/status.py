"""Status of the self-audit, for readiness, metrics and `seatledger self-audit`."""

from datetime import datetime
from typing import LiteralString

import msgspec

from database.connection import Connection
from database.readiness import Check

AGE_SECONDS_MAX = 120
"""Age at which the last full round is unhealthy. A round begins at least every half minute."""


class AuditStatus(msgspec.Struct, frozen=True):
    """`first_bad_position` is the lowest position where views differ from the log, `reason` the difference.

    `rows` is the number of rows compared in the last full round, which began at `position` and ended
    `age_seconds` ago. Before the first round, the age is that of the log.
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
    def summary(self) -> str:
        """One line for readiness, which is public; without the reason, which may quote the log."""
        compared = f"{self.rows} rows compared as of position {self.position}, {self.age_seconds:.0f} s ago"
        if self.first_bad_position is None:
            return compared
        return f"DIVERGENT from the log at position {self.first_bad_position}; {compared}"


async def read_status(connection: Connection) -> AuditStatus:
    row = await (await connection.execute(_STATUS)).fetchone()
    assert row is not None
    return AuditStatus(row[0] is None, *row)


async def check(connection: Connection) -> Check:
    """Fail if views differ from the log, or if no round has ended lately.

    The check is not vital: commands are decided on the log, and stopping the API would not repair a view.
    """
    now = await read_status(connection)
    return Check("self-audit", now.ok and not now.is_old, now.summary, vital=False)


_STATUS: LiteralString = """
    select first_bad_position, reason, bad_since, coalesce(finished_position, 0), coalesce(rows, 0),
        coalesce(extract(epoch from pg_catalog.clock_timestamp() - coalesce(
            finished_at, (select recorded_at from events order by position limit 1))), 0)::float8
    from (select) as one left join self_audit on true
"""
