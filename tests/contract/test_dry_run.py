"""Dry runs: the answer of the command, without a write."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.contract.samples import BA117, new_key, on_own_day, rupees


def hold(at, seats=2):
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
    "book": lambda at: ("/bookings", hold(at)),
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
REFUSALS = {
    "change seats": lambda at: (f"/flights/{at.flight['id']}/seats", {"seats": 1}),
    "book": lambda at: ("/bookings", hold(at, seats=9)),
    "pay": lambda at: ("/bookings/payments", payment(at, total_cost=rupees(1))),
    "capture": lambda at: (f"/bookings/{at.held['id']}/capture", {}),
    "void": lambda at: (f"/bookings/{at.booked['id']}/void", {"reason": "declined"}),
    "give seats back": lambda at: (f"/bookings/{at.booked['id']}/seats", {"seats": 9}),
    "cancel": lambda at: (f"/bookings/{at.cancelled['id']}/cancel", {}),
    "settle": lambda at: (f"/refunds/{at.cancelled['id']}/settle", {}),
    "wait": lambda at: (f"/flights/{at.flight['id']}/waitlist", {"user_id": "dave", "seats": 1}),
    "leave": lambda at: (f"/waitlist/{at.cancelled['id']}/leave", {}),
}
INVALID_QUERIES = [
    "dry_run=maybe",
    "dry_run=",
    "dry_run=1",
    "dry_run=TRUE",
    "dryrun=true",
    "dry_run=true&dry_run=true",
    "dry_run=true&seats=1",
]


async def prepare(operator, alice):
    """Create a flight with a booking in every state, a due refund and a waiting party."""
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


async def read_state(operator, at):
    """Read all state that a command could have changed."""
    bookings = [
        (await operator.find_booking(booking)).ok()
        for booking in (at.held, at.pending, at.booked, at.cancelled)
    ]
    flight = (await operator.get(f"/flights/{at.flight['id']}")).ok()
    refunds = [await operator.list_refunds(booking_id=booking["id"]) for booking in bookings]
    parties = await operator.list_parties(at.flight)
    return (
        await operator.read_head(),
        await operator.count_seats(at.flight),
        flight,
        bookings,
        refunds,
        parties,
    )


def shape(body):
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    return type(body)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_dry_run_answers_like_the_command_and_changes_nothing(operator, alice, name):
    at = await prepare(operator, alice)
    path, body = COMMANDS[name](at)
    before = await read_state(operator, at)
    dry = await operator.post(f"{path}?dry_run=true", body, key=new_key())
    assert dry.headers["dry-run"] == "true"
    assert "location" not in dry.headers
    assert await read_state(operator, at) == before
    assert dry.position == before[0]["position"]

    done = await operator.post(path, body, key=new_key())
    assert done.status == dry.status in (200, 201)
    assert shape(done.body) == shape(dry.body)
    assert done.headers["etag"] == dry.headers["etag"]
    assert "dry-run" not in done.headers
    assert (await operator.read_head())["position"] > before[0]["position"]


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_dry_run_is_refused_like_the_command(operator, alice, name):
    at = await prepare(operator, alice)
    path, body = REFUSALS[name](at)
    before = await operator.read_head()
    dry = await operator.post(f"{path}?dry_run=true", body, key=new_key())
    assert dry.headers["dry-run"] == "true"
    refusal = await operator.post(path, body, key=new_key())
    assert refusal.status == dry.status >= 400
    assert {**dry.body, "request_id": ""} == {**refusal.body, "request_id": ""}
    assert await operator.read_head() == before


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_invalid_dry_run_parameter_is_a_400_and_changes_nothing(operator, alice, name):
    at = await prepare(operator, alice)
    path, body = COMMANDS[name](at)
    before = await read_state(operator, at)
    for query in INVALID_QUERIES:
        (await operator.post(f"{path}?{query}", body, key=new_key())).refusal(400, "validation-failed")
    assert await read_state(operator, at) == before


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_dry_run_leaves_the_key_unused(operator, alice, name):
    at, key = await prepare(operator, alice), new_key()
    path, body = COMMANDS[name](at)
    for _ in range(2):
        assert not (await operator.post(f"{path}?dry_run=true", body, key=key)).replayed
    done = await operator.post(path, body, key=key)
    assert done.status in (200, 201)
    assert not done.replayed
    again = await operator.post(path, body, key=key)
    assert (again.body, again.replayed) == (done.body, True)


async def test_a_refused_dry_run_leaves_the_key_unused(operator, alice):
    at, key = await prepare(operator, alice), new_key()
    path, body = REFUSALS["book"](at)
    (await operator.post(f"{path}?dry_run=true", body, key=key)).refusal(409, "not-enough-seats")
    (await operator.leave_waiting_list(at.waiting)).ok()
    (await alice.cancel(at.held)).ok()
    (await alice.cancel(at.booked)).ok()
    (await alice.cancel(at.pending)).ok()
    (await operator.post(path, body, key=key)).created()


async def test_a_dry_run_under_a_used_key_replays_the_first_outcome(operator, alice):
    at, key = await prepare(operator, alice), new_key()
    booked = await alice.post("/bookings", hold(at), key=key)
    again = await alice.post("/bookings?dry_run=true", hold(at), key=key)
    assert (again.created(), again.replayed, again.headers["dry-run"]) == (booked.created(), True, "true")
    (await alice.post("/bookings?dry_run=true", hold(at, seats=1), key=key)).refusal(
        422, "idempotency-key-reused"
    )


async def test_dry_run_false_executes_the_command(operator, alice):
    at = await prepare(operator, alice)
    done = await alice.post("/bookings?dry_run=false", hold(at))
    assert "dry-run" not in done.headers
    assert (await alice.find_booking(done.created())).ok() == done.body


async def test_a_booking_of_a_dry_run_does_not_exist(operator, alice):
    at = await prepare(operator, alice)
    made = (await alice.post("/bookings?dry_run=true", hold(at))).created()
    (await alice.find_booking(made)).refusal(404)


async def test_a_dry_run_checks_versions_owners_and_roles(operator, alice, bob):
    at = await prepare(operator, alice)
    path = f"/bookings/{at.booked['id']}/cancel?dry_run=true"
    (await alice.post(path, {}, headers={"If-Match": '"v1"'})).refusal(412)
    (await bob.post(path, {})).refusal(404, "booking-not-found")
    (await alice.post(f"/bookings/{at.pending['id']}/capture?dry_run=true", {})).refusal(403)
    (await alice.post("/bookings/payments?dry_run=true", payment(at))).refusal(400, "idempotency-key-missing")


async def test_dry_runs_beside_bookings_take_no_seat(operator, crowd):
    flight = await operator.create_flight(seats=8)

    def order(buyer, query):
        body = {"flight_id": flight["id"], "user_id": buyer.sub, "seats": 1}
        return buyer.post(f"/bookings{query}", body)

    buyers = crowd(32)
    queries = ["" if number % 2 else "?dry_run=true" for number in range(32)]
    answers = await asyncio.gather(*[order(b, query) for b, query in zip(buyers, queries, strict=True)])
    assert sum(answer.status == 201 for answer in answers if "dry-run" not in answer.headers) == 8
    assert {answer.status for answer in answers} == {201, 409}
    assert await operator.count_seats(flight) == (8, 0, 0)
    for _ in range(4):
        assert (await order(buyers[0], "")).status == 409
