"""Refunds: the worklist, and settlement at most once."""

import asyncio

import pytest

from tests.contract.samples import (
    REFUND_FIELDS,
    at,
    is_server_id,
    new_key,
    query,
    rupees,
    unknown_id,
)

REQUESTS = 50


async def make_due_refund(operator, carol, seats=1):
    """Pay and cancel a booking of Carol and return its refund."""
    booking = await carol.book_and_pay(await operator.create_flight(), seats)
    (await carol.cancel(booking)).ok()
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    return refund


async def test_cancelling_a_paid_booking_makes_its_cost_due(operator, alice):
    flight = await operator.create_flight(price=rupees(777))
    booking = await alice.book_and_pay(flight, seats=3)
    cancelled = (await alice.cancel(booking)).ok()
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert refund.keys() == REFUND_FIELDS
    assert is_server_id(refund["id"])
    assert at(refund["due_at"]) == at(cancelled["updated_at"])
    del refund["id"], refund["due_at"]
    assert refund == {
        "booking_id": booking["id"],
        "flight_id": flight["id"],
        "user_id": alice.sub,
        "payment_id": booking["payment"]["payment_id"],
        "amount": rupees(2331),
        "reason": "booking_cancelled",
        "status": "due",
        "settled_at": None,
        "reference": None,
        "gateway": None,
        "refusal": None,
    }


