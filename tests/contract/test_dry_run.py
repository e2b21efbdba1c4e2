"""A dry run answers as the command would, and nothing of it is written."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.contract.samples import BA117, new_key, on_own_day, rupees


def wish(at, seats=2):
    return {"flight_id": at.flight["id"], "user_id": at.booked["user_id"], "seats": seats}


def payment(at, **changes):
    booking = at.held
    return {
        "booking_id": booking["id"],
        "user_id": booking["user_id"],
        "total_cost": booking["total_cost"],
    } | changes


COMMANDS = {
    "schedule": lambda at: ("/flights", on_own_day(BA117)),
    "reprice": lambda at: (f"/flights/{at.flight['id']}/price", {"price": rupees(7)}),
    "change seats": lambda at: (f"/flights/{at.flight['id']}/seats", {"seats": 30}),
    "cancel a flight": lambda at: (f"/flights/{at.flight['id']}/cancel", {"reason": "fog"}),
    "book": lambda at: ("/bookings", wish(at)),
    "pay": lambda at: ("/bookings/payments", payment(at)),
    "authorise": lambda at: ("/bookings/payments", payment(at, capture="manual")),
    "capture": lambda at: (f"/bookings/{at.pending['id']}/capture", {}),
    "void": lambda at: (f"/bookings/{at.pending['id']}/void", {"reason": "declined"}),
    "give seats back": lambda at: (f"/bookings/{at.booked['id']}/seats", {"seats": 1}),
    "cancel": lambda at: (f"/bookings/{at.booked['id']}/cancel", {}),
    "settle": lambda at: (f"/refunds/{at.refund['id']}/settle", {}),
    "wait": lambda at: (f"/flights/{at.flight['id']}/waitlist", {"user_id": "dave", "seats": 9}),
    "leave": lambda at: (f"/waitlist/{at.waiting['id']}/leave", {}),
}
REFUSED = {
    "change seats": lambda at: (f"/flights/{at.flight['id']}/seats", {"seats": 1}),
    "book": lambda at: ("/bookings", wish(at, seats=9)),
    "pay": lambda at: ("/bookings/payments", payment(at, total_cost=rupees(1))),
    "capture": lambda at: (f"/bookings/{at.held['id']}/capture", {}),
    "void": lambda at: (f"/bookings/{at.booked['id']}/void", {"reason": "declined"}),
    "give seats back": lambda at: (f"/bookings/{at.booked['id']}/seats", {"seats": 9}),
    "cancel": lambda at: (f"/bookings/{at.cancelled['id']}/cancel", {}),
    "settle": lambda at: (f"/refunds/{at.cancelled['id']}/settle", {}),
    "wait": lambda at: (f"/flights/{at.flight['id']}/waitlist", {"user_id": "dave", "seats": 1}),
    "leave": lambda at: (f"/waitlist/{at.cancelled['id']}/leave", {}),
}
MISSPELT = [
    "dry_run=maybe",
    "dry_run=",
    "dry_run=1",
    "dry_run=TRUE",
    "dryrun=true",
    "dry_run=true&dry_run=true",
    "dry_run=true&seats=1",
]


async def scene_for(operator, alice):
    """A flight with a booking in every state, a refund that is due, and somebody who waits for all seats."""
    flight = await operator.create_flight()
    cancelled = (await alice.cancel(await alice.book_and_pay(flight))).ok()
    [refund] = await operator.list_refunds(booking_id=cancelled["id"])
    return SimpleNamespace(
        flight=flight,
        held=(await alice.book(flight, seats=2)).created(),
        pending=await alice.book_pending(flight, seats=2),
        booked=await alice.book_and_pay(flight, seats=2),
        waiting=(await operator.join_waiting_list(flight, 9, user_id="carol")).created(),
        cancelled=cancelled,
        refund=refund,
    )


async def state_of(operator, at):
    """All that a command could have changed."""
    bookings = [
        (await operator.find_booking(booking)).ok()
        for booking in (at.held, at.pending, at.booked, at.cancelled)
    ]
    flight = (await operator.get(f"/flights/{at.flight['id']}")).ok()
    refunds = [await operator.list_refunds(booking_id=booking["id"]) for booking in bookings]
    line = await operator.list_parties(at.flight)
    return await operator.read_head(), await operator.count_seats(at.flight), flight, bookings, refunds, line


def shape(body):
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    return type(body)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_dry_run_answers_like_the_command_and_changes_nothing(operator, alice, name):
    at = await scene_for(operator, alice)
    path, body = COMMANDS[name](at)
    before = await state_of(operator, at)
    rehearsed = await operator.post(f"{path}?dry_run=true", body, key=new_key())
    assert rehearsed.headers["dry-run"] == "true"
    assert "location" not in rehearsed.headers
    assert await state_of(operator, at) == before
    assert rehearsed.position == before[0]["position"]

    done = await operator.post(path, body, key=new_key())
    assert done.status == rehearsed.status in (200, 201)
    assert shape(done.body) == shape(rehearsed.body)
    assert done.headers["etag"] == rehearsed.headers["etag"]
    assert "dry-run" not in done.headers
    assert (await operator.read_head())["position"] > before[0]["position"]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_dry_run_is_refused_like_the_command(operator, alice, name):
    at = await scene_for(operator, alice)
    path, body = REFUSED[name](at)
    before = await operator.read_head()
    rehearsed = await operator.post(f"{path}?dry_run=true", body, key=new_key())
    assert rehearsed.headers["dry-run"] == "true"
    refused = await operator.post(path, body, key=new_key())
    assert refused.status == rehearsed.status >= 400
    assert {**rehearsed.body, "request_id": ""} == {**refused.body, "request_id": ""}
    assert await operator.read_head() == before


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_misspelt_dry_run_is_a_400_and_does_nothing(operator, alice, name):
    at = await scene_for(operator, alice)
    path, body = COMMANDS[name](at)
    before = await state_of(operator, at)
    for query in MISSPELT:
        (await operator.post(f"{path}?{query}", body, key=new_key())).refusal(400, "validation-failed")
    assert await state_of(operator, at) == before


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_dry_run_leaves_the_key_unused(operator, alice, name):
    at, key = await scene_for(operator, alice), new_key()
    path, body = COMMANDS[name](at)
    for _ in range(2):
        assert not (await operator.post(f"{path}?dry_run=true", body, key=key)).replayed
    done = await operator.post(path, body, key=key)
    assert done.status in (200, 201)
    assert not done.replayed
    again = await operator.post(path, body, key=key)
    assert (again.body, again.replayed) == (done.body, True)


async def test_a_refused_dry_run_leaves_the_key_unused(operator, alice):
    at, key = await scene_for(operator, alice), new_key()
    path, body = REFUSED["book"](at)
    (await operator.post(f"{path}?dry_run=true", body, key=key)).refusal(409, "not-enough-seats")
    (await operator.leave_waiting_list(at.waiting)).ok()
    (await alice.cancel(at.held)).ok()
    (await alice.cancel(at.booked)).ok()
    (await alice.cancel(at.pending)).ok()
    (await operator.post(path, body, key=key)).created()


async def test_a_dry_run_with_a_key_that_was_used_is_the_first_outcome(operator, alice):
    at, key = await scene_for(operator, alice), new_key()
    booked = await alice.post("/bookings", wish(at), key=key)
    again = await alice.post("/bookings?dry_run=true", wish(at), key=key)
    assert (again.created(), again.replayed, again.headers["dry-run"]) == (booked.created(), True, "true")
    (await alice.post("/bookings?dry_run=true", wish(at, seats=1), key=key)).refusal(
        422, "idempotency-key-reused"
    )


async def test_dry_run_false_does_the_thing(operator, alice):
    at = await scene_for(operator, alice)
    done = await alice.post("/bookings?dry_run=false", wish(at))
    assert "dry-run" not in done.headers
    assert (await alice.find_booking(done.created())).ok() == done.body


async def test_what_a_dry_run_would_have_made_does_not_exist(operator, alice):
    at = await scene_for(operator, alice)
    made = (await alice.post("/bookings?dry_run=true", wish(at))).created()
    (await alice.find_booking(made)).refusal(404)


async def test_a_dry_run_heeds_versions_owners_and_roles(operator, alice, bob):
    at = await scene_for(operator, alice)
    path = f"/bookings/{at.booked['id']}/cancel?dry_run=true"
    (await alice.post(path, {}, headers={"If-Match": '"v1"'})).refusal(412)
    (await bob.post(path, {})).refusal(404, "booking-not-found")
    (await alice.post(f"/bookings/{at.pending['id']}/capture?dry_run=true", {})).refusal(403)
    (await alice.post("/bookings/payments?dry_run=true", payment(at))).refusal(400, "idempotency-key-missing")


async def test_dry_runs_among_buyers_take_no_seat(operator, crowd):
    flight = await operator.create_flight(seats=8)

    def order(buyer, query):
        wish = {"flight_id": flight["id"], "user_id": buyer.sub, "seats": 1}
        return buyer.post(f"/bookings{query}", wish)

    buyers = crowd(32)
    queries = ["" if number % 2 else "?dry_run=true" for number in range(32)]
    answers = await asyncio.gather(*[order(b, query) for b, query in zip(buyers, queries, strict=True)])
    assert sum(answer.status == 201 for answer in answers if "dry-run" not in answer.headers) == 8
    assert {answer.status for answer in answers} == {201, 409}
    assert await operator.count_seats(flight) == (8, 0, 0)
    for _ in range(4):
        assert (await order(buyers[0], "")).status == 409
