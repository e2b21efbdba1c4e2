"""Invalid bodies: a 400, and never a 500."""

import json

import pytest

from tests.contract.samples import BA117, on_own_day, unknown_id

NOT_SEATS = {
    "a string": '"1"',
    "true": "true",
    "a float": "1.0",
    "a fraction": "1.5",
    "an exponent": "1e0",
    "null": "null",
    "a list": "[1]",
    "an object": "{}",
    "zero": "0",
    "minus zero": "-0",
    "negative": "-1",
    "too many": "10",
    "2^53": str(2**53),
    "2^64": str(2**64),
    "five thousand digits": "1" * 5000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "1e400": "1e400",
    "1e99999": "1e99999",
    "two thousand lists": "[" * 2000 + "]" * 2000,
    "two thousand objects": '{"a":' * 2000 + "1" + "}" * 2000,
    "two thousand open lists": "[" * 2000,
}
NOT_BOOKINGS = {
    "nothing": b"",
    "white space": b" \n ",
    "half an object": b'{"flight_id": "',
    "two objects": b"{}{}",
    "a trailing comma": b'{"seats": 1,}',
    "single quotes": b"{'seats': 1}",
    "a comment": b'{"seats": 1 /* one */}',
    "a list": b"[]",
    "a string": b'"seats"',
    "a number": b"1",
    "null": b"null",
    "two thousand lists": b"[" * 2000 + b"]" * 2000,
    "two thousand objects": b'{"a":' * 2000 + b"{}" + b"}" * 2000,
    "bytes that are not UTF-8": b'{"flight_id": "\xff\xfe"}',
    "UTF-16": json.dumps({"seats": 1}).encode("utf-16"),
    "raw NUL": b'{"seats": 1}\x00',
}
NOT_REASONS = {
    "escaped NUL": rb'"a\u0000b"',
    "raw NUL": b'"a\x00b"',
    "raw newline": b'"a\nb"',
    "lone high surrogate": rb'"\ud800"',
    "lone low surrogate": rb'"\udc00"',
    "surrogates the wrong way round": rb'"\udc00\ud800"',
    "cut UTF-8": b'"\xe2\x82"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a number": b"1",
    "a list": b'["because"]',
    "two thousand lists": b"[" * 2000 + b"]" * 2000,
}


@pytest.mark.parametrize("name", NOT_SEATS)
async def test_a_booking_without_a_valid_number_of_seats_is_refused(operator, alice, name):
    flight = await operator.create_flight(seats=20)
    ids = f'"flight_id": "{flight["id"]}", "user_id": "{alice.sub}"'
    body = f'{{{ids}, "seats": {NOT_SEATS[name]}}}'
    (await alice.post("/bookings", content=body.encode())).refusal(400)
    assert await alice.count_seats(flight) == (0, 0, 20)


@pytest.mark.parametrize("name", NOT_BOOKINGS)
async def test_a_body_that_is_not_a_json_object_is_a_400(alice, name):
    (await alice.post("/bookings", content=NOT_BOOKINGS[name])).refusal(400)


@pytest.mark.parametrize("name", NOT_REASONS)
async def test_text_that_postgresql_cannot_store_is_refused(operator, alice, name):
    booking = (await alice.book(await operator.create_flight())).created()
    body = b'{"reason": ' + NOT_REASONS[name] + b"}"
    (await alice.post(f"/bookings/{booking['id']}/cancel", content=body)).refusal(400)
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize(
    "twice",
    [
        '"seats": 10, "seats": 10',
        '"seats": 10, "se\\u0061ts": 11',
        '"seats": 10, "price": {"amount": 1, "amount": 2, "currency": "INR"}',
    ],
)
async def test_a_key_given_twice_is_refused(operator, twice):
    first = json.dumps({k: v for k, v in on_own_day(BA117).items() if k != "seats"})
    (await operator.post("/flights", content=f"{first[:-1]}, {twice}}}".encode())).refusal(400)


async def test_an_unknown_field_is_refused(operator, alice):
    (await operator.schedule(gate="B42")).refusal(400)
    (await operator.schedule(price={"amount": 1, "currency": "INR", "tax": 1})).refusal(400)
    flight = await operator.create_flight()
    wish = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}
    (await alice.post("/bookings", wish | {"status": "booked"})).refusal(400)
    booking = (await alice.post("/bookings", wish)).created()
    (await alice.post(f"/bookings/{booking['id']}/cancel", {"refund": 1})).refusal(400)


@pytest.mark.parametrize("missing", ["flight_id", "user_id", "seats"])
async def test_a_missing_field_is_refused(operator, alice, missing):
    flight = await operator.create_flight()
    wish = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}
    del wish[missing]
    (await alice.post("/bookings", wish)).refusal(400)


@pytest.mark.parametrize("wrong", ["x", 7, None, "", [], "01900000-a11c-7e00-8000-00000000000g", "\n" * 36])
async def test_a_flight_id_that_is_not_a_uuid_is_refused(operator, wrong):
    wish = {"flight_id": wrong, "user_id": unknown_id(), "seats": 1}
    (await operator.post("/bookings", wish)).refusal(400)


@pytest.mark.parametrize("wrong", [7, None, "", [], "x" * 256, "\n" * 36])
async def test_a_user_id_that_is_not_a_line_of_text_is_refused(operator, wrong):
    wish = {"flight_id": unknown_id(), "user_id": wrong, "seats": 1}
    (await operator.post("/bookings", wish)).refusal(400)


@pytest.mark.parametrize(
    "strange",
    [
        "not-a-uuid",
        "1",
        "%00",
        "%ff%fe",
        "..%2f..%2finfo",
        "%27%20OR%201=1--",
        "01900000a11c7e0080000000000001",
        "%7B01900000-a11c-7e00-8000-000000000001%7D",
        "01900000-a11c-7e00-8000-000000000001%0A",
        "x" * 3000,
    ],
)
async def test_an_invalid_id_in_a_path_is_never_a_500(alice, operator, strange):
    for path in (f"/flights/{strange}", f"/flights/{strange}/availability", f"/bookings/{strange}"):
        assert (await alice.get(path)).status in (400, 404), path
    assert (await alice.post(f"/bookings/{strange}/cancel", {})).status in (400, 404)
    assert (await operator.post(f"/flights/{strange}/seats", {"seats": 5})).status in (400, 404)
    assert (await alice.get(f"/bookings/{strange}/history")).status in (400, 404)
