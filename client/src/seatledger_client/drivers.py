"""Drivers: they take the steps of an exchange, one by blocking and one by awaiting."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

import httpx
from seatledger_client.exchange import Emit, Open, Page, Read, Send, Steps, Wait

T = TypeVar("T")


class Driver:
    """Takes the steps of one exchange by blocking."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._stream: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def value(self, steps: Steps[T]) -> T:
        result = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result = self._take(step)

    def items(self, steps: Steps[None]) -> Iterator[Any]:
        result = None
        try:
            while True:
                try:
                    step = steps.send(result)
                except StopIteration:
                    return
                if isinstance(step, Emit):
                    yield step.item
                    result = None
                else:
                    result = self._take(step)
        finally:
            self._close()

    def _take(self, step: Any) -> Any:
        try:
            if isinstance(step, Wait):
                return time.sleep(step.seconds)
            if isinstance(step, Send):
                return self._http.send(step.request)
            if isinstance(step, Open):
                return self._open(step.request)
            assert isinstance(step, Read)
            return next(self._chunks, b"")
        except httpx.TransportError as error:
            return error

    def _open(self, request: httpx.Request) -> httpx.Response:
        self._close()
        self._stream = self._http.send(request, stream=True)
        self._chunks = self._stream.iter_bytes()
        if not self._stream.is_success:
            self._stream.read()
        return self._stream

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class AsyncDriver:
    """Takes the steps of one exchange by awaiting."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._stream: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def value(self, steps: Steps[T]) -> T:
        result = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result = await self._take(step)

    async def items(self, steps: Steps[None]) -> AsyncIterator[Any]:
        result = None
        try:
            while True:
                try:
                    step = steps.send(result)
                except StopIteration:
                    return
                if isinstance(step, Emit):
                    yield step.item
                    result = None
                else:
                    result = await self._take(step)
        finally:
            await self._close()

    async def _take(self, step: Any) -> Any:
        try:
            if isinstance(step, Wait):
                return await asyncio.sleep(step.seconds)
            if isinstance(step, Send):
                return await self._http.send(step.request)
            if isinstance(step, Open):
                return await self._open(step.request)
            assert isinstance(step, Read)
            assert self._chunks is not None
            return await anext(self._chunks, b"")
        except httpx.TransportError as error:
            return error

    async def _open(self, request: httpx.Request) -> httpx.Response:
        await self._close()
        self._stream = await self._http.send(request, stream=True)
        self._chunks = self._stream.aiter_bytes()
        if not self._stream.is_success:
            await self._stream.aread()
        return self._stream

    async def _close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(httpx.TransportError):
                await self._stream.aclose()


class Items(Generic[T]):
    """All rows of a list, page by page as they are needed. Each iteration starts anew."""

    def __init__(
        self, http: httpx.Client, items: Callable[[], Steps[None]], pages: Callable[[], Steps[None]]
    ):
        self._http, self._items, self._pages = http, items, pages

    def __iter__(self) -> Iterator[T]:
        return Driver(self._http).items(self._items())

    def pages(self) -> Iterator[Page[T]]:
        """Return the pages. `next_cursor` of one resumes after it: `list(…, cursor=…)`."""
        return Driver(self._http).items(self._pages())


class AsyncItems(Generic[T]):
    """All rows of a list, page by page as they are needed. Each iteration starts anew."""

    def __init__(
        self, http: httpx.AsyncClient, items: Callable[[], Steps[None]], pages: Callable[[], Steps[None]]
    ):
        self._http, self._items, self._pages = http, items, pages

    def __aiter__(self) -> AsyncIterator[T]:
        return AsyncDriver(self._http).items(self._items())

    def pages(self) -> AsyncIterator[Page[T]]:
        """Return the pages. `next_cursor` of one resumes after it: `list(…, cursor=…)`."""
        return AsyncDriver(self._http).items(self._pages())
