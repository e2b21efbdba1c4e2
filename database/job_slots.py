"""Slots of scheduled jobs: each runs once for any number of schedulers, and again after an interruption."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import LiteralString, NamedTuple

from database.connection import Connection, socket_deadline

RUN_SECONDS_MAX = 60
"""Longer work is cut off; the next run continues where it stopped."""

FROZEN_SECONDS_MAX = RUN_SECONDS_MAX + 15
"""A scheduler that sends nothing for this long during a run loses its lock."""

ANSWER_SECONDS_MAX = 5


class Heartbeat(NamedTuple):
    """The time of the database, and the latest slot of a job that was run."""

    now: datetime
    last_slot: datetime | None


async def run_slot(
    connection: Connection, job: str, slot: datetime, work: Callable[[], Awaitable[int]]
) -> int | None:
    """Do the work of a slot and record the slot. Return the result of `work`, or None if it was not run.

    It is not run while another scheduler runs the job, or after this slot or a later one was run.
    `connection` is a direct one in autocommit mode. The caller closes it in any case: that ends an open
    transaction without a record, and the next scheduler runs the slot again.

    The lock saves effort; correctness does not depend on it. A frozen scheduler loses the lock and may resume
    beside its successor. The ledger then decides its commands like all others, so the expiry of a hold that
    was paid or expired meanwhile is refused, and recording the slot fails with the lost transaction.
    Raises psycopg.Error, TimeoutError, and the errors of `work`.
    """
    with socket_deadline(connection, ANSWER_SECONDS_MAX):
        await connection.execute(_REGISTER, (job,))
        await connection.execute("begin")
        await connection.execute(_LIMIT)
        locked = await (await connection.execute(_LOCK, (job,))).fetchone()
        if locked is None or await _test(connection, _WAS_RUN, job=job, slot=slot):
            await connection.execute("rollback")
            return None
    async with asyncio.timeout(RUN_SECONDS_MAX):
        done = await work()
    with socket_deadline(connection, ANSWER_SECONDS_MAX):
        await connection.execute(_RECORD, (job, slot, done))
        await connection.execute("commit")
    return done


async def record_heartbeat(connection: Connection, name: str, job: str) -> Heartbeat:
    """Record that the process `name` is alive, and return the time and the latest slot of `job`."""
    row = await (await connection.execute(_BEAT, (name, job))).fetchone()
    assert row is not None
    return Heartbeat(*row)


async def _test(connection: Connection, statement: LiteralString, **parameters: object) -> bool:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return bool(row[0])


_LIMIT: LiteralString = f"set local idle_in_transaction_session_timeout = '{FROZEN_SECONDS_MAX}s'"

_REGISTER = "insert into jobs (job) values (%s) on conflict do nothing"

_LOCK = "select job from jobs where job = %s for update skip locked"

# A slot in the future was recorded under a wrong clock that was corrected since; it is ignored.
_WAS_RUN = """
    select exists (select from job_runs
        where job = %(job)s and slot between %(slot)s and greatest(%(slot)s, (select clock_timestamp())))
"""

_RECORD = """
    insert into job_runs (job, slot, finished_at, done) values (%s, %s, pg_catalog.clock_timestamp(), %s)
    on conflict do nothing
"""

_BEAT = """
    with beat as (
        insert into heartbeats (name, at) values (%s, pg_catalog.clock_timestamp())
        on conflict (name) do update set at = excluded.at
    )
    select clock_timestamp(), (
        select max(slot) from job_runs where job = %s and slot <= (select clock_timestamp()))
"""
