"""Lists of bookings: filters, and pages that contain every row exactly once."""

import re

from tests.contract.samples import query, unknown_id


async def book_in_three_states(operator, carol):
    """Return three bookings of one flight: initiated, booked and cancelled."""
    flight = await operator.create_flight()
    initiated, booked, cancelled = [(await carol.book(flight)).created() for _ in range(3)]
    booked = (await carol.pay(booked)).created()["booking"]
    cancelled = (await carol.cancel(cancelled)).ok()
    return flight, {row["status"]: row for row in (initiated, booked, cancelled)}


async def list_rows(caller, **filters):
    return (await caller.get("/bookings" + query(**filters))).ok()["data"]


async def test_a_row_of_a_list_equals_the_booking_by_id(operator, crowd):
    [carol] = crowd(1)
    _, by_status = await book_in_three_states(operator, carol)
    listed = {row["status"]: row for row in await list_rows(carol, limit=200)}
    assert listed == by_status


async def test_bookings_are_filtered_by_status_flight_and_user(operator, auditor, crowd):
    carol, dave = crowd(2)
    flight, by_status = await book_in_three_states(operator, carol)
    other = (await dave.book(flight)).created()
    for status in ("initiated", "booked", "cancelled"):
        assert await list_rows(carol, status=status, flight_id=flight["id"]) == [by_status[status]]
    assert await list_rows(carol, status="pending") == []
    assert len(await list_rows(auditor, flight_id=flight["id"])) == 4
    assert await list_rows(auditor, flight_id=flight["id"], user_id=dave.sub) == [other]
    assert await list_rows(operator, user_id=dave.sub) == [other]
    assert await list_rows(auditor, flight_id=unknown_id()) == []


async def test_pages_of_bookings_contain_every_row_exactly_once(operator, crowd):
    [carol] = crowd(1)
    flight = await operator.create_flight()
    made = [(await carol.book(flight)).created()["id"] for _ in range(7)]
    for limit in (1, 3, 7, 8):
        walked, cursor = [], {}
        while cursor is not None:
            page = (await carol.get("/bookings" + query(limit=limit, **cursor))).ok()
            walked += [row["id"] for row in page["data"]]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] is not None else None
        assert sorted(walked) == sorted(made), f"limit {limit}"


async def test_rows_added_between_two_pages_hide_no_other_row(operator, crowd):
    [carol] = crowd(1)
    flight = await operator.create_flight()
    made = {(await carol.book(flight)).created()["id"] for _ in range(4)}
    first = (await carol.get("/bookings?limit=2")).ok()
    (await carol.book(flight)).created()
    ids = [row["id"] for row in first["data"]]
    ids += [row["id"] for row in await list_rows(carol, limit=200, cursor=first["next_cursor"])]
    assert made <= set(ids)
    assert len(ids) == len(set(ids))


async def test_an_invalid_filter_is_a_400(alice):
    for nonsense in ("status=paid", "status=", "flight_id=BA117", "user_id=alice%00", "flight_id=%27--"):
        (await alice.get(f"/bookings?{nonsense}")).refusal(400)


async def test_a_reference_finds_the_booking_whatever_the_case_typed(operator, auditor, crowd):
    [carol] = crowd(1)
    booking = (await carol.book(await operator.create_flight())).created()
    reference = booking["reference"]
    assert re.fullmatch("[ABCDEFGHJKMNPQRSTUVWXYZ23456789]{6}", reference, re.ASCII)
    for caller in (carol, operator, auditor):
        for typed in (reference, reference.lower()):
            assert await list_rows(caller, reference=typed) == [booking]
    assert await list_rows(carol, reference=reference, status="cancelled") == []


async def test_a_reference_stays_in_every_answer_about_the_booking(operator, auditor, crowd):
    [carol] = crowd(1)
    flight = await operator.create_flight()
    held = (await carol.book(flight)).created()
    paid = (await carol.pay(held)).created()["booking"]
    cancelled = (await carol.cancel(held)).ok()
    past = (await carol.find_booking(held, "?version=1")).ok()
    history = (await carol.get(f"/bookings/{held['id']}/history")).ok()
    rows = (held, paid, cancelled, past, history, *await list_rows(carol, reference=held["reference"]))
    assert {row["reference"] for row in rows} == {held["reference"]}
    again = (await carol.book(flight)).created()
    assert again["reference"] != held["reference"]
    taker = (await auditor.get(f"/flights/{flight['id']}/why")).ok()["taken_by"][0]
    assert taker["reference"] == again["reference"]


async def test_a_client_finds_only_its_own_bookings_by_reference(operator, crowd):
    carol, dave = crowd(2)
    hers = (await carol.book(await operator.create_flight())).created()
    assert await list_rows(dave, reference=hers["reference"]) == []


async def test_a_reference_that_was_never_given_is_an_empty_list(operator):
    assert await list_rows(operator, reference="ZZZZZZ") == []
    assert await list_rows(operator, reference="ZZZZZZZZZZZZ") == []


async def test_a_text_that_is_no_reference_is_a_400(alice):
    for nonsense in ("VHRN2", "VHRN2O", "VHRN2I", "VHRN21", "VHRN-6", "VHRN26%0A", "", "Z" * 13):
        (await alice.get(f"/bookings?reference={nonsense}")).refusal(400)
