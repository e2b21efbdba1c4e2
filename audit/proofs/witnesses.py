"""Comparison of the log with the checkpoints at hand: those in the database, and in the signer's file.

A log that lacks what a checkpoint saw is an older copy, or was tampered with. A command accepted into it
would make two histories out of one, so the comparison comes before the first command.
"""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from loguru import logger

from audit.proofs.checkpoint_file import Stated, read_last_checkpoint, read_stated
from audit.proofs.not_proved import NotProved
from audit.proofs.publishing import is_url
from database.connection import Connection, Unusable
from runtime.failures import CommandFailed

READ_SECONDS_MAX = 5

COMPARED = "_SEATLEDGER_COMPARED"
"""Variable that tells workers that the start of their program has compared the log. It is not a setting."""


class LogDiverged(CommandFailed, Unusable):
    """The log is not the one that a checkpoint saw. Nothing is written to it."""


async def require_fit(connection: Connection, sink: str | None) -> None:
    """Compare the log with every checkpoint at hand. Raises LogDiverged, NotProved and OSError for the file.

    A file that is missing is a new one. A URL takes checkpoints and returns none, so it is not asked.
    """
    file = _file(sink)
    await _compare(connection, _EVERY, await asyncio.to_thread(read_stated, file) if file else [], file)


def comparison(sink: str | None) -> Callable[[Connection], Awaitable[None]] | None:
    """Return `require_fit` if the start of the program had no database to compare, else None."""
    return None if COMPARED in os.environ else partial(require_fit, sink=sink)


def admission(sink: str | None) -> Callable[[Connection], Awaitable[None]]:
    """Return a check for each new connection of the writer: `require_fit` for the latest checkpoints only.

    A file that cannot be read now stops no bookings, because the start of the program has read it.
    """

    async def check(connection: Connection) -> None:
        file = _file(sink)
        await _compare(connection, _LATEST, await _read_last(file) if file else [], file)

    return check


async def find_misfit(connection: Connection, sink: str | None) -> str | None:
    """Return how the log differs from the last checkpoint in the file, or None. Raises psycopg.Error."""
    file = _file(sink)
    return await _misfit(connection, _GIVEN, await _read_last(file), file) if file else None


async def _read_last(file: Path) -> list[Stated]:
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            last = await asyncio.to_thread(read_last_checkpoint, file)
    except (NotProved, OSError) as problem:
        logger.bind(error=str(problem)).warning("checkpoints.not_read")
        return []
    return [Stated(last.position, last.hash)] if last else []


def _file(sink: str | None) -> Path | None:
    return None if sink is None or is_url(sink) else Path(sink)


async def _compare(connection: Connection, stated: str, given: list[Stated], file: Path | None) -> None:
    if misfit := await _misfit(connection, stated, given, file):
        raise LogDiverged(f"{misfit}. {_ADVICE}")


async def _misfit(connection: Connection, stated: str, given: list[Stated], file: Path | None) -> str | None:
    positions, hashes = [one.position for one in given], [bytes.fromhex(one.hash) for one in given]
    statement = f"{_HEAD} ({stated}) {_MISFIT}".encode()
    row = await (await connection.execute(statement, (positions, hashes))).fetchone()
    if row is None:
        return None
    position, is_given, head = row
    where = f"in {file}" if is_given else "in the database"
    if position > head:
        return (
            f"the log ends at position {head}, but a checkpoint saw position {position} ({where}):"
            " the tail of the log is gone"
        )
    return (
        f"the log up to position {position} is not what a checkpoint saw ({where});"
        " `seatledger verify` tells whether the log or the checkpoint was altered"
    )


_ADVICE = (
    "No command is accepted into an older or changed log. Restore a newer copy; or, to go on from this one on"
    " purpose, name a new file in SEATLEDGER_CHECKPOINTS and keep the old one (docs/how-to/operations.md)"
)

_GIVEN = "select unnest(%s::bigint[]) as position, unnest(%s::bytea[]) as hash, true as given"
_EVERY = f"{_GIVEN} union all select position, hash, false from checkpoints"
_LATEST = f"""{_GIVEN} union all (
    select position, hash, false from checkpoints order by position desc, time desc limit 1)"""

_HEAD = "select s.position, given, coalesce((select max(position) from events), 0) from"
# By index, however many there are: a join would be planned as a scan of the log.
_MISFIT = """
    as s where (select e.hash from events e where e.position = s.position) is distinct from s.hash
    order by s.position limit 1"""
