"""The clients, sync and async."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import httpx
from seatledger_client.calls import Async, Call, Id, Sync, id_of
from seatledger_client.drivers import AsyncDriver, AsyncItems, Driver, Items
from seatledger_client.exchange import Exchange
from seatledger_client.positions import Positions
from seatledger_client.records import Event
from seatledger_client.resources import Resources

T = TypeVar("T")

Token = str | Callable[[], str] | None
"""A token, or a function that returns the present one: it is asked for each request."""

DEADLINE_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0


def settings_from_env() -> tuple[str, str]:
    """Return address and token from SEATLEDGER_URL and SEATLEDGER_TOKEN. Raises LookupError without one."""
    try:
        return os.environ["SEATLEDGER_URL"], os.environ["SEATLEDGER_TOKEN"]
    except KeyError as missing:
        raise LookupError(f"{missing.args[0]} is not set: set SEATLEDGER_URL and SEATLEDGER_TOKEN") from None


class Client(Resources[Sync]):
    """A client of one deployment. Threads may share it.

    `deadline` limits a call with all its attempts, `timeout` the silence within one attempt; both in seconds.
    With `read_your_writes`, queries wait for the positions of earlier answers. `http` replaces the client of
    httpx, for proxies and certificates, and is not closed.
    """

    def __init__(
        self,
        url: str,
        token: Token = None,
        *,
        deadline: float = DEADLINE_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        read_your_writes: bool = True,
        http: httpx.Client | None = None,
    ) -> None:
        self._exchange = _exchange(url, token, deadline, timeout, read_your_writes)
        self._http, self._owns_http = http or httpx.Client(), http is None
        super().__init__(self._answer, self._items)

    @classmethod
    def from_env(cls, **options: Any) -> "Client":
        """Make a client with address and token from SEATLEDGER_URL and SEATLEDGER_TOKEN."""
        url, token = settings_from_env()
        return cls(url, token, **options)

    def events(
        self,
        after: int = 0,
        *,
        type: str | None = None,
        booking_id: Id | None = None,
        flight_id: Id | None = None,
        sealed: bool = False,
        ledger: str | None = None,
    ) -> Iterator[Event]:
        """Follow the log for ever: each event after a position once, whatever connections and servers do."""
        query = _event_query(type, booking_id, flight_id, sealed, ledger)
        return Driver(self._http).items(self._exchange.events(query, after))

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _answer(self, call: Call[T]) -> T:
        return Driver(self._http).value(self._exchange.answer(call))

    def _items(self, call: Call[T]) -> Items[T]:
        return Items(self._http, lambda: self._exchange.items(call), lambda: self._exchange.pages(call))


class AsyncClient(Resources[Async]):
    """A client of one deployment for asyncio. Its arguments are those of `Client`."""

    def __init__(
        self,
        url: str,
        token: Token = None,
        *,
        deadline: float = DEADLINE_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        read_your_writes: bool = True,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._exchange = _exchange(url, token, deadline, timeout, read_your_writes)
        self._http, self._owns_http = http or httpx.AsyncClient(), http is None
        super().__init__(self._answer, self._items)

    @classmethod
    def from_env(cls, **options: Any) -> "AsyncClient":
        """Make a client with address and token from SEATLEDGER_URL and SEATLEDGER_TOKEN."""
        url, token = settings_from_env()
        return cls(url, token, **options)

    def events(
        self,
        after: int = 0,
        *,
        type: str | None = None,
        booking_id: Id | None = None,
        flight_id: Id | None = None,
        sealed: bool = False,
        ledger: str | None = None,
    ) -> AsyncIterator[Event]:
        """Follow the log for ever: each event after a position once, whatever connections and servers do."""
        query = _event_query(type, booking_id, flight_id, sealed, ledger)
        return AsyncDriver(self._http).items(self._exchange.events(query, after))

    async def close(self) -> None:
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _answer(self, call: Call[T]) -> T:
        return await AsyncDriver(self._http).value(self._exchange.answer(call))

    def _items(self, call: Call[T]) -> AsyncItems[T]:
        return AsyncItems(self._http, lambda: self._exchange.items(call), lambda: self._exchange.pages(call))


def _exchange(url: str, token: Token, deadline: float, timeout: float, read_your_writes: bool) -> Exchange:
    """Build the part that both clients share. Raises ValueError for an address without http or https."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address: it begins with http:// or https://")
    return Exchange(url.rstrip("/"), token, deadline, timeout, Positions() if read_your_writes else None)


def _event_query(
    type: str | None, booking_id: Id | None, flight_id: Id | None, sealed: bool, ledger: str | None
) -> dict[str, Any]:
    return {
        "type": type,
        "booking_id": id_of(booking_id),
        "flight_id": id_of(flight_id),
        "sealed": sealed,
        "ledger": ledger,
    }
