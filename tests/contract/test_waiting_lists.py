"""Waiting lists over HTTP: joining, offers of free seats, and the access rules."""

from datetime import timedelta

import pytest

from tests.contract.people import OLGA, ApiCaller, new_client
from tests.contract.samples import (
    WAITING_FIELDS,
    at,
    is_server_id,
    new_key,
    query,
    unknown_id,
)
from tests.waiting import await_until

PULSE_SECONDS = 5


async def fill_flight(operator, holder, seats=2):
    """Create a flight with all its seats held by one booking."""
    flight = await operator.create_flight(seats=seats)
    return flight, (await holder.book(flight, seats)).created()


async def test_a_new_party_gets_its_place_in_the_list(operator, alice, bob, api):
    flight, _ = await fill_flight(operator, alice)
    answer = await bob.join_waiting_list(flight, 2)
    party = answer.created()
    assert party.keys() == WAITING_FIELDS
    assert is_server_id(party["id"])
    assert answer.headers["location"] == f"/api/v1/waitlist/{party['id']}"
    assert (answer.headers["etag"], answer.position) == ('"v1"', await api.position())
    at(party["joined_at"])
    assert {name: party[name] for name in WAITING_FIELDS - {"id", "joined_at"}} == {
        "flight_id": flight["id"],
        "user_id": bob.sub,
        "seats": 2,
        "status": "waiting",
        "place": 1,
        "booking_id": None,
        "offer_expires_at": None,
        "version": 1,
    }
    read_again = await bob.get(f"/waitlist/{party['id']}" + query(min_position=answer.position))
    assert (read_again.ok(), read_again.headers["etag"]) == (party, '"v1"')
    assert read_again.position >= answer.position


async def test_seats_of_a_cancelled_booking_are_offered_at_once_to_the_first_parties_that_fit(
    operator, alice, crowd
):
    flight, booking = await fill_flight(operator, alice, seats=3)
    sizes = [4, 2, 2, 1]
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 4})).ok()
    (await operator.book(flight)).created()
    people = crowd(4)
    parties = [
        (await client.join_waiting_list(flight, seats)).created()
        for client, seats in zip(people, sizes, strict=True)
    ]
    assert [party["place"] for party in parties] == [1, 2, 3, 4]
    answer = await alice.cancel(booking)
    assert answer.ok()["status"] == "cancelled"
    listed = await operator.list_parties(flight)
    assert [party["id"] for party in listed] == [party["id"] for party in parties]
    assert [party["status"] for party in listed] == ["waiting", "offered", "waiting", "offered"]
    assert [party["place"] for party in listed] == [1, None, 2, None]
    offered = (await people[1].get(f"/bookings/{listed[1]['booking_id']}")).ok()
    assert (offered["status"], offered["seats"], offered["user_id"]) == ("initiated", 2, people[1].sub)
    assert offered["expires_at"] == listed[1]["offer_expires_at"]
    assert listed[1]["version"] == 2
    assert await operator.count_seats(flight) == (4, 0, 0)


async def test_an_offer_is_accepted_by_paying_for_it(operator, alice, bob):
    flight, booking = await fill_flight(operator, alice)
    party = (await bob.join_waiting_list(flight, 2)).created()
    (await alice.cancel(booking)).ok()
    offer = (await bob.get(f"/bookings/{(await bob.find_party(party))['booking_id']}")).ok()
    pending = (await bob.pay(offer, capture="manual")).created()["booking"]
    assert (await bob.find_party(party))["status"] == "accepted"
    (await operator.capture(pending)).ok()
    assert (await bob.find_party(party))["status"] == "accepted"
    (await bob.cancel(offer)).ok()
    assert (await bob.find_party(party))["status"] == "accepted"


