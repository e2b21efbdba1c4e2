"""Slow, silent and hostile clients: other clients are served, and the log stays intact."""

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


def unfinished_requests():
    """Return beginnings of requests that never end."""
    token = f"Bearer {ALICE.token()}"
    whole_head = head(
        "POST", "/api/v1/bookings", Authorization=token, Content_Type="application/json", Content_Length="90"
    )
    return [b"", b"GET /api/v1/fl", whole_head[:-2], whole_head + b'{"flight_id": "']


async def test_slow_and_silent_clients_do_not_block_other_clients(program, operator, alice):
    flight = await operator.create_flight()
    with contextlib.ExitStack() as open_sockets:
        for request in unfinished_requests() * (SLOW // 4):
            connection = open_sockets.enter_context(dial(program.url))
            connection.sendall(request)
        for _ in range(3):
            started = time.monotonic()
            answers = await asyncio.gather(*[alice.book(flight), *[alice.get("/flights") for _ in range(8)]])
            assert time.monotonic() - started < SECONDS_MAX
            assert [answer.status for answer in answers] == [201] + [200] * 8


async def test_bytes_that_are_not_http_do_not_block_other_clients(program, alice):
    for garbage in (
        b"\x00" * 64,
        b"\x16\x03\x01\x02\x00" + b"\xff" * 60,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 50,
    ):
        with dial(program.url) as connection:
            connection.sendall(garbage)
    assert (await alice.get("/flights")).status == 200


async def test_text_that_looks_like_sql_is_not_executed(operator, alice):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    hostile = "'; SELECT pg_sleep(99); DROP TABLE bookings; --"
    started = time.monotonic()
    (await alice.get("/flights" + query(origin=hostile))).refusal(400)
    (await alice.get("/bookings" + query(cursor=hostile))).refusal(400)
    (await alice.post(f"/bookings/{booking['id']}/cancel", {"reason": hostile}, key=new_key())).ok()
    assert time.monotonic() - started < SECONDS_MAX
    [*_, last] = await alice.read_history(booking)
    assert hostile in json.dumps(last["data"], ensure_ascii=False)


async def test_clients_cannot_forge_log_lines(program, operator, alice):
    texts = [
        f"\n{FORGED}",
        f"\r\n{FORGED}\r\n",
        "{} {0.__class__} {message} %s %(name)s",
        "<red>red</red> </> \\<level>",
        "\x1b[2J\x1b[31m",
        "\u2028" + FORGED + "\u0085" + FORGED,
    ]
    for text in texts:
        booking = (await alice.book(await operator.create_flight())).created()
        path = f"/bookings/{booking['id']}/cancel"
        assert (await alice.post(path, {"reason": text})).status in (200, 400)
        plain = text.replace("\r", "").replace("\n", "")
        harmless = "".join(letter for letter in plain if letter.isprintable())
        sent = {"User-Agent": harmless, "x-request-id": harmless, "traceparent": harmless}
        await alice.get("/flights" + query(origin=text), headers=sent)
        await alice.get(f"/flights/{query(x=text)[3:]}", headers=sent)
    for line in program.log_lines():
        record = json.loads(line)
        assert isinstance(record, dict), line
        assert record != json.loads(FORGED), line
        assert record.get("message") != "forged", line


async def test_no_secret_is_in_the_log(api, program, alice):
    await alice.get("/bookings")
    wrong_key = alice.token[:-4] + "AAAA"
    (await api.call("GET", "/api/v1/bookings", token=wrong_key)).refusal(401)
    output = "\n".join(program.log_lines()) + program.stdout.read_text() + program.stderr.read_text()
    for secret in (SECRET, alice.token, wrong_key):
        assert secret not in output
