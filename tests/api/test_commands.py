"""Commands over HTTP: idempotency keys, versions and response headers."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from api.app import create_app
from ledger.ledger import open_ledger
from tests.api.conftest import BA117, SECRET, SETTINGS, People, client, running, token


async def test_a_creation_returns_location_version_and_position(people: People) -> None:
    answer = await people.operator.post("/api/v1/flights", json=BA117)
    assert answer.headers["location"] == f"/api/v1/flights/{answer.json()['id']}"
    assert (answer.headers["etag"], answer.headers["ledger-position"]) == ('"v1"', "1")
    flight = await people.analyst.get(answer.headers["location"])
    assert flight.json() == answer.json()
    assert answer.json()["departs_at"] == "2040-05-17T21:45:00Z"


async def test_a_command_and_the_next_query_return_the_same_body(people: People) -> None:
    booking = await people.booking(await people.flight())
    assert (await people.alice.get(f"/api/v1/bookings/{booking['id']}")).json() == booking
    paid = (await people.pay(booking)).json()
    assert paid["booking"]["payment"] == {
        "payment_id": paid["payment_id"],
        "status": "captured",
        "capture_before": None,
    }
    assert (await people.alice.get(f"/api/v1/bookings/{booking['id']}")).json() == paid["booking"]
    cancelled = (await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")).json()
    assert cancelled["payment"]["status"] == "refund_due"
    assert (await people.alice.get(f"/api/v1/bookings/{booking['id']}")).json() == cancelled


async def test_a_repeated_command_gets_the_first_outcome_and_writes_nothing(people: People) -> None:
    booking = await people.booking(await people.flight())
    first, second = await people.pay(booking), await people.pay(booking)
    assert (second.status_code, second.content) == (first.status_code, first.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    for name in ("etag", "ledger-position"):
        assert second.headers[name] == first.headers[name]


async def test_a_refusal_is_stored_as_the_outcome(people: People) -> None:
    flight = await people.flight(seats=1)
    body = {"flight_id": flight["id"], "user_id": "alice", "seats": 2}
    headers = {"Idempotency-Key": "k"}
    first = await people.alice.post("/api/v1/bookings", json=body, headers=headers)
    await people.operator.post(f"/api/v1/flights/{flight['id']}/seats", json={"seats": 9})
    second = await people.alice.post("/api/v1/bookings", json=body, headers=headers)
    assert (first.json()["asked"], first.json()["free"]) == (2, 1)
    assert not {"location", "etag"} & set(first.headers)
    assert (second.status_code, second.content) == (409, first.content)
    assert second.headers["content-type"] == "application/problem+json"
    other = await people.alice.post("/api/v1/bookings", json=body | {"seats": 1}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_concurrent_commands_with_one_key_have_one_outcome(people: People) -> None:
    booking = await people.booking(await people.flight())
    answers = await asyncio.gather(*(people.pay(booking) for _ in range(20)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "idempotency-key-missing"),
        ({"x-idempotency-key": ""}, "idempotency-key-malformed"),
        ({"x-idempotency-key": "a b"}, "idempotency-key-malformed"),
        ({"x-idempotency-key": "a" * 256}, "idempotency-key-malformed"),
        ({"x-idempotency-key": "é".encode()}, "idempotency-key-malformed"),
        ([("x-idempotency-key", "a"), ("x-idempotency-key", "a")], "idempotency-key-malformed"),
        ({"x-idempotency-key": "a", "idempotency-key": "b"}, "malformed"),
        ({"x-idempotency-key": "a", "if-match": "v1"}, "malformed"),
        ({"x-idempotency-key": "a", "if-match": '"v1'}, "malformed"),
        ({"x-idempotency-key": "a", "if-match": '"v1" "v2"'}, "malformed"),
        ({"x-idempotency-key": "a", "if-match": '"v1", *'}, "malformed"),
        ({"x-idempotency-key": "a", "if-match": ""}, "malformed"),
        ({"x-idempotency-key": '""'}, "idempotency-key-malformed"),
        ({"x-idempotency-key": '"a b"'}, "idempotency-key-malformed"),
        ({"x-idempotency-key": '"a"', "idempotency-key": "b"}, "malformed"),
    ],
)
async def test_an_invalid_key_or_version_is_refused(people: People, headers: Any, code: str) -> None:
    body = {
        "booking_id": "01932c07-5bb0-7aaa-8000-00000000ba17",
        "user_id": "alice",
        "total_cost": {"amount": 1, "currency": "INR"},
    }
    answer = await people.alice.post("/api/v1/bookings/payments", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_both_key_headers_may_be_sent_with_the_same_key(people: People) -> None:
    booking = await people.booking(await people.flight())
    assert (await people.pay(booking, "a" * 255, **{"idempotency-key": "a" * 255})).status_code == 201


async def test_if_match_refuses_a_stale_version_only(people: People) -> None:
    booking = await people.booking(await people.flight())
    url = f"/api/v1/bookings/{booking['id']}/cancel"
    stale = await people.alice.post(url, headers={"if-match": '"v7"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 1)
    assert (await people.alice.post(url, headers={"if-match": '"v1"'})).status_code == 200
    other = await people.booking(await people.flight(number="BA118"))
    url = f"/api/v1/bookings/{other['id']}/cancel"
    assert (await people.alice.post(url, headers={"if-match": "*"})).status_code == 200


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"v7", "v1"', 200),
        ('"foreign" ,, "v1",', 200),
        ('"v7", "v8"', 412),
        ('W/"v1"', 412),
        ('W/"v1", "v7"', 412),
        ('"a1b2,c3"', 412),
        ('"v01"', 412),
        ('"V1"', 412),
        ('"v99999999999999999999"', 412),
        ("*", 200),
    ],
)
async def test_if_match_is_a_list_of_tags_that_match_exactly(
    people: People, if_match: str, status: int
) -> None:
    booking = await people.booking(await people.flight())
    url = f"/api/v1/bookings/{booking['id']}/cancel"
    answer = await people.alice.post(url, headers={"if-match": if_match})
    assert answer.status_code == status, answer.text
    if status == 412:
        assert (answer.json()["code"], answer.json()["version"]) == ("stale-version", 1)


async def test_a_412_is_not_kept_under_its_key(people: People) -> None:
    booking = await people.booking(await people.flight())
    url, key = f"/api/v1/bookings/{booking['id']}/cancel", {"x-idempotency-key": "c-1"}
    for if_match, status in (('"v2"', 412), ('"v3"', 412), ('"v1"', 200)):
        answer = await people.alice.post(url, headers=key | {"if-match": if_match})
        assert (answer.status_code, "idempotency-replayed" in answer.headers) == (status, False)
    again = await people.alice.post(url, headers=key | {"if-match": '"v9"'})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")


async def test_a_quoted_key_is_the_same_key_as_its_content(people: People) -> None:
    booking = await people.booking(await people.flight())
    first = await people.pay(booking, "b1")
    assert first.status_code == 201
    for headers in (
        {"x-idempotency-key": '"b1"'},
        {"x-idempotency-key": "b1", "idempotency-key": '"b1"'},
        {"x-idempotency-key": '"b1"', "idempotency-key": "b1"},
    ):
        again = await people.pay(booking, **headers)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    for key in ("b1", "%22b1%22"):
        outcome = await people.alice.get(f"/api/v1/commands/alice/pay_booking/{key}")
        assert (outcome.status_code, outcome.json()["key"]) == (200, "b1")


async def test_an_escape_in_a_quoted_key_stands_for_the_character(people: People) -> None:
    booking = await people.booking(await people.flight())
    assert (await people.pay(booking, 'b"\\1')).status_code == 201
    again = await people.pay(booking, '"b\\"\\\\1"')
    assert (again.status_code, again.headers.get("idempotency-replayed")) == (201, "true")


async def test_a_quoted_key_of_a_bulk_item_is_the_same_key_as_its_content(people: People) -> None:
    flight = await people.flight()
    hold = {"flight_id": flight["id"], "user_id": "alice", "seats": 1}
    first = await people.alice.post("/api/v1/bookings", json=hold, headers={"idempotency-key": '"b1"'})
    bulk = {"items": [{"key": key, **hold} for key in ("b1", '"b1"')]}
    answer = await people.alice.post("/api/v1/bookings/bulk", json=bulk)
    results = answer.json()["results"]
    assert [(one["key"], one["replayed"], one["body"]) for one in results] == [
        ("b1", True, first.json()),
        ('"b1"', True, first.json()),
    ]
    twice = await people.alice.post("/api/v1/bookings/bulk", json=bulk | {"atomic": True})
    assert (twice.status_code, "Given twice" in twice.json()["detail"]) == (400, True)


async def test_a_key_that_an_earlier_release_recorded_in_quotes_charges_once(
    people: People, database_url: str
) -> None:
    booking = await people.booking(await people.flight())
    first = await people.pay(booking, '"b1"')
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "set session_replication_role = replica;"
            "update ledger.commands set key = '\"b1\"' where operation = 'pay_booking'"
        )
    again = await people.pay(booking, '"b1"')
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (
        201,
        first.content,
        "true",
    )
    assert (await people.pay(booking, "b1")).json()["code"] == "already-paid"


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"reason": "plans changed"}', b'{"reason": null}'])
async def test_the_body_of_a_cancellation_is_optional(people: People, content: bytes | None) -> None:
    booking = await people.booking(await people.flight())
    headers = {"content-type": "application/json"} if content else {}
    url = f"/api/v1/bookings/{booking['id']}/cancel"
    answer = await people.alice.post(url, content=content, headers=headers)
    assert answer.json()["status"] == "cancelled"


async def test_a_cancellation_with_a_body_requires_the_json_content_type(people: People) -> None:
    booking = await people.booking(await people.flight())
    url = f"/api/v1/bookings/{booking['id']}/cancel"
    for kind in ("text/plain", ""):
        headers = {"content-type": kind} if kind else {}
        answer = await people.alice.post(url, content=b'{"reason": "x"}', headers=headers)
        assert answer.status_code == 415


async def test_request_id_and_key_are_stored_with_the_events(people: People) -> None:
    booking = await people.booking(await people.flight())
    await people.pay(booking, "pay-77", **{"x-request-id": "request-77"})
    events = (await people.auditor.get(f"/api/v1/bookings/{booking['id']}/history")).json()["events"]
    assert [event["correlation_id"] for event in events[1:]] == ["request-77"] * 2
    assert [event["causation_id"] for event in events[1:]] == ["pay-77"] * 2


async def test_only_an_operator_books_for_another_user(people: People) -> None:
    body = {"flight_id": (await people.flight())["id"], "user_id": "alice", "seats": 1}
    refused = await people.bob.post("/api/v1/bookings", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-your-account")
    created = await people.operator.post("/api/v1/bookings", json=body)
    assert created.status_code == 201
    client_and_auditor = client(people.app, token("alice", "client", "auditor"))
    assert (await client_and_auditor.get(created.headers["location"])).status_code == 200
    assert SECRET not in created.text


async def test_a_setting_allows_private_airports(database_url: str) -> None:
    settings = replace(SETTINGS, private_airports=("XXA=Asia/Kathmandu", "XXB=UTC"))
    async with running(app := create_app(settings, lambda: open_ledger(database_url, settings))):
        flight = await People.of(app).flight(origin="XXA", destination="XXB")
    assert flight["departs_at_local"] == "2040-05-18T03:30:00+05:45"
    assert flight["arrives_at_local"] == "2040-05-18T04:40:00+00:00"
    async with running(app := create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))):
        # Without the setting the flight is still read, and another one is refused.
        people = People.of(app)
        read = (await people.alice.get(f"/api/v1/flights/{flight['id']}")).json()
        refused = await people.operator.post("/api/v1/flights", json={**BA117, "origin": "XXA"})
    assert read == flight | {"departs_at_local": None, "arrives_at_local": None}
    assert refused.status_code == 400
