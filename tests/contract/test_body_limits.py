"""Only JSON, and not much of it: 415 for other media types, 413 above 64 KiB."""

import json

import pytest

from tests.contract.people import ALICE
from tests.contract.samples import unknown_id
from tests.contract.wire import chunked, exchange, head

PATH = "/api/v1/bookings"
LIMIT = 64 * 1024
PIECE = b" " * 10_240


def post(**headers):
    return head(
        "POST", PATH, Authorization=f"Bearer {ALICE.token()}", Content_Type="application/json", **headers
    )


@pytest.mark.parametrize("pieces", [7, 1024], ids=["70 KiB", "10 MiB"])
def test_a_body_with_a_large_content_length_is_a_413(program, pieces):
    parts = [post(Content_Length=str(pieces * len(PIECE))), *[PIECE] * pieces]
    status, headers, problem = exchange(program, parts)
    assert (status, problem["status"], bool(headers["x-request-id"])) == (413, 413, True)


@pytest.mark.parametrize("pieces", [7, 1024], ids=["70 KiB", "10 MiB"])
def test_a_chunked_body_above_the_limit_is_a_413(program, pieces):
    parts = [post(Transfer_Encoding="chunked"), *chunked([PIECE] * pieces)]
    status, _, problem = exchange(program, parts)
    assert (status, problem["status"]) == (413, 413)


def test_a_content_length_of_terabytes_is_refused_before_the_body_is_read(program):
    status, _, _ = exchange(program, [post(Content_Length=str(10**13)), PIECE])
    assert status == 413


async def test_a_body_of_exactly_the_limit_is_read(operator, alice):
    flight = await operator.create_flight()
    wish = json.dumps({"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}).encode()
    (await alice.post("/bookings", content=wish.ljust(LIMIT))).created()
    (await alice.post("/bookings", content=wish.ljust(LIMIT + 1))).refusal(413)


async def test_a_chunked_body_within_the_limit_is_read(operator, alice):
    flight = await operator.create_flight()
    wish = json.dumps({"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}).encode()

    async def in_two_parts():
        yield wish[:20]
        yield wish[20:]

    (await alice.post("/bookings", content=in_two_parts())).created()


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/msgpack",
        "application/problem+json",
        "json",
    ],
)
async def test_a_body_of_another_media_type_is_a_415(operator, alice, media_type):
    flight = await operator.create_flight()
    wish = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}
    (await alice.post("/bookings", wish, headers={"Content-Type": media_type})).refusal(415)
    assert await alice.count_seats(flight) == (0, 0, 10)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused(operator, alice, encoding):
    flight = await operator.create_flight()
    wish = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}
    (await alice.post("/bookings", wish, headers={"Content-Encoding": encoding})).refusal(415)
    (await alice.post("/bookings", wish, headers={"Content-Encoding": "identity"})).created()
    assert await alice.count_seats(flight) == (1, 0, 9)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_application_json_is_accepted_with_a_charset_and_in_any_case(operator, alice, media_type):
    wish = {"flight_id": (await operator.create_flight())["id"], "user_id": alice.sub, "seats": 1}
    (await alice.post("/bookings", wish, headers={"Content-Type": media_type})).created()


async def test_the_media_type_is_checked_before_the_body(alice):
    nonsense = {"flight_id": unknown_id()}
    (await alice.post("/bookings", nonsense, headers={"Content-Type": "text/plain"})).refusal(415)
