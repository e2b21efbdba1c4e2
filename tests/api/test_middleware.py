"""Request ids, problems, log lines and metrics of all requests."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from loguru import logger

from api.http import metrics
from api.http.middleware import RequestMiddleware
from ledger.submission import Overloaded, Unavailable
from tests.api.conftest import BA117, People, client, token


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Collect log records."""
    records: list[dict[str, Any]] = []
    sink = logger.add(lambda message: records.append(dict(message.record)), level="DEBUG")
    yield records
    logger.remove(sink)


@pytest.mark.parametrize("given", ["abcdefgh", "A_b-9" * 12])
async def test_a_valid_request_id_is_returned(people: People, given: str) -> None:
    for path in ("/health/live", "/nowhere", "/api/v1/bookings"):
        answer = await people.anonymous.get(path, headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given
        if answer.is_error:
            assert answer.json()["request_id"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "has space", "new\tline", "a;drop--table", "ümlautümlaut"]
)
async def test_an_invalid_request_id_is_replaced(people: People, given: str) -> None:
    answer = await people.anonymous.get("/health/live", headers={"x-request-id": given.encode()})
    assert len(answer.headers["x-request-id"]) == 36


async def test_every_problem_has_all_members(people: People) -> None:
    answers = [
        await people.anonymous.get("/nowhere?secret=1"),
        await people.anonymous.get("/api/v1/bookings?secret=1"),
        await people.analyst.get("/api/v1/bookings"),
        await people.alice.post(
            "/api/v1/bookings", content=b"{", headers={"content-type": "application/json"}
        ),
        await people.alice.get("/api/v1/bookings/x"),
    ]
    for answer in answers:
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["type"] == f"/problems/{body['code']}"
        assert body["status"] == answer.status_code
        assert {"title", "detail", "instance", "request_id"} <= body.keys()
        assert "secret" not in answer.text
        assert ("errors" in body) is (answer.status_code == 400)


@pytest.mark.parametrize(
    ("broken", "status", "code", "logged"),
    [
        (Unavailable(), 503, "unavailable", False),
        (Overloaded(), 503, "overloaded", False),
        (RuntimeError("the password is swordfish"), 500, "internal-error", True),
        (psycopg.DataError("swordfish"), 500, "internal-error", True),
    ],
)
async def test_an_internal_error_discloses_no_details(
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[dict[str, Any]],
    broken: Exception,
    status: int,
    code: str,
    logged: bool,
) -> None:
    async def submit(*_: Any) -> Any:
        raise broken

    monkeypatch.setattr(people.app.state.shared.ledgers.main, "submit", submit)
    answer = await people.operator.post("/api/v1/flights", json=BA117)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "swordfish" not in answer.text
    assert ("retry-after" in answer.headers) is (status == 503)
    assert any(record["message"] == "request.failed" and record["exception"] for record in lines) is logged


async def test_a_too_long_url_is_refused(people: People) -> None:
    for path in ("/" + "a" * 9000, "/api/v1/flights?cursor=" + "a" * 9000):
        answer = await people.analyst.get(path)
        assert (answer.status_code, len(answer.content) < 1000) == (414, True)


async def test_paths_with_encoded_special_characters_get_404(people: People) -> None:
    for path in ("/api/v1/bookings/%ff", "/api/v1/bookings/%00", "/%F0%9F%98%80", "/docs/%2e%2e%2fapp.py"):
        answer = await people.alice.get(path)
        assert answer.status_code == 404
        assert answer.json()["instance"].isascii()


async def test_an_id_is_accepted_in_canonical_form_only(people: People) -> None:
    id = (await people.booking(await people.flight()))["id"]
    digits = id.replace("-", "")
    arabic = id[:-1] + chr(ord("\N{ARABIC-INDIC DIGIT ZERO}") + int(id[-1], 16) % 10)
    for spelling in (digits, digits + "----", "{" + id + "}", arabic, id + "0"):
        assert (await people.alice.get(f"/api/v1/bookings/{spelling}")).status_code == 404
    assert (await people.alice.get(f"/api/v1/bookings/{id}")).json()["id"] == id


