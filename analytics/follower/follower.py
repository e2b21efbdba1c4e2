"""The follower loop: bring every projection up to the head, park on poison, reconnect."""

import psycopg
from loguru import logger

from analytics.facts import PROJECTIONS, Projection
from analytics.follower.batch import SEVERED_SECONDS, advance_or_park
from database.connection import PersistentConnection, socket_deadline

BATCH_MAX = 5_000
BATCHES_MAX = 20
"""Batches of one projection in a row, before the next projection has its turn."""


class Follower:
    """Applies the log to all projections. Any number may run; PostgreSQL lets one write a projection.

    Each new Follower retries a parked projection once, so a restart with a fixed program is enough.
    """

    def __init__(self, url: str, batch: int = BATCH_MAX) -> None:
        self._kept = PersistentConnection(url, "seatledger follower")
        self._batch = batch
        self._retried: set[str] = set()
        self._is_failing = False

    async def run(self) -> None:
        """Bring each projection as far as possible. Transient failures are logged, not raised."""
        failing = False
        for projection in PROJECTIONS.values():
            try:
                await self._catch_up(projection)
            except (psycopg.Error, TimeoutError) as error:
                failing = True
                if await self._log_failure(projection, error):
                    return
        if self._is_failing and not failing:
            logger.info("follower.back")
        self._is_failing = failing

    async def close(self) -> None:
        await self._kept.close()

    async def _catch_up(self, projection: Projection) -> None:
        for _ in range(BATCHES_MAX):
            connection = await self._kept.get()
            retry = projection.name not in self._retried
            with socket_deadline(connection, SEVERED_SECONDS):
                at = await advance_or_park(connection, projection, None, self._batch, retry)
            if at is None:
                return
            self._retried.add(projection.name)
            if at.error or at.version != projection.version or not at.is_behind:
                return

    async def _log_failure(self, projection: Projection, error: Exception) -> bool:
        """Log the first failure of a series. Return whether the connection was broken and dropped."""
        if not self._is_failing:
            logger.bind(projection=projection.name, error=repr(error)).warning("follower.interrupted")
        self._is_failing = True
        return await self._kept.drop_if_broken()