async def test_a_declined_offer_goes_to_the_next_party(operator, alice, bob, crowd):
    flight, booking = await fill_flight(operator, alice)
    [carol] = crowd(1)
    first, second = (
        (await bob.join_waiting_list(flight, 2)).created(),
        (await carol.join_waiting_list(flight)).created(),
    )
    (await alice.cancel(booking)).ok()
    assert (await carol.find_party(second))["place"] == 1
    (await bob.cancel({"id": (await bob.find_party(first))["booking_id"]})).ok()
    assert (await bob.find_party(first))["status"] == "declined"
    assert (await carol.find_party(second))["status"] == "offered"
    assert await operator.count_seats(flight) == (1, 0, 1)


async def test_an_operator_joins_and_leaves_on_behalf_of_a_client(operator, alice, bob):
    flight, _ = await fill_flight(operator, alice)
    party = (await operator.join_waiting_list(flight, user_id=bob.sub)).created()
    assert await bob.find_party(party) == party
    left = await operator.leave_waiting_list(party)
    assert left.headers["etag"] == '"v2"'
    assert left.ok() == party | {"status": "left", "place": None, "version": 2}
    assert await bob.find_party(party) == left.body
    (await bob.leave_waiting_list(party)).refusal(409, "not-waiting", was="left")


async def test_an_offered_party_cannot_leave(operator, alice, bob):
    flight, booking = await fill_flight(operator, alice)
    party = (await bob.join_waiting_list(flight)).created()
    (await alice.cancel(booking)).ok()
    (await bob.leave_waiting_list(party)).refusal(409, "not-waiting", was="offered")


async def test_joining_is_refused_unless_the_party_must_wait(operator, alice, bob):
    flight, booking = await fill_flight(operator, alice, seats=3)
    party = (await bob.join_waiting_list(flight, 2)).created()
    (await bob.join_waiting_list(flight, 1)).refusal(409, "already-waiting", waiting_id=party["id"])
    (await alice.join_waiting_list(flight, 4)).refusal(409, "party-larger-than-flight", asked=4, seats=3)
    (await alice.join_waiting_list(flight, user_id=bob.sub)).refusal(403)
    (await alice.join_waiting_list({"id": unknown_id()})).refusal(404, "flight-not-found")
    (await bob.leave_waiting_list(party)).ok()
    (await alice.reduce_seats(booking, 2)).ok()
    (await bob.join_waiting_list(flight)).refusal(409, "seats-available", asked=1, free=1)
    (await bob.join_waiting_list(flight, 2)).created()
    (await operator.cancel_flight(flight)).ok()
    (await alice.join_waiting_list(flight)).refusal(409, "flight-not-bookable")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "x"},
        {"user_id": "x", "seats": 0},
        {"user_id": "x", "seats": 10},
        {"user_id": "x", "seats": "1"},
        {"user_id": "x", "seats": 1, "place": 1},
        {"user_id": "", "seats": 1},
    ],
    ids=str,
)
async def test_an_invalid_party_is_a_400(operator, alice, body, api):
    flight, _ = await fill_flight(operator, alice)
    before = await api.position()
    (await operator.post(f"/flights/{flight['id']}/waitlist", body)).refusal(400)
    assert await api.position() == before


async def test_a_repeated_request_joins_once(operator, alice, bob, api):
    flight, _ = await fill_flight(operator, alice)
    key = new_key()
    first = await bob.join_waiting_list(flight, key=key)
    before = await api.position()
    again = await bob.join_waiting_list(flight, key=key)
    assert (again.created(), again.replayed) == (first.created(), True)
    assert again.headers["location"] == first.headers["location"]
    (await bob.join_waiting_list(flight, 2, key=key)).refusal(422, "idempotency-key-reused")
    left = await bob.leave_waiting_list(first.body, key=key)
    assert (await bob.leave_waiting_list(first.body, key=key)).body == left.ok()
    assert await api.position() == before + 1


