"""Public keys of a URL, which is asked again and again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
from loguru import logger

from api.http.public_keys import Keys, fit_keys

SET_BYTES_MAX = 256 * 1024
FETCH_SECONDS_MAX = 2.0
LIFETIME_SECONDS = 300.0
"""Time between two fetches. A key that left the set checks tokens for this long at most."""
PAUSE_SECONDS = 10.0
"""Least time between the fetches that tokens with unknown keys cause."""


class RemoteKeys:
    """The keys of a URL. While it does not answer well, the last keys go on.

    Requests wait for a fetch at most `FETCH_SECONDS_MAX`, all for the same one. `on_change` gets the keys.
    """

    def __init__(self, url: str, on_change: Callable[[Keys], None], pause: float = PAUSE_SECONDS) -> None:
        self._url = url
        self._on_change = on_change
        self._pause = pause
        self._fetching: asyncio.Task[bool] | None = None
        self._started = -pause

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Fetch the keys, and again after each lifetime; sooner after a failure."""
        following = asyncio.create_task(self._follow(await self.fetch()))
        try:
            yield
        finally:
            following.cancel()

    async def _follow(self, has_keys: bool) -> None:
        while True:
            await asyncio.sleep(LIFETIME_SECONDS if has_keys else self._pause)
            has_keys = await self.fetch()

    async def fetch_unless_recent(self) -> bool:
        """Fetch the keys, unless that was done a moment ago. Return whether they were fetched."""
        running = self._fetching is not None and not self._fetching.done()
        if not running and time.monotonic() - self._started < self._pause:
            return False
        return await self.fetch()

    async def fetch(self) -> bool:
        """Fetch the keys, or wait for the fetch that runs. Return whether there are new ones."""
        if self._fetching is None or self._fetching.done():
            self._started = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        # A caller that goes away must not end the fetch that others wait for.
        return await asyncio.shield(self._fetching)

    async def _fetch(self) -> bool:
        try:
            with anyio.fail_after(FETCH_SECONDS_MAX):
                keys = fit_keys(await self._read())
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            logger.bind(error=f"{type(error).__name__}: {error}"[:300]).warning("keys.not_fetched")
            return False
        self._on_change(keys)
        return True

    async def _read(self) -> bytes:
        """Read the answer. A redirect is none: the URL in the settings is the one that is trusted."""
        body = b""
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS_MAX) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > SET_BYTES_MAX:
                    raise ValueError("the answer is too large")
        return body
