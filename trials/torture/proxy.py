"""A TCP proxy that can delay, swallow or reset traffic, and lose answers."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from enum import Enum
from random import Random

CHUNK = 65536
DELAY_SECONDS = 0.2
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Trouble(Enum):
    NONE = "none"
    BLACK_HOLE = "black hole"
    DELAY = "delay"
    HALF_OPEN = "half-open"
    LOSE_ANSWERS = "lose answers"


class Watch:
    """Finds messages that may be lost in the stream of answers; here, any chunk."""

    def finds(self, chunk: bytes) -> bool:
        return bool(chunk)


class CommitWatch(Watch):
    """Finds PostgreSQL's message that a COMMIT is done.

    A message is a type byte, a length that counts itself but not the type, and a body
    (https://www.postgresql.org/docs/current/protocol-overview.html). Needs a connection without TLS or GSS.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def finds(self, chunk: bytes) -> bool:
        self._buffer += chunk
        found = False
        while len(self._buffer) >= 5:
            end = 1 + int.from_bytes(self._buffer[1:5], "big")
            if len(self._buffer) < end:
                break
            found = found or bytes(self._buffer[:end]) == b"C\x00\x00\x00\x0bCOMMIT\x00"
            del self._buffer[:end]
        return found


class Proxy:
    """Listens on a port of 127.0.0.1. `connect` opens the other side, anew for each connection."""

    def __init__(self, connect: Connect, random: Random, watch: Callable[[], Watch] = Watch) -> None:
        self.trouble = Trouble.NONE
        self.loss_chance = 0.0
        self.lost = 0
        self._connect = connect
        self._random = random
        self._watch = watch
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self.reset_all()
        for task in list(self._pairs):
            task.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    def reset_all(self) -> int:
        """Reset every connection on both sides."""
        pairs = list(self._pairs.values())
        for writers in pairs:
            for writer in writers:
                _reset(writer)
        return len(pairs)

    def close_far_sides(self) -> int:
        """Reset the server's side and keep the client's side open: half-open connections."""
        pairs = [writers for writers in self._pairs.values() if len(writers) == 2]
        for _, far in pairs:
            _reset(far)
        return len(pairs)

    async def _serve(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._pairs[task] = [near]
        try:
            while self.trouble in (Trouble.BLACK_HOLE, Trouble.HALF_OPEN):
                await asyncio.sleep(0.05)
            far_reader, far = await self._connect()
            writers.append(far)
            await asyncio.gather(
                self._pump(near_reader, far, None), self._pump(far_reader, near, self._watch())
            )
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            for writer in writers:
                _reset(writer)
            del self._pairs[task]

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Watch | None
    ) -> None:
        while True:
            chunk = await self._read(reader)
            found = answers is not None and answers.finds(chunk)
            while self.trouble is Trouble.BLACK_HOLE:
                await asyncio.sleep(0.05)
            if self.trouble is Trouble.HALF_OPEN:
                continue
            if self.trouble is Trouble.DELAY:
                await asyncio.sleep(DELAY_SECONDS)
            if found and self.trouble is Trouble.LOSE_ANSWERS and self._random.random() < self.loss_chance:
                self.lost += 1
                raise EOFError
            writer.write(chunk)
            await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """Read the next bytes. Half-open, the end of one side is hidden from the other. Raises EOFError."""
        try:
            chunk = await reader.read(CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            while self.trouble is Trouble.HALF_OPEN:
                await asyncio.sleep(0.05)
            raise EOFError
        return chunk


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        if raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    writer.transport.abort()
