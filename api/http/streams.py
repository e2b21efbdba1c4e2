"""Event streams: the log as Server-Sent Events (HTML Living Standard, section 9.2)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, contextmanager, suppress
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
"""Open streams per process."""

PAGE_MAX = 200
POLL_SECONDS = 0.1
RETRY_SECONDS = 0.5
SILENCE_SECONDS_MAX = 15
"""Longest time without an event before a comment is sent, which keeps the connection alive."""

SEND_SECONDS_MAX = 20
"""Longest time to send a page. A slower client is disconnected and may resume with Last-Event-ID."""

HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Turns off response buffering in nginx, which would delay events.
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """All open streams of this process. They end when `stopping` is set."""

    def __init__(self, ledger: Ledger, stopping: asyncio.Event) -> None:
        self._ledger = ledger
        self._open = 0
        self.stopping = stopping
        self._position = 0
        self._grown = asyncio.Condition()
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def reserve(self) -> Any:
        """Count one open stream. Raises Overloaded at the limit and during shutdown."""
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
        """Wait until the log has grown past `after`, at most `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._grown:
                await self._grown.wait_for(lambda: self._position > after)

    async def _poll(self) -> None:
        """Poll the position for all streams. LISTEN would need a connection that no pooler can share."""
        is_logged = False
        while self._open:
            try:
                async with self._ledger.read() as connection:
                    reached = await position(connection)
            except Exception as error:  # open streams depend on this task
                if not is_logged:
                    logger.bind(error=repr(error)).warning("streams.stalled")
                is_logged = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            is_logged = False
            if reached != self._position:
                async with self._grown:
                    self._position = reached
                    self._grown.notify_all()
            await asyncio.sleep(POLL_SECONDS)


class EventStream:
    """ASGI application that sends events to one client until the client disconnects or the token expires.

    `first_page` is read before the response starts. `ends_at` is the expiry of the caller's token in seconds
    since the epoch. `place` is the caller's, and held while the stream is open.
    """

    def __init__(
        self,
        streams: Streams,
        ledger: Ledger,
        search: EventSearch,
        sealed: bool,
        first_page: QueryResult[EventPage[LoggedEvent]],
        ends_at: float,
        place: AbstractContextManager[None],
    ) -> None:
        self._streams = streams
        self._ledger = ledger
        self._search = search
        self._sealed = sealed
        self._first_page = first_page
        self._ends_at = ends_at
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place, self._streams.reserve():
            headers = [*HEADERS, position_header(self._first_page.position)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] == "HEAD":  # type: ignore[typeddict-item]
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            sending = asyncio.create_task(self._send_events(send))
            disconnect = asyncio.create_task(_wait_for_disconnect(receive))
            stopping = asyncio.create_task(self._streams.stopping.wait())
            tasks: set[asyncio.Task[Any]] = {sending, disconnect, stopping}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not disconnect.done() or disconnect.cancelled():
                with suppress(Exception):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, send: Send) -> None:
        async for message in self._messages():
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await send({"type": "http.response.body", "body": message, "more_body": True})

    async def _messages(self) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        page = self._first_page.value
        sent_at = time.monotonic()
        while time.time() < self._ends_at:
            for event in page.events:
                yield b"id: %d\ndata: %s\n\n" % (event.position, self._ledger.decrypt_names(_encode(event)))
            if page.events:
                sent_at = time.monotonic()
            elif time.monotonic() - sent_at >= SILENCE_SECONDS_MAX:
                yield b":\n\n"
                sent_at = time.monotonic()
            await self._streams.wait(page.upto, self._wait_seconds())
            next_page = await self._page(page.upto)
            if next_page is None:
                logger.bind(position=page.upto).warning("stream.ahead_of_log")
                return
            page = next_page

    def _wait_seconds(self) -> float:
        return max(min(SILENCE_SECONDS_MAX, self._ends_at - time.time()), 0)

    async def _page(self, past: int) -> EventPage[LoggedEvent] | None:
        """Read the next page, or return an empty one while the database is unavailable.

        Return None if the log no longer reaches `past`, as after a restore. New events at positions that the
        client has seen would be skipped.
        """
        try:
            async with self._ledger.read() as connection:
                ledger, search = self._ledger, self._search
                result = await read_event_page(connection, ledger, search, past, PAGE_MAX, self._sealed)
                return None if result.position < past else result.value
        except (Unavailable, Overloaded):
            await asyncio.sleep(RETRY_SECONDS)
            return EventPage([], past)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_encode = msgspec.json.Encoder().encode
