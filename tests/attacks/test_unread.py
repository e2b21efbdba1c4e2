"""Clients that request much and read nothing: they cost little memory and are disconnected."""

import asyncio
import errno
import json
import socket
from urllib.parse import urlsplit

import pytest

from api.http import idle_sockets
from tests.waiting import await_until
from trials.bench.footprint import memory_bytes, open_files

CALLERS = 150
BIG = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
READS = 20
"""Reads of another client during which memory is measured."""

EACH_BYTES_MAX = 512 * 1024
"""The file has 1.7 MB. hyper, the HTTP library of granian, queues up to 16 chunks."""


def request_without_reading(address, request):
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(address)
    caller.sendall(request)
    return caller


async def test_unread_answers_are_not_kept_in_memory_in_full(program, alice):
    parts, root = urlsplit(program.url), program.process.pid
    await asyncio.gather(
        *[alice.get("/flights?limit=5") for _ in range(50)]
    )  # opens all connections of the pool
    memory, files = memory_bytes(root), open_files(root)
    # The kernel buffers one or two answers; ten do not fit.
    callers = [request_without_reading((parts.hostname, parts.port), BIG * 10) for _ in range(CALLERS)]
    try:
        await await_until(lambda: open_files(root) >= files + CALLERS, 15, "all callers are connected")
        for _ in range(READS):
            (await alice.get("/flights?limit=5")).ok()
            assert memory_bytes(root) - memory < CALLERS * EACH_BYTES_MAX
    finally:
        for caller in callers:
            caller.close()
    # Sooner than the server would disconnect them for not reading.
    await await_until(lambda: open_files(root) <= files + CALLERS // 3, 15, "the connections are closed")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
async def test_a_client_that_does_not_read_is_disconnected(monkeypatch):
    monkeypatch.setattr(idle_sockets, "UNREAD_MILLISECONDS_MAX", 500)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await idle_sockets.limit_unread_answers()
        with request_without_reading(listening.getsockname(), b"?"):
            answering, _ = listening.accept()
            with answering, pytest.raises(OSError, match=r".") as ended:
                await asyncio.wait_for(answer_without_end(answering), 20)
    assert ended.value.errno == errno.ETIMEDOUT


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_every_worker_limits_its_sockets(program):
    records = [
        record for record in map(json.loads, program.log_lines()) if record["event"] == "unread.limited"
    ]
    assert len({record["pid"] for record in records}) >= 2
    assert {(record["sockets"], record["milliseconds"]) for record in records} == {(1, 20_000)}


async def answer_without_end(connection):
    """Send until the kernel ends the connection; blocking, so that the error arrives without polling."""
    while True:
        await asyncio.to_thread(connection.send, b"x" * 65_536)
