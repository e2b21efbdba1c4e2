"""The auditor: at each pulse some work on the self-audit, and no more than that."""

from time import monotonic

import psycopg
from loguru import logger

from audit.self_audit.rounds import STEP_SECONDS_MAX, step
from database.connection import PersistentConnection, socket_deadline

WORK_SECONDS = 0.25
"""Of each pulse, a second: a quarter of a core at most, while it has much to catch up with."""

REST_SECONDS = 5
"""After trouble."""


class Auditor:
    """Any number may run: the database lets one at a time do a step, and all share the rounds."""

    def __init__(self, url: str) -> None:
        self._kept = PersistentConnection(url, "seatledger self-audit")
        self._resting_until = 0.0
        self._troubled = False

    async def run(self) -> None:
        """Trouble that passes is told once, and raises nothing."""
        stop = monotonic() + WORK_SECONDS
        try:
            while self._resting_until <= monotonic() < stop:
                connection = await self._kept.get()
                with socket_deadline(connection, STEP_SECONDS_MAX):
                    self._resting_until = monotonic() + await step(connection)
        except (psycopg.Error, TimeoutError) as error:
            await self._trouble(error)
        else:
            if self._troubled:
                logger.info("self_audit.back")
            self._troubled = False

    async def close(self) -> None:
        await self._kept.close()

    async def _trouble(self, error: Exception) -> None:
        if not self._troubled:
            logger.bind(error=repr(error)).warning("self_audit.interrupted")
        self._troubled = True
        self._resting_until = monotonic() + REST_SECONDS
        await self._kept.drop_if_broken()
