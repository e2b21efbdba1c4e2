"""Passengers: named at the booking or later, as many as seats, until the departure."""

import json
from uuid import uuid4

import pytest

from tests.contract.people import new_client
from tests.contract.samples import ALICE_NGUYEN, MIA_NGUYEN, TOM_NGUYEN, new_key, unknown_id

FAMILY = [ALICE_NGUYEN, TOM_NGUYEN, MIA_NGUYEN]


async def book_family(caller, flight, **options):
    """Hold two seats for three passengers, and return the booking."""
    body = {"flight_id": flight["id"], "user_id": caller.sub, "seats": 2, "passengers": FAMILY}
    return await caller.post("/bookings", body, **options)


def names(booking):
    return [(one["given_name"], one["family_name"], one["type"]) for one in booking["passengers"]]


FAMILY_NAMES = [(one["given_name"], one["family_name"], one["type"]) for one in FAMILY]


async def test_a_booking_names_its_passengers(alice, operator, auditor):
    flight = await operator.create_flight()
    booking = (await book_family(alice, flight)).created()
    assert names(booking) == FAMILY_NAMES
    assert [one.get("date_of_birth") for one in booking["passengers"]] == ["1984-02-29", None, None]
    assert len({one["id"] for one in booking["passengers"]}) == 3
    for caller in (alice, operator, auditor):
        assert (await caller.find_booking(booking)).ok() == booking
        listed = (await caller.get(f"/bookings?flight_id={flight['id']}")).ok()["data"]
        assert booking in listed
    assert await alice.count_seats(flight) == (2, 0, 8)


async def test_a_booking_without_passengers_gets_them_later(alice, operator):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    assert booking["passengers"] == []
    named = (await alice.name_passengers(booking, ALICE_NGUYEN)).ok()
    assert names(named) == FAMILY_NAMES[:1]
    assert named["version"] == booking["version"] + 1
    paid = (await alice.pay(booking)).created()["booking"]
    assert paid["passengers"] == named["passengers"]
    renamed = (await operator.name_passengers(booking, ALICE_NGUYEN | {"given_name": "Alicia"})).ok()
    assert renamed["passengers"][0]["given_name"] == "Alicia"
    assert renamed["passengers"][0]["id"] != named["passengers"][0]["id"]


async def test_a_passenger_keeps_the_id_that_a_change_names(alice, operator):
    flight = await operator.create_flight()
    booking = (await book_family(alice, flight)).created()
    changed = [one | {"family_name": "Tran"} for one in booking["passengers"]]
    renamed = (await alice.name_passengers(booking, *changed)).ok()
    assert renamed["passengers"] == changed
    unknown = changed[0] | {"id": str(uuid4())}
    (await alice.name_passengers(booking, unknown, *changed[1:])).refusal(
        409, "passenger-unknown", passengers=[unknown["id"]]
    )
    (await alice.name_passengers(booking, changed[0], changed[0])).refusal(400)


async def test_an_itinerary_names_the_passengers_of_each_booking(alice, operator):
    out, back = await operator.create_flight(), await operator.create_flight()
    bookings = [
        {"flight_id": out["id"], "seats": 2, "passengers": FAMILY},
        {"flight_id": back["id"], "seats": 1, "passengers": [ALICE_NGUYEN]},
    ]
    body = {"user_id": alice.sub, "bookings": bookings}
    key = new_key()
    itinerary = (await alice.post("/itineraries", body, key=key)).created()
    assert [names(one) for one in itinerary["bookings"]] == [FAMILY_NAMES, FAMILY_NAMES[:1]]
    assert (await alice.find_itinerary(itinerary)).ok() == itinerary
    again = await alice.post("/itineraries", body, key=key)
    assert again.replayed
    assert again.created() == itinerary
    for one in itinerary["bookings"]:
        assert (await alice.find_booking(one)).ok() == one
    history = (await alice.get(f"/itineraries/{itinerary['id']}/history")).ok()
    assert [event["type"] for event in history["events"]] == [
        "booking.initiated",
        "booking.passengers_named",
    ] * 2
    assert history["events"][1]["data"]["passengers"][0]["family_name"] == "Nguyễn"


@pytest.mark.parametrize(
    ("passengers", "code", "facts"),
    [
        ([ALICE_NGUYEN], "passengers-not-seats", {"expected": 2, "given": 1}),
        ([ALICE_NGUYEN, MIA_NGUYEN], "passengers-not-seats", {"expected": 2, "given": 1}),
        ([ALICE_NGUYEN] * 3, "passengers-not-seats", {"expected": 2, "given": 3}),
        ([ALICE_NGUYEN, TOM_NGUYEN, MIA_NGUYEN, MIA_NGUYEN], "infant-without-adult", {"adults": 1}),
    ],
)
async def test_a_party_has_as_many_passengers_as_seats_and_a_lap_for_each_infant(
    alice, operator, passengers, code, facts
):
    flight = await operator.create_flight()
    body = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 2, "passengers": passengers}
    (await alice.post("/bookings", body)).refusal(409, code, **facts)
    one = {"flight_id": flight["id"], "seats": 2, "passengers": passengers}
    (await alice.post("/itineraries", {"user_id": alice.sub, "bookings": [one]})).refusal(409, code, **facts)
    assert await alice.count_seats(flight) == (0, 0, 10)
    booking = (await alice.book(flight, 2)).created()
    (await alice.name_passengers(booking, *passengers)).refusal(409, code, **facts)
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize(
    "wrong",
    [
        {"given_name": ""},
        {"given_name": " "},
        {"family_name": "Nguyễn\n"},
        {"family_name": 1},
        {"family_name": "x" * 101},
        {"type": "infant"},
        {"type": None},
        {"date_of_birth": "2024-02-30"},
        {"date_of_birth": "20240229"},
        {"date_of_birth": "1799-01-01"},
        {"surname": "Nguyễn"},
    ],
)
async def test_a_wrong_passenger_is_refused_with_a_pointer(alice, operator, wrong):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    problem = (await alice.name_passengers(booking, ALICE_NGUYEN | wrong)).refusal(400)
    assert problem["errors"][0]["pointer"].startswith("/passengers/0")
    body = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1, "passengers": [ALICE_NGUYEN | wrong]}
    (await alice.post("/bookings", body)).refusal(400)


