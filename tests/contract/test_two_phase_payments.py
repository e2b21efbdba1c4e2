"""Payments in two phases: authorisation first, then capture or void, and never both."""

import asyncio

import pytest

from tests.contract.samples import at, is_server_id, new_key, rupees

REQUESTS = 30
NOT_PENDING = {
    "initiated": "payment-not-pending",
    "voided": "payment-not-pending",
    "booked": "already-paid",
    "cancelled": "booking-cancelled",
    "paid, then cancelled": "booking-cancelled",
}


def types(history):
    return [event["type"] for event in history]


async def book_in_state(kind, operator, alice):
    flight = await operator.create_flight()
    if kind in ("booked", "paid, then cancelled"):
        booking = await alice.book_and_pay(flight)
    elif kind == "voided":
        booking = (await operator.void(await alice.book_pending(flight))).ok()
    else:
        booking = (await alice.book(flight)).created()
    if kind.endswith("cancelled"):
        booking = (await alice.cancel(booking)).ok()
    return booking


async def test_an_authorised_payment_holds_the_seats_until_its_capture(operator, alice):
    flight = await operator.create_flight()
    held = (await alice.book(flight, seats=2)).created()
    paid = (await alice.pay(held, capture="manual")).created()
    pending = paid["booking"]
    assert (pending["status"], pending["version"]) == ("pending", 2)
    assert is_server_id(paid["payment_id"])
    assert pending["payment"].keys() == {"payment_id", "status", "capture_before"}
    assert pending["payment"]["payment_id"] == paid["payment_id"]
    assert pending["payment"]["status"] == "pending"
    assert (await alice.find_booking(held)).ok() == pending
    assert await alice.count_seats(flight) == (2, 0, 8)

    booked = (await operator.capture(held)).ok()
    assert (booked["status"], booked["version"]) == ("booked", 3)
    assert booked["payment"] == pending["payment"] | {"status": "captured", "capture_before": None}
    assert (await alice.find_booking(held)).ok() == booked
    assert await alice.count_seats(flight) == (0, 2, 8)
    assert types(await alice.read_history(held)) == [
        "booking.initiated",
        "booking.payment_pending",
        "booking.booked",
    ]


async def test_the_capture_deadline_is_not_before_the_end_of_the_hold(operator, alice):
    pending = await alice.book_pending(await operator.create_flight())
    assert at(pending["payment"]["capture_before"]) == at(pending["expires_at"])


async def test_a_booking_with_a_voided_payment_can_be_paid_again(operator, alice):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight, seats=2)
    initiated = (await operator.void(pending, "card declined")).ok()
    assert initiated["status"] == "initiated"
    assert initiated["expires_at"] == pending["expires_at"]
    assert initiated["payment"] == pending["payment"] | {"status": "voided", "capture_before": None}
    assert (await alice.find_booking(pending)).ok() == initiated
    assert await alice.count_seats(flight) == (2, 0, 8)
    voided = (await alice.read_history(pending))[-1]
    assert (voided["type"], voided["data"]["reason"]) == ("booking.payment_voided", "card declined")

    again = (await alice.pay(initiated)).created()
    assert again["payment_id"] != pending["payment"]["payment_id"]
    assert again["booking"]["status"] == "booked"
    assert await alice.count_seats(flight) == (0, 2, 8)


@pytest.mark.parametrize("capture", ["automatic", "manual"])
async def test_a_second_payment_is_refused_while_the_first_is_pending(api, operator, alice, capture):
    pending = await alice.book_pending(await operator.create_flight())
    before = await api.position()
    (await alice.pay(pending, capture=capture)).refusal(409, "payment-in-progress")
    (await alice.pay(pending, rupees(1), capture=capture)).refusal(409, "payment-in-progress")
    assert await api.position() == before


@pytest.mark.parametrize("operation", ["capture", "void"])
@pytest.mark.parametrize(("kind", "code"), [*NOT_PENDING.items()], ids=[*NOT_PENDING])
async def test_only_a_pending_payment_is_captured_or_voided(api, operator, alice, kind, code, operation):
    booking = await book_in_state(kind, operator, alice)
    before = await api.position()
    (await getattr(operator, operation)(booking)).refusal(409, code)
    assert await api.position() == before
    assert (await alice.find_booking(booking)).ok() == booking


async def test_cancelling_a_pending_booking_frees_its_seats_without_a_refund(operator, alice):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight)
    cancelled = (await alice.cancel(pending)).ok()
    assert cancelled["payment"] == pending["payment"] | {"status": "lapsed", "capture_before": None}
    assert await alice.count_seats(flight) == (0, 0, 10)
    assert await operator.list_refunds(booking_id=pending["id"]) == []
    (await operator.void(pending)).refusal(409, "booking-cancelled")


