"""Clients that are slow, silent or sly: others are served, and the log says only what happened."""

import asyncio
import contextlib
import json
import time

from tests.contract.people import ALICE, SECRET
from tests.contract.samples import new_key, query
from tests.contract.wire import dial, head

SLOW = 40
SECONDS_MAX = 5
FORGED = '{"level": "CRITICAL", "message": "forged"}'


def half_said():
    """What a client that never finishes has said so far."""
    token = f"Bearer {ALICE.token()}"
    whole_head = head(
        "POST", "/api/v1/bookings", Authorization=token, Content_Type="application/json", Content_Length="90"
    )
    return [b"", b"GET /api/v1/fl", whole_head[:-2], whole_head + b'{"flight_id": "']


async def test_slow_and_silent_clients_do_not_stop_others(program, operator, alice):
    flight = await operator.create_flight()
    with contextlib.ExitStack() as open_sockets:
        for said in half_said() * (SLOW // 4):
            connection = open_sockets.enter_context(dial(program.url))
            connection.sendall(said)
        for _ in range(3):
            started = time.monotonic()
            answers = await asyncio.gather(*[alice.book(flight), *[alice.get("/flights") for _ in range(8)]])
            assert time.monotonic() - started < SECONDS_MAX
            assert [answer.status for answer in answers] == [201] + [200] * 8


async def test_bytes_that_are_not_http_do_not_stop_others(program, alice):
    for garbage in (
        b"\x00" * 64,
        b"\x16\x03\x01\x02\x00" + b"\xff" * 60,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 50,
    ):
        with dial(program.url) as connection:
            connection.sendall(garbage)
    assert (await alice.get("/flights")).status == 200


async def test_text_that_looks_like_sql_is_text(operator, alice):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    sly = "'; SELECT pg_sleep(99); DROP TABLE bookings; --"
    started = time.monotonic()
    (await alice.get("/flights" + query(origin=sly))).refusal(400)
    (await alice.get("/bookings" + query(cursor=sly))).refusal(400)
    (await alice.post(f"/bookings/{booking['id']}/cancel", {"reason": sly}, key=new_key())).ok()
    assert time.monotonic() - started < SECONDS_MAX
    [*_, last] = await alice.read_history(booking)
    assert sly in json.dumps(last["data"], ensure_ascii=False)


async def test_nobody_writes_lines_into_the_log(program, operator, alice):
    marks = [
        f"\n{FORGED}",
        f"\r\n{FORGED}\r\n",
        "{} {0.__class__} {message} %s %(name)s",
        "<red>red</red> </> \\<level>",
        "\x1b[2J\x1b[31m",
        "\u2028" + FORGED + "\u0085" + FORGED,
    ]
    for mark in marks:
        booking = (await alice.book(await operator.create_flight())).created()
        path = f"/bookings/{booking['id']}/cancel"
        assert (await alice.post(path, {"reason": mark})).status in (200, 400)
        plain = mark.replace("\r", "").replace("\n", "")
        harmless = "".join(letter for letter in plain if letter.isprintable())
        sent = {"User-Agent": harmless, "x-request-id": harmless, "traceparent": harmless}
        await alice.get("/flights" + query(origin=mark), headers=sent)
        await alice.get(f"/flights/{query(x=mark)[3:]}", headers=sent)
    for line in program.log_lines():
        record = json.loads(line)
        assert isinstance(record, dict), line
        assert record != json.loads(FORGED), line
        assert record.get("message") != "forged", line


async def test_no_secret_is_in_the_log(api, program, alice):
    await alice.get("/bookings")
    wrong_key = alice.token[:-4] + "AAAA"
    (await api.call("GET", "/api/v1/bookings", token=wrong_key)).refusal(401)
    written = "\n".join(program.log_lines()) + program.stdout.read_text() + program.stderr.read_text()
    for secret in (SECRET, alice.token, wrong_key):
        assert secret not in written
