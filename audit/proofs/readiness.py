"""Readiness check: the log still agrees with the signed checkpoints."""

from audit.proofs.witnesses import find_misfit
from database.connection import Connection
from database.readiness import Check, fetch_one, seconds_ago


async def check(connection: Connection, sink: str | None = None) -> Check:
    """Fail if the log lost or changed signed events, so that the damage is not built upon.

    The last checkpoint in the database counts, and the last one in the file `sink`, if it is one.
    """
    now, refusal, position, time, fits, head = await fetch_one(connection, _CHECKPOINTS)
    if refusal is not None:
        return Check("checkpoints", False, refusal)
    if misfit := await find_misfit(connection, sink):
        return Check("checkpoints", False, misfit)
    if position is None:
        return Check("checkpoints", True, "none yet")
    if fits is None:
        return Check(
            "checkpoints",
            False,
            f"the log ends at position {head}, but a checkpoint saw {position}: the tail of the log is gone",
        )
    if not fits:
        return Check(
            "checkpoints",
            False,
            f"the log up to position {position} is not what the last checkpoint saw;"
            " `seatledger verify` tells whether the log or the checkpoint was altered",
        )
    return Check("checkpoints", True, f"last at position {position}, {seconds_ago(now, time)}")


_CHECKPOINTS = """
    select clock_timestamp(), (select reason from checkpoint_refusals order by at desc limit 1),
        last.position, last.time,
        (select e.hash = last.hash from events e where e.position = last.position),
        coalesce((select position from events order by position desc limit 1), 0)
    from (select) as one left join lateral (
        select position, hash, time from checkpoints order by position desc, time desc limit 1
    ) as last on true
"""
