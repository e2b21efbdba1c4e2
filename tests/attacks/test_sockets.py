"""Floods, slow and silent callers, and bytes that lie about where a request ends: others are still served."""

import asyncio
import contextlib
import socket
import statistics
import time
from urllib.parse import urlsplit

import pytest

from tests.contract.people import ALICE
from tests.contract.wire import head
from trials.bench.footprint import memory_bytes, open_files

IDLE = 3_000
SLOW = 600
SIEGE_SECONDS = 3
ANSWER_SECONDS_MAX = 1.0
MEMORY_BYTES_MAX = 150 * 1024**2
"""What all callers together may make the program keep; 3,600 connections cost about a third of it."""

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


def talk(url, said, seconds=3.0):
    """All that is answered until the server hangs up, or the time is over."""
    parts, heard = urlsplit(url), b""
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        with contextlib.suppress(OSError):  # it need not read on once it has answered
            connection.sendall(said)
        with contextlib.suppress(OSError):
            while received := connection.recv(65_536):
                heard += received
    return heard


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_request_that_might_end_in_two_places_is_refused_and_hung_up_on(program, name):
    heard = talk(program.url, AMBIGUOUS[name])
    assert heard.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert heard.count(b"HTTP/1.") == 1


def test_chunks_win_over_a_length_and_the_rest_is_no_request(program):
    for both in ((b"Content-Length: 5", CHUNKED), (CHUNKED, b"Content-Length: 5")):
        heard = talk(program.url, post(*both, body=b"0\r\n\r\n" + NEXT), 1)
        assert heard.count(b"HTTP/1.") == 1
        assert b"smuggled" not in heard


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_cut_off(program, name):
    said, statuses = TOO_MUCH[name]
    heard = talk(program.url, said, 3)
    # Hung up on while still talking, a caller may not hear the answer.
    assert heard == b"" or int(heard.split()[1]) in statuses


def test_a_thousand_requests_in_one_breath_are_answered_in_order(program):
    paths = [f"/pipelined-{number}" for number in range(1000)]
    said = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
    heard = talk(program.url, said + b"\x00 garbage\r\n\r\n").decode()
    places = [heard.find(f'"instance":"{path}"') for path in paths]
    assert -1 not in places
    assert places == sorted(places)


def beginnings():
    """What callers have said who will never finish."""
    body = head("POST", "/api/v1/bookings", Content_Length="9000", **AUTHORIZED)
    chunks = head("POST", "/api/v1/bookings", Transfer_Encoding="chunked", **AUTHORIZED)
    return [b"GET /api/v1/fl", body[:-2], body + b'{"flight_id": "', chunks + b"5\r\nabcde\r\n2"]


async def test_thousands_who_say_nothing_or_little_starve_nobody(program, api, alice, operator):
    flight = await operator.create_flight(seats=900)
    root = program.process.pid
    await asyncio.gather(*[alice.get("/flights") for _ in range(50)])
    memory, files = memory_bytes(root), open_files(root)
    crowd = [await dial(program.url) for _ in range(IDLE + SLOW)]
    trickle = asyncio.create_task(trickled(crowd[IDLE:]))
    try:
        assert open_files(root) >= files + IDLE
        seconds, ends = [], time.monotonic() + SIEGE_SECONDS
        while time.monotonic() < ends:
            seconds.append(await timed(alice.book(flight), 201))
            seconds.append(await timed(alice.get("/flights?limit=5"), 200))
            await asyncio.sleep(0.02)
        assert max(seconds) < ANSWER_SECONDS_MAX, statistics.quantiles(seconds, n=20)
        assert memory_bytes(root) - memory < MEMORY_BYTES_MAX
    finally:
        trickle.cancel()
        for _, writer in crowd:
            writer.transport.abort()
    await until(lambda: open_files(root) <= files + 50)
    assert memory_bytes(root) - memory < MEMORY_BYTES_MAX


async def test_a_flood_of_short_visits_leaves_nothing_behind(program, api, alice):
    root = program.process.pid
    memory, files = memory_bytes(root), open_files(root)
    for _ in range(10):
        visitors = await asyncio.gather(*[dial(program.url) for _ in range(300)])
        for number, (_, writer) in enumerate(visitors):
            writer.write(
                [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"GET /health/live HTTP/1.1\r\nX: "][number % 4]
            )
            writer.transport.abort() if number % 2 else writer.close()
        assert await timed(alice.get("/flights?limit=5"), 200) < ANSWER_SECONDS_MAX
    await until(lambda: open_files(root) <= files + 50)
    assert memory_bytes(root) - memory < MEMORY_BYTES_MAX


async def dial(url):
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def trickled(connections):
    """A byte now and then from each, as slow as may be without being silent."""
    said = beginnings()
    for number, (_, writer) in enumerate(connections):
        writer.write(said[number % len(said)])
    while True:
        await asyncio.sleep(0.2)
        for _, writer in connections:
            writer.write(b"x")


async def timed(call, status):
    started = time.monotonic()
    answer = await call
    assert answer.status == status, answer
    return time.monotonic() - started


async def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
