"""The follower loop: bring every projection up to the head, park on poison, reconnect."""

import asyncio

import psycopg
from loguru import logger

from analytics.facts import PROJECTIONS, Projection
from analytics.follower.batch import SEVERED_SECONDS, advance_or_park, has_live_build
from analytics.schema import migrate
from database.connection import socket_deadline
from database.readers import Readers, TaskConnection
from runtime.tasks import Task

BATCH_MAX = 5_000
CONNECTION_SECONDS = 5.0
"""Limit on the wait for a connection."""

BATCHES_MAX = 20
"""Batches of one projection in a row, before the next projection has its turn."""


class Follower:
    """Applies the log to all projections. Any number may run; PostgreSQL lets one write a projection.

    Each new Follower retries a parked projection once, so a restart with a fixed program is enough.
    """

    def __init__(self, url: str, readers: Readers, batch: int = BATCH_MAX) -> None:
        self._url = url
        self._kept = TaskConnection(readers, CONNECTION_SECONDS)
        self._batch = batch
        self._retried: set[str] = set()
        self.task = Task(
            "analytics",
            "follower.interrupted",
            "follower.failed",
            "follower.back",
            (psycopg.Error, TimeoutError),
        )

    async def run(self) -> None:
        """Bring each projection as far as possible. Failures are logged, and none is raised."""
        try:
            await self._run()
        finally:
            self._kept.give_back()

    async def _run(self) -> None:
        failing = False
        for projection in PROJECTIONS.values():
            try:
                await self._catch_up(projection)
            except Exception as error:
                failing = True
                self.task.fail(error, projection=projection.name)
                if self._kept.drop_if_broken():
                    return
        if not failing:
            self.task.succeed()

    async def _catch_up(self, projection: Projection) -> None:
        for _ in range(BATCHES_MAX):
            connection = await self._kept.get()
            retry = projection.name not in self._retried
            with socket_deadline(connection, SEVERED_SECONDS):
                at = await advance_or_park(connection, projection, None, self._batch, retry)
                if at is None and not await has_live_build(connection, projection):
                    await self._establish(projection)
            if at is None:
                return
            self._retried.add(projection.name)
            if at.error or at.version != projection.version or not at.is_behind:
                return

    async def _establish(self, projection: Projection) -> None:
        """Create a new table for a projection without a checkpoint. The next runs fill it from the log."""
        logger.bind(projection=projection.name).error("projection.checkpoint_missing")
        await asyncio.to_thread(migrate, self._url)
