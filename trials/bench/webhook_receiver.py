"""A receiver of webhooks for measurements: it counts requests, and answers nothing below /dead.

`python -m trials.bench.webhook_receiver` prints its port, then the number of answered requests for each line
that it reads from standard input.
"""

import asyncio
import sys

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Receiving(asyncio.Protocol):
    """One connection. Requests have a Content-Length, and arrive one after another."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._bytes = b""

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, separator, rest = self._bytes.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._bytes = rest[length:]
        if not head.startswith(b"POST /dead"):
            _Receiving.taken += 1
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(_ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Receiving, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(_Receiving.taken, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