async def test_an_invalid_host_header_is_refused(people: People) -> None:
    for host in ("a b", "a/b", 'a"b'):
        answer = await people.anonymous.get("/health/live", headers={"host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_an_error_after_the_response_started_sends_no_second_response(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken off")

    monkeypatch.setattr("api.resources.operations.Reply", lambda *_: reply)
    with pytest.raises(RuntimeError, match="broken off"):
        await people.anonymous.get("/health/live")


async def test_the_log_line_contains_no_names_and_no_secrets(
    people: People, lines: list[dict[str, Any]]
) -> None:
    await people.alice.get("/api/v1/flights?cursor=swordfish", headers={"x-request-id": "request-1"})
    extra = next(record["extra"] for record in lines if record["message"] == "request")
    assert (extra["request_id"], extra["status"]) == ("request-1", 400)
    assert extra["path"] == "/api/v1/flights"
    for path in ("commands/alice/pay_booking/none", "commands/alice", "%63ommands/alice/pay_booking/none"):
        await people.bob.get(f"/api/v1/{path}")
    logged = str([record["extra"] for record in lines if record["message"] == "request"])
    assert "alice" not in logged
    assert "swordfish" not in logged
    assert token("alice", "client")[:20] not in str(lines)


async def test_a_refused_caller_is_logged_with_address_and_reason(
    people: People, lines: list[dict[str, Any]]
) -> None:
    old = token("alice", "client", exp=1)
    for bearer, reason in [
        (None, "no token"),
        ("no-compact-serialization", "not a compact JWS"),
        (old[:-4] + "AAAA", "wrong signature"),
        (old, "expired"),
        (token("alice", "client", iat=4_000_000_000), "iat or nbf lies in the future"),
        (token("alice", "client", aud="another"), "another audience"),
    ]:
        await client(people.app, bearer).get("/api/v1/bookings")
        extra = [record["extra"] for record in lines if record["message"] == "request"][-1]
        assert (extra["status"], extra["address"], extra["reason"]) == (401, "127.0.0.1", reason)
        assert bearer is None or bearer[-10:] not in str(lines)
    await people.analyst.get("/api/v1/bookings")
    extra = [record["extra"] for record in lines if record["message"] == "request"][-1]
    assert (extra["status"], extra["address"]) == (403, "127.0.0.1")


async def test_the_log_line_of_a_command_has_its_outcome(people: People, lines: list[dict[str, Any]]) -> None:
    booking = await people.booking(await people.flight())
    await people.pay(booking, "pay-1")
    extra = [record["extra"] for record in lines if record["message"] == "request"][-1]
    assert (extra["status"], extra["key"], extra["position"]) == (201, "pay-1", 4)
    assert str(extra["booking_id"]) == booking["id"]


async def test_refusals_are_logged_at_info_and_successes_at_debug(
    people: People, lines: list[dict[str, Any]]
) -> None:
    await people.alice.get("/api/v1/flights")
    await people.flight()
    await people.alice.get("/nowhere")
    levels = [record["level"].name for record in lines if record["message"] == "request"]
    assert levels == ["DEBUG", "DEBUG", "INFO"]


async def test_a_request_that_is_disconnected_is_logged(lines: list[dict[str, Any]]) -> None:
    async def breaks_off(*_: Any) -> None:
        raise ConnectionError("the client disconnected")

    scope: Any = {"type": ScopeType.HTTP, "method": "POST", "headers": [], "state": {}}
    scope |= {"raw_path": b"/api/v1/bookings", "query_string": b""}
    with pytest.raises(ConnectionError):
        await RequestMiddleware(breaks_off, lambda: False, breaks_off)(scope, breaks_off, breaks_off)
    (extra,) = (record["extra"] for record in lines if record["message"] == "request")
    assert (extra["method"], extra["path"], extra["status"]) == ("POST", "/api/v1/bookings", 500)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("'; drop table", False),
    ],
)
async def test_a_valid_traceparent_is_stored_with_the_event(
    people: People, database_url: str, given: str, kept: bool
) -> None:
    await people.operator.post("/api/v1/flights", json=BA117, headers={"traceparent": given})
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("select traceparent from ledger.events")
        assert await cursor.fetchall() == [(given if kept else "",)]


