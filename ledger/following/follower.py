"""The follower: brings every projection up to the head, parks the one that meets poison, reconnects."""

import contextlib

import psycopg
from loguru import logger

from ledger.connection import Connection, connect, severed_after
from ledger.following.batch import SEVERED_SECONDS, advance_or_park
from projections.analytics import PROJECTIONS, Projection

BATCH_MAX = 5_000
BATCHES_MAX = 20
"""Of one projection in a row; then the others have their turn, and the next run goes on."""


class Follower:
    """Any number may run: the database lets one at a time write each projection, batch by batch.

    What is parked is tried again once by each new Follower, so starting a mended program is all it takes.
    """

    def __init__(self, url: str, batch: int = BATCH_MAX) -> None:
        self._url = url
        self._batch = batch
        self._connection: Connection | None = None
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
                await self._trouble(projection, error)
                if self._connection is None:
                    return
        if self._troubled and not troubled:
            logger.info("follower.back")
        self._troubled = troubled

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()

    async def _bring_up(self, projection: Projection) -> None:
        for _ in range(BATCHES_MAX):
            connection = await self._connected()
            retry = projection.name not in self._retried
            with severed_after(connection, SEVERED_SECONDS):
                at = await advance_or_park(connection, projection, None, self._batch, retry)
            if at is None:
                return
            self._retried.add(projection.name)
            if at.error or at.version != projection.version or not at.is_behind:
                return

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = await connect(self._url, "seatledger follower")
        return self._connection

    async def _trouble(self, projection: Projection, error: Exception) -> None:
        """Told once, and not at every round; a connection that broke is left for a new one."""
        if not self._troubled:
            logger.bind(projection=projection.name, error=repr(error)).warning("follower.interrupted")
        self._troubled = True
        if self._connection is not None and self._connection.broken:
            await self.close()
