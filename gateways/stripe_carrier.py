"""How Stripe's library reaches the network: over connections of our own, bounded in number and time."""

from collections.abc import Mapping

import httpx
import stripe

CONNECTIONS_MAX = 100


class Carrier(stripe.HTTPClient):
    """In place of the library's own for httpx, which calls it in a way that httpx has deprecated."""

    name = "httpx"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
        self._client = httpx.AsyncClient(timeout=seconds, limits=limits)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._client.request(method, url, headers=headers, content=post_data)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            said = f"{type(problem).__name__}: {problem}"
            raise stripe.APIConnectionError(said) from problem  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._client.aclose()
