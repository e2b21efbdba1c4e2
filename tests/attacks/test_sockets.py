"""Floods, slow or silent clients, and ambiguous requests: other clients are still served."""

import asyncio
import contextlib
import itertools
import socket
import statistics
import time
from urllib.parse import urlsplit

import pytest

from tests.contract.people import ALICE, ApiCaller, new_client
from tests.contract.wire import head
from tests.waiting import await_until
from trials.bench.footprint import memory_bytes, open_files

IDLE = 3_000
SLOW = 600
SLOW_AT_ONCE = 60
"""Slow connections that send one more byte after each measured pair of requests."""

LOAD_SECONDS = 3
ANSWER_SECONDS_MAX = 1.0
MEMORY_BYTES_MAX = 150 * 1024**2
"""Memory that all clients together may cost; 3,600 connections cost about a third of it."""

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
AUTHORIZED = {"Authorization": f"Bearer {ALICE.token()}", "Content_Type": "application/json"}


def post(*lines, body=b"", version="1.1"):
    start = f"POST /health/live HTTP/{version}\r\nHost: x\r\n".encode()
    return start + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
AMBIGUOUS = {
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 35", body=NEXT),
    "a list of lengths": post(b"Content-Length: 35, 0", body=NEXT),
    "length with a plus": post(b"Content-Length: +0", body=NEXT),
    "negative length": post(b"Content-Length: -1", body=NEXT),
    "length in hex": post(b"Content-Length: 0x0", body=NEXT),
    "length past 2^64": post(b"Content-Length: 18446744073709551616", body=NEXT),
    "length with a space": post(b"Content-Length : 0", body=NEXT),
    "another coding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + NEXT),
    "chunked, then another": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + NEXT),
    "two codings": post(CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + NEXT),
    "coding with a space": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + NEXT),
    "coding in HTTP/1.0": post(CHUNKED, body=b"0\r\n\r\n" + NEXT, version="1.0"),
    "a folded line": post(b"X: 1", b" Content-Length: 0", body=NEXT),
    "a bare CR": post(b"X: 1\rContent-Length: 0", body=NEXT),
    "NUL in a header": post(b"X: 1\x00", body=NEXT),
}
TOO_MUCH = {
    "many headers": (b"GET /health/live HTTP/1.1\r\n" + b"X: 1\r\n" * 50_000 + b"\r\n", {431}),
    "a long header": (b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", {431}),
    "a header without end": (b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 1_000_000, {431}),
    "a long address": (b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n\r\n", {414, 431}),
    "a chunk's extension": (post(CHUNKED, body=b"1;" + b"x" * 1_000_000 + b"\r\n"), {400, 405}),
    "trailers": (post(CHUNKED, body=b"0\r\n" + b"X: 1\r\n" * 50_000 + b"\r\n"), {400, 405}),
    "a chunk past 2^64": (post(CHUNKED, body=b"f" * 17 + b"\r\nx"), {400, 405}),
}


def send_raw(url, request, seconds=3.0):
    """Return all bytes of the answer until the server closes the connection or the time is over."""
    parts, answer = urlsplit(url), b""
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        with contextlib.suppress(OSError):  # the server may stop reading once it has answered
            connection.sendall(request)
        with contextlib.suppress(OSError):
            while received := connection.recv(65_536):
                answer += received
    return answer


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_request_with_an_ambiguous_end_is_refused_and_the_connection_closed(program, name):
    answer = send_raw(program.url, AMBIGUOUS[name])
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.count(b"HTTP/1.") == 1


def test_chunked_encoding_wins_over_content_length(program):
    for both in ((b"Content-Length: 5", CHUNKED), (CHUNKED, b"Content-Length: 5")):
        answer = send_raw(program.url, post(*both, body=b"0\r\n\r\n" + NEXT), 1)
        assert answer.count(b"HTTP/1.") == 1
        assert b"smuggled" not in answer


@pytest.mark.parametrize("name", TOO_MUCH)
def test_an_oversized_request_is_refused(program, name):
    request, statuses = TOO_MUCH[name]
    answer = send_raw(program.url, request, 3)
    # The answer may be lost if the server closes the connection while the client still sends.
    assert answer == b"" or int(answer.split()[1]) in statuses


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"X: 1\r\n" * 98, 200),  # and two others
        (b"X: 1\r\n" * 99, 431),
        (b"X: " + b"x" * 65_000 + b"\r\n", 200),
        (b"X: " + b"x" * 2 * 65_536 + b"\r\n", 431),
    ],
    ids=["100 headers", "101 headers", "less than 64 KiB", "more than 128 KiB"],
)
def test_the_limits_on_headers_are_the_documented_ones(program, headers, status):
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n"
    answer = send_raw(program.url, request)
    assert (answer == b"" and status == 431) or int(answer.split()[1]) == status


