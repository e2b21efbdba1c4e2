"""Readiness checks behind `/health/ready`, collected from the packages that own them."""

import asyncio
from collections.abc import Awaitable

import msgspec
import psycopg
from loguru import logger

import analytics.follower.lag
import analytics.webhooks.status
import audit.proofs.readiness
import audit.self_audit.status
import database.readiness
import database.task_failures
from database import head
from database.connection import Connection
from database.readiness import Check
from ledger.ledger import Ledger
from ledger.readiness import writer_check
from ledger.submission import Overloaded, Unavailable
from projections.due_work import payments_check, sweep_check


class Readiness(msgspec.Struct, frozen=True):
    """Result of all checks. `ok` is true if every vital check passed."""

    ok: bool
    position: int
    checks: list[Check]


def without_details(checks: list[Check]) -> list[Check]:
    """Return the checks with empty details, which tell how the ledger is run and what can harm it."""
    return [msgspec.structs.replace(check, detail="") for check in checks]


async def check_readiness(ledger: Ledger) -> Readiness:
    """Run all checks within the deadline. Never raises: a database that does not answer is a failed check."""
    try:
        async with asyncio.timeout(ledger.settings.deadline_seconds), ledger.read() as connection:
            return await _run_checks(connection, ledger)
    except (Overloaded, Unavailable, TimeoutError, psycopg.Error):
        return Readiness(False, 0, [Check("database", False, ledger.obstacle or "does not answer")])


async def _run_checks(connection: Connection, ledger: Ledger) -> Readiness:
    settings = ledger.settings
    position = await head.position(connection)
    schema = await _run("schema", database.readiness.schema(connection))
    checks = [
        Check("database", True, "answers"),
        await _run("durability", database.readiness.durability(connection)),
        schema,
        # Views commit in the transaction of their events, so they cannot lag.
        Check("projections", True, "lag 0 events: written in the block's own transaction"),
        await _run("sweep", sweep_check(connection, settings)),
        await _run("checkpoints", audit.proofs.readiness.check(connection, settings.checkpoints)),
    ]
    if schema.ok:
        writing = writer_check(connection, ledger.writer_progress, settings.deadline_seconds)
        checks.append(await _run("writer", writing))
        checks.append(await _run("analytics", analytics.follower.lag.check(connection), vital=False))
        checks.append(await _run("webhooks", analytics.webhooks.status.check(connection), vital=False))
        checks.append(await _run("self-audit", audit.self_audit.status.check(connection), vital=False))
        checks.append(await _run("tasks", database.task_failures.check(connection), vital=False))
    if settings.gateway:
        checks.append(await _run("payments", payments_check(connection, settings.gateway)))
    return Readiness(all(check.ok for check in checks if check.vital), position, checks)


async def _run(name: str, check: Awaitable[Check], vital: bool = True) -> Check:
    """Run one check. An error in it is its result, and does not hide the others.

    Raises TimeoutError, and psycopg.OperationalError if the database no longer answers.
    """
    try:
        return await check
    except (TimeoutError, psycopg.OperationalError):
        raise
    except Exception as error:
        logger.bind(check=name, error=repr(error)).error("readiness.failed")
        return Check(name, False, f"the check itself fails: {type(error).__name__}", vital)
