"""The HTTP session of a sender, and the threads that resolve names for it; opened at the first message."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from analytics.webhooks.addresses import Network
from scheduler.webhooks.post_result import PostResult

if TYPE_CHECKING:
    import aiohttp

RESOLVERS_MAX = 8


class Connections:
    """Sends messages to addresses that the setting allows."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None
        # Names of slow receivers are resolved apart, so that a dead name server keeps only those waiting.
        self._resolvers: list[ThreadPoolExecutor] = []

    async def post(self, url: str, body: str, fields: dict[str, str], is_slow: bool) -> PostResult:
        # aiohttp takes a tenth of a second and 6 MB, and most ledgers have no webhooks.
        from scheduler.webhooks.posting import open_session, post

        if self._session is None:
            self._session = open_session()
            self._resolvers = [ThreadPoolExecutor(RESOLVERS_MAX, "resolver") for _ in range(2)]
        return await post(self._session, url, body, fields, self._allowed, self._resolvers[is_slow])

    async def close(self) -> None:
        """Close all connections. The next message opens others."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        for pool in self._resolvers:
            pool.shutdown(wait=False, cancel_futures=True)