def test_a_thousand_pipelined_requests_are_answered_in_order(program):
    paths = [f"/pipelined-{number}" for number in range(1000)]
    request = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
    answer = send_raw(program.url, request + b"\x00 garbage\r\n\r\n").decode()
    places = [answer.find(f'"instance":"{path}"') for path in paths]
    assert -1 not in places
    assert places == sorted(places)


def unfinished_requests():
    """Return beginnings of requests that never end."""
    body = head("POST", "/api/v1/bookings", Content_Length="9000", **AUTHORIZED)
    chunks = head("POST", "/api/v1/bookings", Transfer_Encoding="chunked", **AUTHORIZED)
    return [b"GET /api/v1/fl", body[:-2], body + b'{"flight_id": "', chunks + b"5\r\nabcde\r\n2"]


async def test_thousands_of_idle_or_slow_connections_do_not_delay_other_clients(program, api, operator):
    # Other attacks leave thousands of unpaid seats to the clients that they share.
    alice = ApiCaller.of(api, new_client())
    flight = await operator.create_flight(seats=900)
    root = program.process.pid
    await asyncio.gather(*[alice.get("/flights") for _ in range(50)])
    memory, files = memory_bytes(root), open_files(root)
    crowd = [await dial(program.url) for _ in range(IDLE + SLOW)]
    slow = [writer for _, writer in crowd[IDLE:]]
    for writer, request in zip(slow, itertools.cycle(unfinished_requests()), strict=False):
        writer.write(request)
    slow_in_turn = itertools.cycle(slow)
    try:
        assert open_files(root) >= files + IDLE
        seconds, ends = [], time.monotonic() + LOAD_SECONDS
        while time.monotonic() < ends:
            seconds.append(await timed(alice.book(flight), 201))
            seconds.append(await timed(alice.get("/flights?limit=5"), 200))
            for writer in itertools.islice(slow_in_turn, SLOW_AT_ONCE):
                writer.write(b"x")
        assert max(seconds) < ANSWER_SECONDS_MAX, statistics.quantiles(seconds, n=20)
        assert memory_bytes(root) - memory < MEMORY_BYTES_MAX
    finally:
        for _, writer in crowd:
            writer.transport.abort()
    await await_until(lambda: open_files(root) <= files + 50, 10, "the connections are closed")
    assert memory_bytes(root) - memory < MEMORY_BYTES_MAX


async def test_a_flood_of_short_connections_leaves_no_memory_or_files_in_use(program, api, alice):
    root = program.process.pid
    memory, files = memory_bytes(root), open_files(root)
    for _ in range(10):
        connections = await asyncio.gather(*[dial(program.url) for _ in range(300)])
        for number, (_, writer) in enumerate(connections):
            writer.write(
                [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"GET /health/live HTTP/1.1\r\nX: "][number % 4]
            )
            writer.transport.abort() if number % 2 else writer.close()
        assert await timed(alice.get("/flights?limit=5"), 200) < ANSWER_SECONDS_MAX
    await await_until(lambda: open_files(root) <= files + 50, 10, "the connections are closed")
    assert memory_bytes(root) - memory < MEMORY_BYTES_MAX


async def dial(url):
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def timed(call, status):
    started = time.monotonic()
    answer = await call
    assert answer.status == status, answer
    return time.monotonic() - started
