"""The follower: brings every projection up to the head, parks the one that meets poison, reconnects."""

import psycopg
from loguru import logger

from analytics.facts import PROJECTIONS, Projection
from analytics.follower.batch import SEVERED_SECONDS, advance_or_park
from database.connection import PersistentConnection, socket_deadline

BATCH_MAX = 5_000
BATCHES_MAX = 20
"""Of one projection in a row; then the others have their turn, and the next run goes on."""


class Follower:
    """Any number may run: the database lets one at a time write each projection, batch by batch.

    What is parked is tried again once by each new Follower, so starting a mended program is all it takes.
    """

    def __init__(self, url: str, batch: int = BATCH_MAX) -> None:
        self._kept = PersistentConnection(url, "seatledger follower")
        self._batch = batch
        self._retried: set[str] = set()
        self._troubled = False

    async def run(self) -> None:
        """One round: each projection as far as it goes. Trouble that passes is told, and raises nothing."""
        troubled = False
        for projection in PROJECTIONS.values():
            try:
                await self._bring_up(projection)
            except (psycopg.Error, TimeoutError) as error:
                troubled = True
                if await self._trouble(projection, error):
                    return
        if self._troubled and not troubled:
            logger.info("follower.back")
        self._troubled = troubled

    async def close(self) -> None:
        await self._kept.close()

    async def _bring_up(self, projection: Projection) -> None:
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

    async def _trouble(self, projection: Projection, error: Exception) -> bool:
        """Told once, and not at every round; a connection that broke is left for a new one: is it gone?"""
        if not self._troubled:
            logger.bind(projection=projection.name, error=repr(error)).warning("follower.interrupted")
        self._troubled = True
        return await self._kept.drop_if_broken()
