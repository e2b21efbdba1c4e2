"""Role table of the contract: every route with every role; the default is to deny."""

from types import SimpleNamespace

import pytest

from tests.contract.people import BY_ROLE, ApiCaller, mint
from tests.contract.samples import ALICE_NGUYEN, TOM_NGUYEN, later, query, rupees

ANY = {"client", "auditor", "analyst", "operator"}
BUYERS = {"client", "operator"}
READERS = {"client", "auditor", "operator"}
AUDITORS = {"auditor", "operator"}
STAFF = {"operator"}

ROUTES = {
    "POST /flights": (STAFF, lambda caller, at: caller.schedule()),
    "GET /flights": (ANY, lambda caller, at: caller.get("/flights")),
    "GET /flights/{id}": (ANY, lambda caller, at: caller.get(at.flight_path)),
    "GET /flights/{id}/availability": (ANY, lambda caller, at: caller.get(f"{at.flight_path}/availability")),
    "POST /flights/{id}/price": (
        STAFF,
        lambda caller, at: caller.post(f"{at.flight_path}/price", {"price": rupees(7)}),
    ),
    "POST /flights/{id}/cancellation-policy": (
        STAFF,
        lambda caller, at: caller.post(
            f"{at.flight_path}/cancellation-policy", {"cancellation_policy": None}
        ),
    ),
    "POST /flights/{id}/seats": (
        STAFF,
        lambda caller, at: caller.post(f"{at.flight_path}/seats", {"seats": 9}),
    ),
    "POST /flights/{id}/cancel": (STAFF, lambda caller, at: caller.cancel_flight(at.flight)),
    "POST /flights/{id}/overbooking": (
        STAFF,
        lambda caller, at: caller.post(f"{at.flight_path}/overbooking", {"seats": 2, "reason": "no-shows"}),
    ),
    "POST /flights/{id}/departed": (
        STAFF,
        lambda caller, at: caller.post(f"{at.flight_path}/departed", {}),
    ),
    "POST /flights/{id}/times": (
        STAFF,
        lambda caller, at: caller.post(
            f"{at.flight_path}/times", later(at.flight, hours=1) | {"reason": "fog"}
        ),
    ),
    "POST /flights/{id}/move-all": (
        STAFF,
        lambda caller, at: caller.post(f"{at.flight_path}/move-all", {"to": [at.late["id"]]}),
    ),
    "POST /bookings/{id}/move": (
        STAFF,
        lambda caller, at: caller.post(f"/bookings/{at.booking['id']}/move", {"flight_id": at.late["id"]}),
    ),
    "POST /bookings/{id}/accept-change": (
        BUYERS,
        lambda caller, at: caller.post(f"/bookings/{at.told['id']}/accept-change", {}),
    ),
    "POST /bookings": (BUYERS, lambda caller, at: caller.book(at.flight)),
    "POST /bookings/payments": (BUYERS, lambda caller, at: caller.pay(at.booking)),
    "POST /bookings/{id}/cancel": (BUYERS, lambda caller, at: caller.cancel(at.booking)),
    "POST /bookings/{id}/cancel/quote": (BUYERS, lambda caller, at: caller.quote(at.booking)),
    "POST /bookings/{id}/seats": (BUYERS, lambda caller, at: caller.reduce_seats(at.booking, 1)),
    "POST /bookings/{id}/split": (
        BUYERS,
        lambda caller, at: caller.split(at.family, at.family["passengers"][0]),
    ),
    "PUT /bookings/{id}/passengers": (
        BUYERS,
        lambda caller, at: caller.name_passengers(at.booking, ALICE_NGUYEN, TOM_NGUYEN),
    ),
    "POST /bookings/{id}/capture": (STAFF, lambda caller, at: caller.capture(at.pending)),
    "POST /bookings/{id}/void": (STAFF, lambda caller, at: caller.void(at.pending)),
    "POST /itineraries": (BUYERS, lambda caller, at: caller.book_itinerary([at.flight])),
    "POST /itineraries/payments": (BUYERS, lambda caller, at: caller.pay_itinerary(at.itinerary)),
    "POST /itineraries/{id}/cancel": (BUYERS, lambda caller, at: caller.itinerary(at.itinerary, "cancel")),
    "POST /itineraries/{id}/cancel/quote": (
        BUYERS,
        lambda caller, at: caller.itinerary(at.itinerary, "cancel/quote"),
    ),
    "POST /itineraries/{id}/capture": (
        STAFF,
        lambda caller, at: caller.itinerary(at.pending_itinerary, "capture"),
    ),
    "POST /itineraries/{id}/void": (
        STAFF,
        lambda caller, at: caller.itinerary(at.pending_itinerary, "void", {"reason": "declined"}),
    ),
    "GET /itineraries": (READERS, lambda caller, at: caller.get("/itineraries")),
    "GET /itineraries/{id}": (READERS, lambda caller, at: caller.get(at.itinerary_path)),
    "GET /itineraries/{id}/history": (READERS, lambda caller, at: caller.get(f"{at.itinerary_path}/history")),
    "POST /bookings/{id}/deny-boarding": (
        STAFF,
        lambda caller, at: caller.post(f"{at.travelled}/deny-boarding", {"reason": "full"}),
    ),
    "POST /bookings/{id}/flown": (STAFF, lambda caller, at: caller.post(f"{at.travelled}/flown", {})),
    "POST /bookings/{id}/no-show": (STAFF, lambda caller, at: caller.post(f"{at.travelled}/no-show", {})),
    "GET /refunds": (AUDITORS, lambda caller, at: caller.get("/refunds")),
    "GET /refunds/{id}": (READERS, lambda caller, at: caller.get(f"/refunds/{at.refund['id']}")),
    "GET /payments/{id}": (READERS, lambda caller, at: caller.get(f"/payments/{at.refund['payment_id']}")),
    "GET /events": (READERS, lambda caller, at: caller.get("/events?limit=1")),
    "POST /refunds/{id}/settle": (STAFF, lambda caller, at: caller.settle(at.refund)),
    "GET /bookings": (READERS, lambda caller, at: caller.get("/bookings")),
    "GET /bookings of a user": (
        READERS,
        lambda caller, at: caller.get("/bookings" + query(user_id=caller.sub)),
    ),
    "GET /bookings/{id}": (READERS, lambda caller, at: caller.find_booking(at.booking)),
    "GET /bookings/{id}?version": (READERS, lambda caller, at: caller.find_booking(at.booking, "?version=1")),
    "GET /bookings/{id}/history": (
        READERS,
        lambda caller, at: caller.get(f"/bookings/{at.booking['id']}/history"),
    ),
}