async def test_a_capture_after_a_cancellation_becomes_a_refund_and_takes_no_seats(operator, alice):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight, seats=2)
    (await alice.cancel(pending)).ok()
    captured = (await operator.capture(pending)).ok()
    assert captured["status"] == "cancelled"
    assert captured["payment"]["status"] == "refund_due"
    assert await alice.count_seats(flight) == (0, 0, 10)
    [refund] = await operator.list_refunds(booking_id=pending["id"])
    assert (refund["reason"], refund["status"]) == ("late_payment", "due")
    assert refund["amount"] == pending["total_cost"]
    assert refund["payment_id"] == pending["payment"]["payment_id"]
    (await operator.capture(pending)).refusal(409, "booking-cancelled")
    assert len(await operator.list_refunds(booking_id=pending["id"])) == 1


@pytest.mark.parametrize("operation", ["capture", "void"])
async def test_a_repeat_with_the_same_key_replays_the_first_outcome(api, operator, alice, operation):
    pending, key = await alice.book_pending(await operator.create_flight()), new_key()
    first = await getattr(operator, operation)(pending, key=key)
    first.ok()
    before = await api.position()
    second = await getattr(operator, operation)(pending, key=key)
    assert (second.ok(), second.replayed, first.replayed) == (first.body, True, False)
    assert await api.position() == before


async def test_a_key_of_one_void_cannot_be_used_for_another(operator, alice):
    pending, key = await alice.book_pending(await operator.create_flight()), new_key()
    (await operator.void(pending, key=key)).ok()
    (await operator.void(pending, "another reason", key=key)).refusal(422, "idempotency-key-reused")


@pytest.mark.parametrize("operation", ["capture", "void"])
async def test_a_stale_version_is_neither_captured_nor_voided(operator, alice, operation):
    pending = await alice.book_pending(await operator.create_flight())
    (await getattr(operator, operation)(pending, headers={"If-Match": '"v1"'})).refusal(412)
    assert (await alice.find_booking(pending)).ok() == pending
    fresh = await getattr(operator, operation)(pending, headers={"If-Match": '"v2"'})
    assert fresh.ok()["version"] == 3
    assert fresh.headers["etag"] == '"v3"'


@pytest.mark.parametrize("operation", ["capture", "void"])
async def test_a_client_cannot_capture_or_void_a_payment(operator, alice, operation):
    pending = await alice.book_pending(await operator.create_flight())
    (await getattr(alice, operation)(pending)).refusal(403)
    assert (await alice.find_booking(pending)).ok() == pending


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("capture", {"amount": rupees(1)}),
        ("capture", []),
        ("void", {}),
        ("void", {"reason": ""}),
        ("void", {"reason": None}),
        ("void", {"reason": "x" * 501}),
        ("void", {"reason": "x", "seats": 1}),
    ],
    ids=str,
)
async def test_an_invalid_body_is_a_400(operator, alice, operation, body):
    pending = await alice.book_pending(await operator.create_flight())
    (await operator.post(f"/bookings/{pending['id']}/{operation}", body)).refusal(400)
    assert (await alice.find_booking(pending)).ok() == pending


async def test_one_of_many_simultaneous_captures_and_voids_is_accepted(operator, alice):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight)
    calls = [operator.capture if number % 2 else operator.void for number in range(REQUESTS)]
    answers = await asyncio.gather(*[call(pending, key=new_key()) for call in calls])
    [winner] = [answer for answer in answers if answer.status == 200]
    captured = winner.path.endswith("/capture")
    for answer in answers:
        if answer is not winner:
            answer.refusal(409, "already-paid" if captured else "payment-not-pending")
    ended = types(await alice.read_history(pending))[2:]
    assert ended == ["booking.booked" if captured else "booking.payment_voided"]
    assert await alice.count_seats(flight) == ((0, 1, 9) if captured else (1, 0, 9))


async def test_a_capture_and_a_cancellation_at_once_keep_the_money_or_refund_it(operator, crowd):
    flight = await operator.create_flight(seats=20)
    buyers = crowd(8)
    payments = [await buyer.book_pending(flight) for buyer in buyers]
    pairs = zip(buyers, payments, strict=True)
    calls = [call for buyer, paid in pairs for call in (operator.capture(paid), buyer.cancel(paid))]
    answers = await asyncio.gather(*calls)
    assert {answer.status for answer in answers} == {200}
    for payment in payments:
        [refund] = await operator.list_refunds(booking_id=payment["id"])
        assert (refund["amount"], refund["status"]) == (payment["total_cost"], "due")
    assert await operator.count_seats(flight) == (0, 0, 20)