async def test_the_party_of_another_client_looks_unknown(operator, alice, bob, auditor, analyst):
    flight, _ = await fill_flight(operator, alice)
    party = (await bob.join_waiting_list(flight)).created()
    for id in (party["id"], unknown_id(), "BA117"):
        (await alice.get(f"/waitlist/{id}")).refusal(404, "waiting-party-not-found")
        (await alice.leave_waiting_list({"id": id})).refusal(404, "waiting-party-not-found")
    assert await alice.list_parties(flight) == []
    assert await alice.list_parties(flight, user_id=bob.sub) == []
    assert (
        await bob.list_parties(flight)
        == await auditor.list_parties(flight)
        == await operator.list_parties(flight)
        == [party]
    )
    assert await auditor.find_party(party) == party
    (await auditor.join_waiting_list(flight)).refusal(403)
    (await auditor.leave_waiting_list(party)).refusal(403)
    (await analyst.get("/waitlist")).refusal(403)


async def test_a_cancelled_flight_closes_its_waiting_list(operator, alice, bob, auditor):
    flight, booking = await fill_flight(operator, alice)
    offered, waiting = (
        (await bob.join_waiting_list(flight, 2)).created(),
        (await operator.join_waiting_list(flight)).created(),
    )
    (await alice.cancel(booking)).ok()
    (await operator.cancel_flight(flight)).ok()
    assert [party["status"] for party in await operator.list_parties(flight)] == ["closed", "closed"]
    (await operator.leave_waiting_list(waiting)).refusal(409, "not-waiting", was="closed")
    (await bob.leave_waiting_list(offered)).refusal(409, "not-waiting", was="offered")
    events = (await auditor.get("/events" + query(flight_id=flight["id"]))).ok()["data"]
    assert [event["type"] for event in events] == [
        "flight.scheduled",
        "booking.initiated",
        "waiting.joined",
        "waiting.joined",
        "booking.cancelled",
        "waiting.offered",
        "booking.initiated",
        "flight.cancelled",
        "booking.cancelled",
        "waiting.closed",
    ]


async def test_additional_seats_are_offered(operator, alice, bob):
    flight, _ = await fill_flight(operator, alice)
    party = (await bob.join_waiting_list(flight, 2)).created()
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 3})).ok()
    assert (await bob.find_party(party))["status"] == "waiting"
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 4})).ok()
    assert (await bob.find_party(party))["status"] == "offered"


async def test_a_dry_run_that_would_offer_seats_offers_none(operator, alice, bob, api):
    flight, booking = await fill_flight(operator, alice)
    party = (await bob.join_waiting_list(flight)).created()
    before = await api.position()
    (await alice.post(f"/bookings/{booking['id']}/cancel?dry_run=true", {})).ok()
    (await alice.quote(booking)).ok()
    assert await bob.find_party(party) == party
    assert await api.position() == before


async def test_an_atomic_bulk_cannot_take_seats_before_the_waiting_list(operator, alice, bob):
    flight, booking = await fill_flight(operator, alice, seats=4)
    party = (await bob.join_waiting_list(flight, 2)).created()
    (await alice.cancel(booking)).ok()
    items = [
        {"key": new_key(), "flight_id": flight["id"], "user_id": alice.sub, "seats": 1} for _ in range(3)
    ]
    results = (await alice.post("/bookings/bulk", {"items": items, "atomic": True})).ok()["results"]
    assert [(r["status"], r["body"]["asked"], r["body"]["free"]) for r in results] == [(409, 3, 2)] * 3
    assert (await bob.find_party(party))["status"] == "offered"


async def test_pages_show_every_party_once_in_the_order_of_the_list(operator, alice, auditor, crowd):
    flight, booking = await fill_flight(operator, alice)
    people = crowd(5)
    made = [(await client.join_waiting_list(flight)).created()["id"] for client in people]
    for limit in (1, 2, 5, 6):
        collected, address = [], "/waitlist" + query(flight_id=flight["id"], limit=limit)
        while address is not None:
            page = await auditor.get(address)
            assert len(page.ok()["data"]) <= limit
            collected += [row["id"] for row in page.body["data"]]
            cursor = page.body["next_cursor"]
            assert ("link" in page.headers) == (cursor is not None)
            address = cursor and "/waitlist" + query(flight_id=flight["id"], limit=limit, cursor=cursor)
        assert collected == made, f"limit {limit}"
    (await alice.cancel(booking)).ok()
    (await people[2].leave_waiting_list({"id": made[2]})).ok()
    for status, ids in (("offered", made[:2]), ("left", made[2:3]), ("waiting", made[3:]), ("expired", [])):
        assert [party["id"] for party in await operator.list_parties(flight, status=status)] == ids
    assert [party["id"] for party in await operator.list_parties(flight, user_id=people[0].sub)] == made[:1]