async def test_cancelling_a_held_booking_makes_no_refund_due(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    (await alice.cancel(booking)).ok()
    assert await operator.list_refunds(booking_id=booking["id"]) == []


async def test_a_settled_refund_has_its_time_and_reference(operator, alice):
    refund = await make_due_refund(operator, alice)
    answer = await operator.settle(refund, "bank transfer 7")
    settled = answer.ok()
    assert at(settled["settled_at"]) >= at(refund["due_at"])
    changed = {"status": "settled", "reference": "bank transfer 7", "settled_at": settled["settled_at"]}
    assert settled == refund | changed
    assert await operator.list_refunds(booking_id=refund["booking_id"]) == [settled]
    booking = (await alice.get(f"/bookings/{refund['booking_id']}")).ok()
    assert (booking["status"], booking["payment"]["status"]) == ("cancelled", "refunded")
    assert answer.headers["etag"] == f'"v{booking["version"]}"'
    last_event = (await alice.read_history({"id": refund["booking_id"]}))[-1]
    assert last_event["type"] == "booking.refund_settled"
    assert last_event["position"] == answer.position


@pytest.mark.parametrize("body", [{}, {"reference": None}], ids=str)
async def test_a_refund_may_be_settled_without_a_reference(operator, alice, body):
    refund = await make_due_refund(operator, alice)
    settled = (await operator.post(f"/refunds/{refund['id']}/settle", body)).ok()
    assert (settled["status"], settled["reference"]) == ("settled", None)


async def test_a_refund_is_settled_once(api, operator, alice):
    refund = await make_due_refund(operator, alice)
    settled = (await operator.settle(refund)).ok()
    before = await api.position()
    (await operator.settle(refund)).refusal(409, "refund-already-settled")
    (await operator.settle(refund, key=new_key())).refusal(409, "refund-already-settled")
    assert await api.position() == before
    assert await operator.list_refunds(booking_id=refund["booking_id"]) == [settled]


async def test_simultaneous_settlements_settle_a_refund_once(operator, alice):
    refund = await make_due_refund(operator, alice)
    answers = await asyncio.gather(
        *[operator.settle(refund, f"re_{number}", key=new_key()) for number in range(REQUESTS)]
    )
    [winner] = [answer for answer in answers if answer.status == 200]
    for answer in answers:
        assert answer is winner or answer.refusal(409, "refund-already-settled")
    assert await operator.list_refunds(booking_id=refund["booking_id"]) == [winner.body]
    types = [event["type"] for event in await alice.read_history({"id": refund["booking_id"]})]
    assert types.count("booking.refund_settled") == 1


async def test_a_repeat_with_the_same_key_replays_the_first_settlement(api, operator, alice):
    refund, key = await make_due_refund(operator, alice), new_key()
    first = await operator.settle(refund, key=key)
    first.ok()
    before = await api.position()
    second = await operator.settle(refund, key=key)
    assert (second.ok(), second.replayed, first.replayed) == (first.body, True, False)
    (await operator.settle(refund, "another", key=key)).refusal(422, "idempotency-key-reused")
    assert await api.position() == before


async def test_an_unknown_refund_is_a_404(api, operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight())
    before = await api.position()
    for unknown in (unknown_id(), booking["id"], "re_1"):
        (await operator.settle({"id": unknown})).refusal(404, "refund-not-found")
    assert await api.position() == before


async def test_only_operators_settle_and_clients_cannot_read_the_worklist(operator, auditor, alice, analyst):
    refund = await make_due_refund(operator, alice)
    for caller in (alice, auditor, analyst):
        (await caller.settle(refund)).refusal(403)
    for caller in (alice, analyst):
        (await caller.get("/refunds")).refusal(403)
    assert await auditor.list_refunds(booking_id=refund["booking_id"]) == [refund]


async def test_refunds_are_filtered_by_status_booking_and_user(operator, crowd):
    carol, dave = crowd(2)
    settled, due, his = [await make_due_refund(operator, client) for client in (carol, carol, dave)]
    settled = (await operator.settle(settled)).ok()
    assert await operator.list_refunds(user_id=carol.sub) == [settled, due]
    assert await operator.list_refunds(user_id=carol.sub, status="due") == [due]
    assert await operator.list_refunds(user_id=carol.sub, status="settled") == [settled]
    assert await operator.list_refunds(user_id=dave.sub, booking_id=his["booking_id"]) == [his]
    assert await operator.list_refunds(user_id=carol.sub, booking_id=his["booking_id"]) == []
    assert await operator.list_refunds(booking_id=unknown_id()) == []


async def test_pages_of_refunds_contain_every_row_once_oldest_first(operator, auditor, crowd):
    [carol] = crowd(1)
    made = [(await make_due_refund(operator, carol))["id"] for _ in range(5)]
    for limit in (1, 2, 5, 6):
        collected, address = [], "/refunds" + query(user_id=carol.sub, limit=limit)
        while address is not None:
            page = await auditor.get(address)
            assert len(page.ok()["data"]) <= limit
            collected += [row["id"] for row in page.body["data"]]
            cursor = page.body["next_cursor"]
            assert ("link" in page.headers) == (cursor is not None)
            address = cursor and "/refunds" + query(user_id=carol.sub, limit=limit, cursor=cursor)
        assert collected == made, f"limit {limit}"


async def test_a_list_reflects_the_requested_position(operator, alice):
    refund = await make_due_refund(operator, alice)
    settled = await operator.settle(refund)
    filters = query(booking_id=refund["booking_id"], min_position=settled.position)
    listed = await operator.get("/refunds" + filters)
    assert listed.ok()["data"] == [settled.ok()]
    assert listed.position >= settled.position


@pytest.mark.parametrize(
    "filters",
    ["status=paid", "status=", "booking_id=BA117", "limit=0", "limit=201", "cursor=forged", "reason=x"],
)
async def test_an_invalid_filter_is_a_400(operator, filters):
    (await operator.get(f"/refunds?{filters}")).refusal(400)


@pytest.mark.parametrize(
    "body", [{"reference": 7}, {"reference": "x" * 501}, {"amount": rupees(1)}, []], ids=str
)
async def test_an_invalid_settlement_is_a_400(operator, alice, body):
    refund = await make_due_refund(operator, alice)
    (await operator.post(f"/refunds/{refund['id']}/settle", body)).refusal(400)
    assert await operator.list_refunds(booking_id=refund["booking_id"]) == [refund]
