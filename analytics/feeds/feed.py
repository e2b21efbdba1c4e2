"""The feed: read the log past the last position of the stream, publish, repeat."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
from loguru import logger
from prometheus_client import CollectorRegistry, Counter, Gauge

from analytics.feeds.cloud_events import MEDIA_TYPE, cloud_event, position_and_hash
from analytics.feeds.jet_stream import TRANSIENT, Interrupted, JetStream, Message, StreamRefused
from database.connection import Connection, connect_as_owner, socket_deadline
from database.head import position
from ledger.log import EventSearch, RecordedEvent, page
from runtime.tasks import Task

BATCH_MAX = 200
POLL_SECONDS = 0.1
RETRY_SECONDS = 0.5
READ_SECONDS_MAX = 10

M = TypeVar("M", Gauge, Counter)
Decrypt = Callable[[Connection, list[RecordedEvent]], Awaitable[list[RecordedEvent]]]
OpenStream = Callable[[], AbstractAsyncContextManager[JetStream]]


async def keep_sealed(connection: Connection, events: list[RecordedEvent]) -> list[RecordedEvent]:
    """Leave pseudonyms and sealed texts as they are."""
    return events


class FeedMetrics:
    """What Prometheus reads of one feed."""

    def __init__(self, ledger: str) -> None:
        self.registry = CollectorRegistry()

        def of(kind: type[M], name: str, text: str) -> M:
            return kind(f"seatledger_feed_{name}", text, ["ledger"], registry=self.registry).labels(ledger)

        self.position = of(Gauge, "position", "Last position in the stream.")
        self.head = of(Gauge, "head", "Last position in the log.")
        self.published = of(Counter, "published", "Events published.")
        self.failures = of(Counter, "failures", "Sessions that failed.")


@dataclass
class Feed:
    """Publishes one log to one stream. The stream is the checkpoint, and nothing else is stored."""

    url: str
    ledger: str
    open_stream: OpenStream
    decrypt: Decrypt = keep_sealed
    is_sandbox: bool = False
    once: bool = False
    batch: int = BATCH_MAX
    ready: Callable[[], object] = lambda: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.metrics = FeedMetrics(self.ledger)
        transient = (psycopg.Error, Interrupted, *TRANSIENT)
        self._task = Task("feed", "feed.interrupted", "feed.failed", "feed.back", transient)

    async def run(self) -> None:
        """Publish until `stop` is set, or with `once` up to the head. Raises StreamRefused."""
        while not self.stop.is_set():
            try:
                async with self._session() as (connection, stream):
                    await self._follow(connection, stream)
                return
            except StreamRefused:
                raise
            except Exception as error:
                self.metrics.failures.inc()
                self._task.fail(error, ledger=self.ledger)
                await self._pause(RETRY_SECONDS)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[Connection, JetStream]]:
        """Yield the database and the stream, each on a new connection, of which the stream fits the log."""
        async with (
            self.open_stream() as stream,
            await connect_as_owner(self.url, "seatledger feed") as connection,
        ):
            await stream.establish()
            await self._check(connection, stream)
            logger.bind(ledger=self.ledger, stream=stream.name).info("feed.started")
            self.ready()
            yield connection, stream

    async def _check(self, connection: Connection, stream: JetStream) -> None:
        """Compare the last message with the log. Raises StreamRefused."""
        reached = await stream.position()
        if reached == 0:
            return
        found = await self._read(connection, reached - 1, reached)
        if not found:
            raise StreamRefused(
                f"the stream {stream.name} is at {reached}, beyond the log of {self.ledger}: it is of another"
                " log, or the log was restored from a backup; publish to a new stream (--stream)"
            )
        body = await stream.find(reached)
        if body is None:
            return
        try:
            matches = position_and_hash(body) == (reached, found[0].hash.hex())
        except ValueError:
            matches = False
        if not matches:
            raise StreamRefused(
                f"message {reached} of the stream {stream.name} is not position {reached} of the log of"
                f" {self.ledger}: publish to a new stream (--stream)"
            )

    async def _follow(self, connection: Connection, stream: JetStream) -> None:
        reached = await stream.position()
        while not self.stop.is_set():
            with socket_deadline(connection, READ_SECONDS_MAX):
                head = await position(connection)
            events = await self._read(connection, reached, head)
            if events:
                await self._publish(connection, stream, events)
                reached = events[-1].position
                self.metrics.published.inc(len(events))
            elif stream.closed.is_set():
                raise Interrupted("the connection to the server ended")
            self._task.succeed()
            self.metrics.position.set(reached)
            self.metrics.head.set(head)
            if reached == head:
                if self.once:
                    return
                await self._pause(POLL_SECONDS)

    async def _read(self, connection: Connection, after: int, head: int) -> list[RecordedEvent]:
        with socket_deadline(connection, READ_SECONDS_MAX):
            return (await page(connection, EventSearch(), after, self.batch, head)).events

    async def _publish(self, connection: Connection, stream: JetStream, events: list[RecordedEvent]) -> None:
        shown = await self.decrypt(connection, events)
        await stream.publish(
            [
                Message(one.position, one.topic, cloud_event(one, self.ledger, self.is_sandbox), MEDIA_TYPE)
                for one in shown
            ]
        )

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop.wait()
