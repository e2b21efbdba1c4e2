"""HTTP client for Stripe's library, with limits on connections and time."""

import ssl
from collections.abc import Mapping
from functools import cache

import httpx
import stripe

CONNECTIONS_MAX = 100


@cache
def _tls() -> ssl.SSLContext:
    """Return the context of all clients: to read the certificates of authorities takes 30 ms."""
    return httpx.create_ssl_context()


class StripeHttpClient(stripe.HTTPClient):
    """Replaces the library's own httpx client, which uses a deprecated call of httpx."""

    name = "httpx"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
        self._client = httpx.AsyncClient(timeout=seconds, limits=limits, verify=_tls())

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._client.request(method, url, headers=headers, content=post_data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"{type(error).__name__}: {error}"
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._client.aclose()