@pytest.mark.parametrize(
    "filters", ["status=booked", "status=", "flight_id=BA117", "limit=0", "limit=201", "cursor=x", "place=1"]
)
async def test_an_invalid_filter_is_a_400(operator, filters):
    (await operator.get(f"/waitlist?{filters}")).refusal(400)


async def test_the_list_of_a_departed_flight_reads_closed(clock, clock_api):
    operator, alice, bob = callers(clock_api, 2)
    leaves = clock.now() + timedelta(minutes=1)
    flight = await operator.create_flight(
        seats=1, departs_at=leaves.isoformat(), arrives_at=(leaves + timedelta(hours=8)).isoformat()
    )
    booking = (await alice.book(flight)).created()
    party = (await bob.join_waiting_list(flight)).created()
    clock.set_to(flight["departs_at"])
    closed = await bob.find_party(party)
    assert closed == party | {"status": "closed", "place": None}
    assert await bob.list_parties(flight, status="closed") == [closed]
    assert await bob.list_parties(flight, status="waiting") == []
    (await bob.leave_waiting_list(party)).refusal(409, "not-waiting", was="closed")
    (await alice.cancel(booking)).refusal(409, "flight-departed")
    (await operator.cancel(booking)).ok()
    assert await bob.find_party(party) == closed


async def test_an_expired_offer_goes_to_the_next_party_when_seats_are_booked(clock, clock_api):
    operator, alice, bob, carol, dave = callers(clock_api, 4)
    flight, booking = await fill_flight(operator, alice)
    first = (await bob.join_waiting_list(flight, 2)).created()
    second = (await carol.join_waiting_list(flight, 2)).created()
    (await alice.cancel(booking)).ok()
    offer = await bob.find_party(first)
    clock.set_to(offer["offer_expires_at"])
    assert (await bob.find_party(first))["status"] == "expired"
    (await dave.book(flight)).refusal(409, "not-enough-seats", asked=1, free=0)
    next_offer = await carol.find_party(second)
    assert (next_offer["status"], (await bob.find_party(first))["status"]) == ("offered", "expired")
    assert at(next_offer["offer_expires_at"]) > at(offer["offer_expires_at"])


async def test_offers_go_to_the_next_party_without_any_command(clock, clock_api):
    """The scheduler's pulse alone makes the offers: there is no sweep here."""
    operator, alice, bob, carol = callers(clock_api, 3)
    flight, held = await fill_flight(operator, alice)
    parties = [(await client.join_waiting_list(flight, 2)).created() for client in (bob, carol)]
    clock.set_to(held["expires_at"])
    for place in range(len(parties)):

        async def is_offered(place=place):
            return (await operator.list_parties(flight))[place]["status"] == "offered"

        await await_until(is_offered, 4 * PULSE_SECONDS, f"party {place + 1} gets an offer")
        clock.set_to((await operator.list_parties(flight))[place]["offer_expires_at"])
    listed = await operator.list_parties(flight)
    assert [party["status"] for party in listed] == ["expired", "expired"]
    offers = [at(party["offer_expires_at"]) for party in listed]
    assert offers[0] < offers[1]
    assert len(parties) == len(offers)


def callers(api, clients):
    """Return an operator and as many new clients as `clients` says."""
    return [ApiCaller.of(api, OLGA), *(ApiCaller.of(api, new_client()) for _ in range(clients))]
