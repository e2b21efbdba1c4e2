"""The proxy forwards everything, and makes exactly the trouble that is set."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from trials.torture.proxy import CommitWatch, Proxy, Trouble

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
READY = b"Z\x00\x00\x00\x05I"
BEGUN = b"C\x00\x00\x00\x0aBEGIN\x00"


@asynccontextmanager
async def echoed(proxy_of: type[CommitWatch] | None = None) -> AsyncIterator[tuple[Proxy, int]]:
    """A proxy before an echo server."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            while chunk := await reader.read(1000):
                writer.write(chunk)
        writer.transport.abort()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = {"watch": proxy_of} if proxy_of else {}
    proxy = Proxy(lambda: asyncio.open_connection("127.0.0.1", port), Random(1), **options)
    try:
        yield proxy, await proxy.open()
    finally:
        await proxy.close()
        server.close()


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, words: bytes) -> bytes:
        """Return the bytes that arrive within half a second; empty at an end, TimeoutError for silence."""
        self.writer.write(words)
        async with asyncio.timeout(0.5):
            return await self.reader.read(1000)


@asynccontextmanager
async def called(port: int) -> AsyncIterator[Caller]:
    caller = Caller(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield caller
    finally:
        caller.writer.transport.abort()


async def test_without_trouble_all_is_passed_on() -> None:
    async with echoed() as (_, port), called(port) as caller:
        assert await caller.says(b"hello") == b"hello"


async def test_a_reset_reaches_the_caller() -> None:
    async with echoed() as (proxy, port), called(port) as caller:
        await caller.says(b"hello")
        assert proxy.reset_all() == 1
        with pytest.raises(ConnectionResetError):
            await caller.says(b"again")


async def test_a_black_hole_is_silent_and_gives_everything_back_when_healed() -> None:
    async with echoed() as (proxy, port), called(port) as caller:
        proxy.trouble = Trouble.BLACK_HOLE
        with pytest.raises(TimeoutError):
            await caller.says(b"hello")
        proxy.trouble = Trouble.NONE
        assert await caller.reader.read(1000) == b"hello"


async def test_half_open_the_caller_receives_nothing() -> None:
    async with echoed() as (proxy, port), called(port) as caller:
        await caller.says(b"hello")
        proxy.trouble = Trouble.HALF_OPEN
        assert proxy.close_far_sides() == 1
        with pytest.raises(TimeoutError):
            await caller.says(b"again")


async def test_only_the_answer_to_commit_is_lost() -> None:
    async with echoed(CommitWatch) as (proxy, port), called(port) as caller:
        proxy.trouble, proxy.loss_chance = Trouble.LOSE_ANSWERS, 1.0
        assert await caller.says(READY) == READY
        assert await caller.says(BEGUN) == BEGUN
        with pytest.raises(ConnectionResetError):
            await caller.says(COMMITTED)
        assert proxy.lost == 1


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_commit_is_found_however_it_is_cut(size: int) -> None:
    watch = CommitWatch()
    stream = READY + COMMITTED + READY
    met = [watch.finds(stream[start : start + size]) for start in range(0, len(stream), size)]
    assert met.count(True) == 1


def test_text_that_looks_like_a_commit_is_not_one() -> None:
    row = b"D" + (4 + len(COMMITTED)).to_bytes(4, "big") + COMMITTED
    assert not CommitWatch().finds(row)