async def test_metrics_are_labelled_by_route_and_never_by_client_input(people: People) -> None:
    await people.flight()
    for path in ("/api/v1/flights/swordfish", "/swordfish", "/api/v1/bookings"):
        await people.anonymous.get(path)
    await people.anonymous.request("BREW", "/swordfish")
    answer = await people.operator.get("/metrics")
    assert answer.headers["content-type"] == metrics.CONTENT_TYPE
    assert "swordfish" not in answer.text
    assert "BREW" not in answer.text
    for line in (
        'seatledger_http_requests_total{method="GET",route="/api/v1/flights/{id}",status="401"}',
        'seatledger_http_requests_total{method="other",route="unmatched",status="404"}',
        'seatledger_http_requests_total{method="POST",route="/api/v1/flights",status="201"}',
        "ledger_position 1.0",
    ):
        assert line in answer.text


async def test_readiness_shows_details_to_auditors_and_operators_only(people: People) -> None:
    names: set[tuple[str, ...]] = set()
    bad = client(people.app, "not.a.token")
    for caller in (people.anonymous, bad, people.alice, people.analyst, people.auditor, people.operator):
        answer = await caller.get("/health/ready")
        checks = answer.json()["checks"]
        names.add(tuple(check["name"] for check in checks))
        assert answer.status_code == 200
        assert all(check["ok"] and check["vital"] for check in checks if check["name"] == "durability")
        has_details = caller in (people.auditor, people.operator)
        assert ("fsync" in answer.text) is has_details
        assert any(check["detail"] for check in checks) is has_details
    assert len(names) == 1


async def test_no_answer_is_sniffed_and_no_cache_keeps_an_answer_with_personal_data(people: People) -> None:
    booking = await people.booking(await people.flight())
    private = [
        await people.alice.get(f"/api/v1/bookings/{booking['id']}"),
        await people.alice.get("/api/v1/bookings"),
        await people.alice.get(f"/api/v1/bookings/{booking['id']}/history"),
        await people.auditor.get("/api/v1/events"),
        await people.pay(booking),
        await people.bob.get(f"/api/v1/bookings/{booking['id']}"),
        await people.anonymous.get("/api/v1/bookings"),
        await people.operator.get("/metrics"),
    ]
    public = [await people.anonymous.get(path) for path in ("/docs", "/docs/index.html", "/health/live")]
    for answer in private:
        kept = answer.request.method == "GET" and answer.status_code == 200 and answer.url.path != "/metrics"
        expected = "private, no-cache" if kept else "no-store"
        assert answer.headers.get_list("cache-control") == [expected], answer.url
    for answer in private + public:
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], answer.url


async def test_readiness_names_the_failed_check(people: People, database_url: str) -> None:
    assert (await people.anonymous.get("/health/ready")).json()["status"] == "ok"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        name = connection.info.dbname
        await connection.execute(f'alter database "{name}" set synchronous_commit = off')
    answer = await people.anonymous.get("/health/ready")
    assert answer.status_code == 503
    assert "durability" in answer.json()["detail"]
    assert "synchronous_commit" not in answer.text
    assert "synchronous_commit" in (await people.operator.get("/health/ready")).json()["detail"]
    assert answer.headers["retry-after"]
    assert (await people.anonymous.get("/health/live")).status_code == 200
