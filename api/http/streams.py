"""The log as it grows: Server-Sent Events (HTML Living Standard, section 9.2), none lost and none twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send
from loguru import logger

from api.http import http_errors
from api.http.replies import Header, position_header
from api.resources.event_pages import LoggedEvent, read_event_page
from database.head import QueryResult, position
from ledger.ledger import Ledger
from ledger.log import EventPage, EventSearch
from ledger.submission import Overloaded, Unavailable

STREAMS_MAX = 64
"""In each process."""

PAGE_MAX = 200
POLL_SECONDS = 0.1
RETRY_SECONDS = 0.5
SILENCE_SECONDS_MAX = 15
"""After that a comment is sent, so that both ends and all between know that the other is there."""

SEND_SECONDS_MAX = 20
"""A reader who does not take a page in this time is hung up on, and may resume where it stopped."""

HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that buffer would hold events back (nginx, X-Accel-Buffering).
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """All streams of one process; they end when `stopping` is set: by themselves they never would."""

    def __init__(self, ledger: Ledger, stopping: asyncio.Event) -> None:
        self._ledger = ledger
        self._open = 0
        self.stopping = stopping
        self._position = 0
        self._news = asyncio.Condition()
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def opened(self) -> Any:
        """Counts one stream. Raises Overloaded."""
        if self._open >= STREAMS_MAX or self.stopping.is_set():
            raise http_errors.Overloaded
        self._open += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._open -= 1

    async def wait(self, after: int, seconds: float) -> None:
        """Until the log has grown past `after`, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self._position > after)

    async def _poll(self) -> None:
        """One question for all streams: NOTIFY would save it, and take a connection that no pooler shares."""
        told = False
        while self._open:
            try:
                async with self._ledger.read() as connection:
                    reached = await position(connection)
            except (Unavailable, Overloaded) as error:
                if not told:
                    logger.bind(error=repr(error)).warning("streams.stalled")
                told = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            told = False
            if reached > self._position:
                async with self._news:
                    self._position = reached
                    self._news.notify_all()
            await asyncio.sleep(POLL_SECONDS)


class EventStream:
    """An ASGI application that tells one caller of every event past `after`, until either of them goes.

    `seen` is the first page, read before anything was said, with the position that it reflects; `ends_at` is
    when the caller's token expires, in seconds since the epoch.
    """

    def __init__(
        self,
        streams: Streams,
        ledger: Ledger,
        search: EventSearch,
        sealed: bool,
        seen: QueryResult[EventPage[LoggedEvent]],
        ends_at: float,
    ) -> None:
        self._streams = streams
        self._ledger = ledger
        self._search = search
        self._sealed = sealed
        self._seen = seen
        self._ends_at = ends_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.opened():
            headers = [*HEADERS, position_header(self._seen.position)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            telling = asyncio.create_task(self._tell(send))
            leaving = asyncio.create_task(_left(receive))
            ending = asyncio.create_task(self._streams.stopping.wait())
            others: set[asyncio.Task[Any]] = {telling, leaving, ending}
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if not leaving.done() or leaving.cancelled():
                with suppress(Exception):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        async for text in self._texts():
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await send({"type": "http.response.body", "body": text, "more_body": True})

    async def _texts(self) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        page = self._seen.value
        spoken = time.monotonic()
        while time.time() < self._ends_at:
            for event in page.events:
                yield b"id: %d\ndata: %s\n\n" % (event.position, self._ledger.opened(_encode(event)))
            if page.events:
                spoken = time.monotonic()
            elif time.monotonic() - spoken >= SILENCE_SECONDS_MAX:
                yield b":\n\n"
                spoken = time.monotonic()
            await self._streams.wait(page.upto, self._patience())
            page = await self._page(page.upto)

    def _patience(self) -> float:
        return max(min(SILENCE_SECONDS_MAX, self._ends_at - time.time()), 0)

    async def _page(self, past: int) -> EventPage[LoggedEvent]:
        """Nothing while the database is away: the caller need not come again for that."""
        try:
            async with self._ledger.read() as connection:
                seen = await read_event_page(connection, self._search, past, PAGE_MAX, self._sealed)
                return seen.value
        except (Unavailable, Overloaded):
            await asyncio.sleep(RETRY_SECONDS)
            return EventPage([], past)


async def _left(receive: Receive) -> None:
    """Until the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


_encode = msgspec.json.Encoder().encode
