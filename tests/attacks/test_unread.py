"""Callers who ask for much and read nothing: they cost little, and are hung up on."""

import asyncio
import errno
import json
import socket
from urllib.parse import urlsplit

import pytest

from api.http import idle_sockets
from tests.attacks.conftest import log_lines
from trials.bench.footprint import memory_bytes, open_files

CALLERS = 150
BIG = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
EACH_BYTES_MAX = 512 * 1024
"""The file has 1.7 MB; hyper, which writes for the server, queues up to 16 pieces of ours."""


def ask_and_not_read(address, said):
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(address)
    caller.sendall(said)
    return caller


async def test_answers_that_nobody_reads_are_not_kept_in_full(program, alice):
    parts, root = urlsplit(program.url), program.process.pid
    await asyncio.gather(*[alice.get("/flights?limit=5") for _ in range(50)])  # all its readers are there now
    memory, files = memory_bytes(root), open_files(root)
    # The kernel takes the first answer or two from us: ten do not fit.
    callers = [ask_and_not_read((parts.hostname, parts.port), BIG * 10) for _ in range(CALLERS)]
    try:
        await asyncio.sleep(1)
        (await alice.get("/flights?limit=5")).ok()
        assert memory_bytes(root) - memory < CALLERS * EACH_BYTES_MAX
    finally:
        for caller in callers:
            caller.close()
    async with asyncio.timeout(15):  # less than it takes to hang up on them
        while open_files(root) > files + CALLERS // 3:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
async def test_who_does_not_read_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(idle_sockets, "UNREAD_MILLISECONDS_MAX", 500)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await idle_sockets.limit_unread_answers()
        with ask_and_not_read(listening.getsockname(), b"?"):
            answering, _ = listening.accept()
            with answering:
                answering.setblocking(False)
                with pytest.raises(OSError, match=r".") as ended:
                    await asyncio.wait_for(answer_without_end(answering), 20)
    assert ended.value.errno == errno.ETIMEDOUT


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_every_worker_has_limited_its_sockets(program):
    limited = [
        record for record in map(json.loads, log_lines(program)) if record["event"] == "unread.limited"
    ]
    assert len({record["pid"] for record in limited}) >= 2
    assert {(record["sockets"], record["milliseconds"]) for record in limited} == {(1, 20_000)}


async def answer_without_end(connection):
    while True:
        try:
            connection.send(b"x" * 65_536)
        except BlockingIOError:
            await asyncio.sleep(0.05)
