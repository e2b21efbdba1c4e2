"""The auditor: a bounded amount of work on the self-audit each second."""

from time import monotonic

import psycopg
from loguru import logger

from audit.self_audit.rounds import STEP_SECONDS_MAX, step
from database.connection import PersistentConnection, socket_deadline

WORK_SECONDS = 0.25
"""Work in each second: a quarter of a core at most while the audit catches up."""

REST_SECONDS = 5
"""Pause after an error."""


class Auditor:
    """Runs self-audit steps. Any number may run: the database admits one step at a time for all."""

    def __init__(self, url: str) -> None:
        self._connection = PersistentConnection(url, "seatledger self-audit")
        self._resting_until = 0.0
        self._interrupted = False

    async def run(self) -> None:
        """Work for WORK_SECONDS. Log the first of several database errors; raise none of them."""
        stop = monotonic() + WORK_SECONDS
        try:
            while self._resting_until <= monotonic() < stop:
                connection = await self._connection.get()
                with socket_deadline(connection, STEP_SECONDS_MAX):
                    self._resting_until = monotonic() + await step(connection)
        except (psycopg.Error, TimeoutError) as error:
            await self._pause(error)
        else:
            if self._interrupted:
                logger.info("self_audit.back")
            self._interrupted = False

    async def close(self) -> None:
        await self._connection.close()

    async def _pause(self, error: Exception) -> None:
        if not self._interrupted:
            logger.bind(error=repr(error)).warning("self_audit.interrupted")
        self._interrupted = True
        self._resting_until = monotonic() + REST_SECONDS
        await self._connection.drop_if_broken()