async def test_a_repeated_command_names_the_passengers_once(alice, bob, operator):
    flight, key = await operator.create_flight(), new_key()
    booking = (await book_family(alice, flight, key=key)).created()
    again = await book_family(alice, flight, key=key)
    assert (again.replayed, again.created()) == (True, booking)
    body = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1, "passengers": [ALICE_NGUYEN]}
    (await alice.post("/bookings", body, key=key)).refusal(422, "idempotency-key-reused")
    headers = {"x-idempotency-key": new_key()}
    named = (await alice.name_passengers(booking, *FAMILY, headers=headers)).ok()
    repeated = await alice.name_passengers(booking, *FAMILY, headers=headers)
    assert (repeated.replayed, repeated.ok()) == (True, named)
    (await bob.name_passengers(booking, *FAMILY)).refusal(404, "booking-not-found")


async def test_names_need_the_current_version_if_one_is_stated(alice, operator):
    booking = (await alice.book(await operator.create_flight())).created()
    stale = await alice.name_passengers(booking, ALICE_NGUYEN, headers={"If-Match": '"v7"'})
    stale.refusal(412)
    named = await alice.name_passengers(booking, ALICE_NGUYEN, headers={"If-Match": '"v1"'})
    assert (named.status, named.headers["etag"]) == (200, '"v2"')


async def test_a_dry_run_names_nobody(alice, operator):
    booking = (await alice.book(await operator.create_flight())).created()
    path = f"/bookings/{booking['id']}/passengers?dry_run=true"
    dry = (await alice.put(path, {"passengers": [ALICE_NGUYEN]})).ok()
    assert names(dry) == FAMILY_NAMES[:1]
    assert (await alice.find_booking(booking)).ok() == booking


async def test_history_and_past_states_show_the_names(alice, operator, auditor):
    booking = (await book_family(alice, await operator.create_flight())).created()
    renamed = (await alice.name_passengers(booking, ALICE_NGUYEN, TOM_NGUYEN | {"given_name": "Thomas"})).ok()
    for version, passengers in ((1, []), (2, booking["passengers"]), (3, renamed["passengers"])):
        past = (await auditor.find_booking(booking, f"?version={version}")).ok()
        assert past["passengers"] == passengers
    named = [e for e in await alice.read_history(booking) if e["type"] == "booking.passengers_named"]
    assert [event["data"]["passengers"] for event in named] == [booking["passengers"], renamed["passengers"]]


async def test_the_log_and_the_outcomes_hold_sealed_names(alice, operator, auditor):
    key = new_key()
    booking = (await book_family(alice, await operator.create_flight(), key=key)).created()
    path = f"/events?booking_id={booking['id']}"
    sealed = json.dumps((await auditor.get(f"{path}&sealed=true")).ok(), ensure_ascii=False)
    clear = json.dumps((await auditor.get(path)).ok(), ensure_ascii=False)
    for text in ("Alice", "Nguyễn", "1984-02-29"):
        assert text not in sealed
        assert text in clear
    assert sealed.count("sealed:v1:") == 7
    outcome = (await auditor.find_outcome(alice.sub, "initiate_booking", key)).ok()
    assert outcome["body"]["passengers"] == booking["passengers"]


async def test_no_passengers_of_an_ended_or_unknown_booking(alice, operator):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    (await alice.cancel(booking)).ok()
    (await alice.name_passengers(booking, ALICE_NGUYEN)).refusal(409, "booking-cancelled")
    (await alice.name_passengers({"id": unknown_id()}, ALICE_NGUYEN)).refusal(404, "booking-not-found")
    left = await alice.book_and_pay(flight)
    (await operator.post(f"/flights/{flight['id']}/departed", {})).ok()
    (await alice.name_passengers(left, ALICE_NGUYEN)).refusal(409, "flight-departed")
    (await operator.name_passengers(left, ALICE_NGUYEN)).refusal(409, "flight-departed")


async def test_an_operator_names_the_passengers_of_any_customer(api, operator):
    customer = new_client()
    flight = await operator.create_flight()
    body = {"flight_id": flight["id"], "user_id": customer.sub, "seats": 2, "passengers": FAMILY}
    booking = (await operator.post("/bookings", body)).created()
    caller = type(operator).of(api, customer)
    assert (await caller.find_booking(booking)).ok()["passengers"] == booking["passengers"]


async def test_the_ledger_verifies_with_passengers(alice, operator, auditor):
    await book_family(alice, await operator.create_flight())
    assert (await auditor.post("/audit/verify", {})).ok()["ok"]
