"""The HTTP session of a sender, and the threads that resolve names for it; opened at the first message."""

from concurrent.futures import ThreadPoolExecutor

import aiohttp

from analytics.webhooks.addresses import Network
from scheduler.webhooks.posting import PostResult, open_session, post

RESOLVERS_MAX = 8


class Connections:
    """Sends messages to addresses that the setting allows."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None
        # Names of slow receivers are resolved apart, so that a dead name server keeps only those waiting.
        self._resolvers: list[ThreadPoolExecutor] = []

    async def post(self, url: str, body: str, fields: dict[str, str], is_slow: bool) -> PostResult:
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