async def prepare(operator, caller):
    """Create a flight with bookings of the caller, so that only its role can be refused."""
    flight = await operator.create_flight()
    booking = (await operator.book(flight, seats=2, user_id=caller.sub)).created()
    pending, cancelled = [(await operator.book(flight, user_id=caller.sub)).created() for _ in range(2)]
    (await operator.pay(pending, user_id=caller.sub, capture="manual")).created()
    (await operator.pay(cancelled, user_id=caller.sub)).created()
    (await operator.cancel(cancelled)).ok()
    [refund] = await operator.list_refunds(booking_id=cancelled["id"])
    itinerary, authorised = [
        (await operator.book_itinerary([flight], user_id=caller.sub)).created() for _ in range(2)
    ]
    (await operator.pay_itinerary(authorised, user_id=caller.sub, capture="manual")).created()
    body = {"flight_id": flight["id"], "user_id": caller.sub, "seats": 2}
    family = (await operator.post("/bookings", {**body, "passengers": [ALICE_NGUYEN, TOM_NGUYEN]})).created()
    late = await operator.create_flight()
    told = (await operator.book(late, user_id=caller.sub)).created()
    (await operator.post(f"/flights/{late['id']}/times", later(late, hours=2) | {"reason": "fog"})).ok()
    gone = await operator.create_flight()
    paid = (await operator.book(gone, user_id=caller.sub)).created()
    (await operator.pay(paid, user_id=caller.sub)).created()
    (await operator.post(f"/flights/{gone['id']}/departed", {})).ok()
    return SimpleNamespace(
        flight=flight,
        flight_path=f"/flights/{flight['id']}",
        booking=booking,
        told=told,
        late=late,
        family=family,
        pending=pending,
        refund=refund,
        itinerary=itinerary,
        itinerary_path=f"/itineraries/{itinerary['id']}",
        pending_itinerary=authorised,
        travelled=f"/bookings/{paid['id']}",
    )


@pytest.mark.parametrize("role", BY_ROLE)
@pytest.mark.parametrize("route", ROUTES)
async def test_a_role_may_do_exactly_what_the_table_allows(api, operator, route, role):
    allowed, act = ROUTES[route]
    caller = ApiCaller.of(api, BY_ROLE[role])
    scene = await prepare(operator, caller)
    before = await api.position()
    answer = await act(caller, scene)
    if role in allowed:
        assert answer.status in (200, 201), answer
    else:
        answer.refusal(403)
        assert await api.position() == before


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_of_the_table_requires_a_token(operator, alice, anonymous, route):
    _, act = ROUTES[route]
    scene = await prepare(operator, alice)
    (await act(anonymous, scene)).refusal(401)


async def test_a_token_with_two_roles_has_the_rights_of_both(api, operator, alice):
    both = mint(sub=alice.sub, roles=["auditor", "client"], exp=2**32)
    scene = await prepare(operator, alice)
    (await ApiCaller(api, alice.sub, both).book(scene.flight)).created()


async def test_an_auditor_reads_the_bookings_of_all_clients(auditor, operator, alice, bob):
    flight = await operator.create_flight()
    created = [(await client.book(flight)).created() for client in (alice, bob)]
    listed = (await auditor.get("/bookings" + query(flight_id=flight["id"]))).ok()["data"]
    assert {row["id"] for row in listed} == {booking["id"] for booking in created}


async def test_an_operator_books_pays_and_cancels_for_any_client(operator, alice):
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
    "POST /sandbox/clock": "test_sandbox.py",
    "POST /webhooks": "test_webhooks.py",
    "POST /webhooks/{id}/replay": "test_webhooks.py",
    "POST /webhooks/{id}/rotate": "test_webhooks.py",
    "POST /webhooks/{id}/test": "test_webhooks.py",
}


async def test_every_command_of_the_api_has_a_row_in_the_table(api):
    document = (await api.call("GET", "/openapi.json")).ok()
    commands = {
        f"POST {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        if "post" in methods
    }
    assert commands == {route for route in ROUTES if route.startswith("POST")} | TESTED_ELSEWHERE.keys()
