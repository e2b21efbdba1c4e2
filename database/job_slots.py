"""Jobs that the clock starts: a slot runs once for any number of schedulers, and again if cut short."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import LiteralString, NamedTuple

from database.connection import Connection, socket_deadline

RUN_SECONDS_MAX = 60
"""Work that takes longer is given up, and taken up again where it stopped."""

FROZEN_SECONDS_MAX = RUN_SECONDS_MAX + 15
"""A scheduler silent for so long in mid-run loses its lock."""

ANSWER_SECONDS_MAX = 5


class Pulse(NamedTuple):
    """The database's clock, and the latest slot of a job that was run."""

    now: datetime
    last_slot: datetime | None


async def run_slot(
    connection: Connection, job: str, slot: datetime, work: Callable[[], Awaitable[int]]
) -> int | None:
    """Do the slot's work, then record the slot; what `work` returned, or None when there is nothing to do.

    That is when another scheduler is at it, or when this slot or a later one has been run. `connection` is
    a direct one in autocommit mode, and closed by the caller whatever happens: a transaction left open ends
    with it, nothing is recorded, and the next scheduler runs the slot again.

    The lock saves effort, it does not guard the outcome. A scheduler that freezes loses it and may wake up
    beside its successor: the ledger then decides each of its commands like anybody else's, so a hold that has
    been paid or expired meanwhile is refused, and the record of the slot fails with the lost transaction.
    Raises psycopg.Error, TimeoutError, and whatever `work` raises.
    """
    with socket_deadline(connection, ANSWER_SECONDS_MAX):
        await connection.execute("begin")
        await connection.execute(_LIMIT)
        if not await _yes(connection, _LOCK, job=job) or await _yes(connection, _WAS_RUN, job=job, slot=slot):
            await connection.execute("rollback")
            return None
    async with asyncio.timeout(RUN_SECONDS_MAX):
        done = await work()
    with socket_deadline(connection, ANSWER_SECONDS_MAX):
        await connection.execute(_RECORD, (job, slot, done))
        await connection.execute("commit")
    return done


async def beat(connection: Connection, name: str, job: str) -> Pulse:
    """Tell that the process called `name` is alive, and ask where `job` stands, in one round trip."""
    row = await (await connection.execute(_BEAT, (name, job))).fetchone()
    assert row is not None
    return Pulse(*row)


async def _yes(connection: Connection, statement: LiteralString, **parameters: object) -> bool:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return bool(row[0])


_LIMIT: LiteralString = f"set local idle_in_transaction_session_timeout = '{FROZEN_SECONDS_MAX}s'"

_LOCK = "select pg_try_advisory_xact_lock(x'5ea7'::int, hashtext(%(job)s::text))"

# A slot in the future was recorded by a clock that has been put right since: it holds nothing up.
_WAS_RUN = """
    select exists (select from ledger.job_runs
        where job = %(job)s and slot between %(slot)s and greatest(%(slot)s, (select clock_timestamp())))
"""

_RECORD = """
    insert into ledger.job_runs (job, slot, finished_at, done) values (%s, %s, clock_timestamp(), %s)
    on conflict do nothing
"""

_BEAT = """
    with beat as (
        insert into ledger.heartbeats (name, at) values (%s, clock_timestamp())
        on conflict (name) do update set at = excluded.at
    )
    select clock_timestamp(), (
        select max(slot) from ledger.job_runs where job = %s and slot <= (select clock_timestamp()))
"""
