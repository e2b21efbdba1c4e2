"""The role table of the contract, every route against every role; the default is deny."""

from types import SimpleNamespace

import pytest

from tests.contract.people import BY_ROLE, ApiCaller, mint
from tests.contract.samples import query, rupees

ANY = {"client", "auditor", "analyst", "operator"}
BUYERS = {"client", "operator"}
READERS = {"client", "auditor", "operator"}
AUDITORS = {"auditor", "operator"}
STAFF = {"operator"}

DEEDS = {
    "POST /flights": (STAFF, lambda who, at: who.schedule()),
    "GET /flights": (ANY, lambda who, at: who.get("/flights")),
    "GET /flights/{id}": (ANY, lambda who, at: who.get(at.flight_path)),
    "GET /flights/{id}/availability": (ANY, lambda who, at: who.get(f"{at.flight_path}/availability")),
    "POST /flights/{id}/price": (
        STAFF,
        lambda who, at: who.post(f"{at.flight_path}/price", {"price": rupees(7)}),
    ),
    "POST /flights/{id}/seats": (STAFF, lambda who, at: who.post(f"{at.flight_path}/seats", {"seats": 9})),
    "POST /flights/{id}/cancel": (STAFF, lambda who, at: who.cancel_flight(at.flight)),
    "POST /bookings": (BUYERS, lambda who, at: who.book(at.flight)),
    "POST /bookings/payments": (BUYERS, lambda who, at: who.pay(at.booking)),
    "POST /bookings/{id}/cancel": (BUYERS, lambda who, at: who.cancel(at.booking)),
    "POST /bookings/{id}/cancel/quote": (BUYERS, lambda who, at: who.quote(at.booking)),
    "POST /bookings/{id}/seats": (BUYERS, lambda who, at: who.reduce_seats(at.booking, 1)),
    "POST /bookings/{id}/capture": (STAFF, lambda who, at: who.capture(at.pending)),
    "POST /bookings/{id}/void": (STAFF, lambda who, at: who.void(at.pending)),
    "GET /refunds": (AUDITORS, lambda who, at: who.get("/refunds")),
    "POST /refunds/{id}/settle": (STAFF, lambda who, at: who.settle(at.refund)),
    "GET /bookings": (READERS, lambda who, at: who.get("/bookings")),
    "GET /bookings of a user": (READERS, lambda who, at: who.get("/bookings" + query(user_id=who.sub))),
    "GET /bookings/{id}": (READERS, lambda who, at: who.find_booking(at.booking)),
    "GET /bookings/{id}?version": (READERS, lambda who, at: who.find_booking(at.booking, "?version=1")),
    "GET /bookings/{id}/history": (
        READERS,
        lambda who, at: who.get(f"/bookings/{at.booking['id']}/history"),
    ),
}


async def scene_for(operator, caller):
    """A flight with bookings that are the caller's own, so that only the role can be refused."""
    flight = await operator.create_flight()
    booking = (await operator.book(flight, seats=2, user_id=caller.sub)).created()
    pending, owed = [(await operator.book(flight, user_id=caller.sub)).created() for _ in range(2)]
    (await operator.pay(pending, user_id=caller.sub, capture="manual")).created()
    (await operator.pay(owed, user_id=caller.sub)).created()
    (await operator.cancel(owed)).ok()
    [refund] = await operator.list_refunds(booking_id=owed["id"])
    return SimpleNamespace(
        flight=flight,
        flight_path=f"/flights/{flight['id']}",
        booking=booking,
        pending=pending,
        refund=refund,
    )


@pytest.mark.parametrize("role", BY_ROLE)
@pytest.mark.parametrize("deed", DEEDS)
async def test_a_role_may_do_what_the_table_says_and_no_more(api, operator, deed, role):
    allowed, act = DEEDS[deed]
    caller = ApiCaller.of(api, BY_ROLE[role])
    scene = await scene_for(operator, caller)
    before = await api.position()
    answer = await act(caller, scene)
    if role in allowed:
        assert answer.status in (200, 201), answer
    else:
        answer.refusal(403)
        assert await api.position() == before


@pytest.mark.parametrize("deed", DEEDS)
async def test_nobody_without_a_token_may_do_anything(operator, alice, anonymous, deed):
    _, act = DEEDS[deed]
    scene = await scene_for(operator, alice)
    (await act(anonymous, scene)).refusal(401)


async def test_a_token_with_two_roles_may_do_what_either_may(api, operator, alice):
    both = mint(sub=alice.sub, roles=["auditor", "client"], exp=2**32)
    scene = await scene_for(operator, alice)
    (await ApiCaller(api, alice.sub, both).book(scene.flight)).created()


async def test_an_auditor_sees_everybodys_bookings(auditor, operator, alice, bob):
    flight = await operator.create_flight()
    made = [(await who.book(flight)).created() for who in (alice, bob)]
    listed = (await auditor.get("/bookings" + query(flight_id=flight["id"]))).ok()["data"]
    assert {row["id"] for row in listed} == {booking["id"] for booking in made}


async def test_an_operator_may_book_pay_and_cancel_for_anybody(operator, alice):
    flight = await operator.create_flight()
    booking = (await operator.book(flight, user_id=alice.sub)).created()
    assert booking["user_id"] == alice.sub
    (await operator.pay(booking, user_id=alice.sub)).created()
    (await operator.cancel(booking)).ok()
    assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"


TESTED_ELSEWHERE = {
    "POST /bookings/bulk": "test_bulk.py",
    "POST /flights/{id}/waitlist": "test_waiting_lists.py",
    "POST /waitlist/{id}/leave": "test_waiting_lists.py",
    "POST /audit/verify": "test_verification.py",
}


async def test_every_command_of_the_api_has_a_row_in_the_table(api):
    document = (await api.call("GET", "/openapi.json")).ok()
    commands = {
        f"POST {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        if "post" in methods
    }
    assert commands == {deed for deed in DEEDS if deed.startswith("POST")} | TESTED_ELSEWHERE.keys()
