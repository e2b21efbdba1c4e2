"""Open a ledger as soon as its database is there: the process lives meanwhile, and tries again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
from loguru import logger

from database.connection import Unusable, describe_refusal
from database.pool import Pools
from database.registry import ONLY_MAIN, LedgerEntry
from database.schema import MigrationBlocked, SchemaMismatch
from ledger.ledger import Ledger
from ledger.people import OtherMasterKey
from ledger.store import Admission
from runtime.settings import Settings, WrongSetting

RETRY_SECONDS = 1.0

Prepare = Callable[[], object]
"""Brings the database to the current schema, and binds it to the master key. Called in a thread."""


@asynccontextmanager
async def open_when_reachable(
    url: str,
    settings: Settings,
    prepare: Prepare,
    compare: Admission | None = None,
    admit: Admission | None = None,
    entry: LedgerEntry = ONLY_MAIN[0],
    pools: Pools | None = None,
) -> AsyncIterator[Ledger]:
    """Yield the ledger: open if its database is ready for it now, else it opens as soon as that is so.

    It opens after `compare` has found that the log fits the checkpoints, and before its first command.
    """
    ledger = Ledger(url, settings, admit, entry, pools)
    opening = None
    if not await try_to_open(ledger, prepare, compare):
        opening = asyncio.create_task(open_with_retries(ledger, prepare, compare), name="ledger opening")
    try:
        yield ledger
    finally:
        if opening is not None:
            opening.cancel()
        await ledger.close()


async def open_with_retries(ledger: Ledger, prepare: Prepare, compare: Admission | None = None) -> None:
    """Prepare the database and open the ledger, as often as it takes. Any failure may pass."""
    while True:
        if await try_to_open(ledger, prepare, compare):
            return
        await asyncio.sleep(RETRY_SECONDS)


async def try_to_open(ledger: Ledger, prepare: Prepare, compare: Admission | None) -> bool:
    """Return whether the ledger is open now. Log each new reason why it is not."""
    try:
        try:
            async with ledger.pool.place(ledger.settings.deadline_seconds):
                await asyncio.to_thread(prepare)
        except MigrationBlocked:
            raise
        except SchemaMismatch as mismatch:
            # Workers of an older program go on during an upgrade; readiness names the difference.
            logger.bind(error=str(mismatch)).error("schema.mismatch")
        await ledger.open(compare)
    except Exception as error:
        obstacle = _describe(error)
        if obstacle != ledger.obstacle:
            logger.bind(error=str(error) or repr(error)).warning("database.awaited")
        ledger.obstacle = obstacle
        return False
    if ledger.obstacle is not None:
        logger.info("database.back")
    ledger.obstacle = None
    return True


def _describe(error: Exception) -> str:
    """Return the reason for readiness, which is public: without names of hosts, users and databases."""
    if isinstance(error, (WrongSetting, OtherMasterKey, Unusable)):
        return str(error)
    if isinstance(error, psycopg.OperationalError):
        return describe_refusal(error) or "does not answer"
    return f"is not ready for this program: {type(error).__name__}"
