"""Waiting lists over HTTP: joining, being offered what comes free, and what may be seen of it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.client import connect
from tests.contract.people import OLGA, Caller, somebody_new
from tests.contract.samples import (
    WAITING_FIELDS,
    an_unknown_id,
    at,
    made_by_the_server,
    new_key,
    passed,
    query,
)

PULSE_SECONDS = 5


async def full_flight(operator, holder, seats=2):
    """A flight whose seats are all held by one booking."""
    flight = await operator.flight(seats=seats)
    return flight, (await holder.book(flight, seats)).made()


async def test_whoever_joins_is_told_the_place(operator, alice, bob, api):
    flight, _ = await full_flight(operator, alice)
    answer = await bob.wait(flight, 2)
    party = answer.made()
    assert party.keys() == WAITING_FIELDS
    assert made_by_the_server(party["id"])
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
    found = await bob.get(f"/waitlist/{party['id']}" + query(min_position=answer.position))
    assert (found.done(), found.headers["etag"]) == (party, '"v1"')
    assert found.position >= answer.position


async def test_a_cancelled_booking_goes_to_the_first_who_fits_at_once(operator, alice, crowd):
    flight, booking = await full_flight(operator, alice, seats=3)
    sizes = [4, 2, 2, 1]
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 4})).done()
    (await operator.book(flight)).made()
    people = crowd(4)
    parties = [(await who.wait(flight, seats)).made() for who, seats in zip(people, sizes, strict=True)]
    assert [party["place"] for party in parties] == [1, 2, 3, 4]
    answer = await alice.cancel(booking)
    assert answer.done()["status"] == "cancelled"
    line = await operator.line(flight)
    assert [party["id"] for party in line] == [party["id"] for party in parties]
    assert [party["status"] for party in line] == ["waiting", "offered", "waiting", "offered"]
    assert [party["place"] for party in line] == [1, None, 2, None]
    offered = (await people[1].get(f"/bookings/{line[1]['booking_id']}")).done()
    assert (offered["status"], offered["seats"], offered["user_id"]) == ("initiated", 2, people[1].sub)
    assert offered["expires_at"] == line[1]["offer_expires_at"]
    assert line[1]["version"] == 2
    assert await operator.seats(flight) == (4, 0, 0)


async def test_an_offer_is_accepted_by_paying_for_it(operator, alice, bob):
    flight, booking = await full_flight(operator, alice)
    party = (await bob.wait(flight, 2)).made()
    (await alice.cancel(booking)).done()
    offer = (await bob.get(f"/bookings/{(await bob.standing(party))['booking_id']}")).done()
    pending = (await bob.pay(offer, capture="manual")).made()["booking"]
    assert (await bob.standing(party))["status"] == "accepted"
    (await operator.capture(pending)).done()
    assert (await bob.standing(party))["status"] == "accepted"
    (await bob.cancel(offer)).done()
    assert (await bob.standing(party))["status"] == "accepted"


async def test_a_declined_offer_goes_to_the_next(operator, alice, bob, crowd):
    flight, booking = await full_flight(operator, alice)
    [carol] = crowd(1)
    first, second = (await bob.wait(flight, 2)).made(), (await carol.wait(flight)).made()
    (await alice.cancel(booking)).done()
    assert (await carol.standing(second))["place"] == 1
    (await bob.cancel({"id": (await bob.standing(first))["booking_id"]})).done()
    assert (await bob.standing(first))["status"] == "declined"
    assert (await carol.standing(second))["status"] == "offered"
    assert await operator.seats(flight) == (1, 0, 1)


async def test_an_operator_joins_and_leaves_for_anybody(operator, alice, bob):
    flight, _ = await full_flight(operator, alice)
    party = (await operator.wait(flight, user_id=bob.sub)).made()
    assert await bob.standing(party) == party
    left = await operator.leave(party)
    assert left.headers["etag"] == '"v2"'
    assert left.done() == party | {"status": "left", "place": None, "version": 2}
    assert await bob.standing(party) == left.body
    (await bob.leave(party)).refused(409, "not-waiting", was="left")


async def test_what_is_offered_cannot_be_left_but_declined(operator, alice, bob):
    flight, booking = await full_flight(operator, alice)
    party = (await bob.wait(flight)).made()
    (await alice.cancel(booking)).done()
    (await bob.leave(party)).refused(409, "not-waiting", was="offered")


async def test_who_may_not_join(operator, alice, bob):
    flight, booking = await full_flight(operator, alice, seats=3)
    party = (await bob.wait(flight, 2)).made()
    (await bob.wait(flight, 1)).refused(409, "already-waiting", waiting_id=party["id"])
    (await alice.wait(flight, 4)).refused(409, "party-larger-than-flight", asked=4, seats=3)
    (await alice.wait(flight, user_id=bob.sub)).refused(403)
    (await alice.wait({"id": an_unknown_id()})).refused(404, "flight-not-found")
    (await bob.leave(party)).done()
    (await alice.keep(booking, 2)).done()
    (await bob.wait(flight)).refused(409, "seats-available", asked=1, free=1)
    (await bob.wait(flight, 2)).made()
    (await operator.cancel_flight(flight)).done()
    (await alice.wait(flight)).refused(409, "flight-not-bookable")


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
async def test_a_wish_that_makes_no_sense_is_a_400(operator, alice, body, api):
    flight, _ = await full_flight(operator, alice)
    before = await api.position()
    (await operator.post(f"/flights/{flight['id']}/waitlist", body)).refused(400)
    assert await api.position() == before


async def test_a_repeat_joins_once(operator, alice, bob, api):
    flight, _ = await full_flight(operator, alice)
    key = new_key()
    first = await bob.wait(flight, key=key)
    before = await api.position()
    again = await bob.wait(flight, key=key)
    assert (again.made(), again.replayed) == (first.made(), True)
    assert again.headers["location"] == first.headers["location"]
    (await bob.wait(flight, 2, key=key)).refused(422, "idempotency-key-reused")
    left = await bob.leave(first.body, key=key)
    assert (await bob.leave(first.body, key=key)).body == left.done()
    assert await api.position() == before + 1


async def test_anothers_entry_is_an_unknown_one(operator, alice, bob, auditor, analyst):
    flight, _ = await full_flight(operator, alice)
    party = (await bob.wait(flight)).made()
    for id in (party["id"], an_unknown_id(), "BA117"):
        (await alice.get(f"/waitlist/{id}")).refused(404, "waiting-party-not-found")
        (await alice.leave({"id": id})).refused(404, "waiting-party-not-found")
    assert await alice.line(flight) == []
    assert await alice.line(flight, user_id=bob.sub) == []
    assert await bob.line(flight) == await auditor.line(flight) == await operator.line(flight) == [party]
    assert await auditor.standing(party) == party
    (await auditor.wait(flight)).refused(403)
    (await auditor.leave(party)).refused(403)
    (await analyst.get("/waitlist")).refused(403)


async def test_a_cancelled_flight_closes_its_list(operator, alice, bob, auditor):
    flight, booking = await full_flight(operator, alice)
    offered, waiting = (await bob.wait(flight, 2)).made(), (await operator.wait(flight)).made()
    (await alice.cancel(booking)).done()
    (await operator.cancel_flight(flight)).done()
    assert [party["status"] for party in await operator.line(flight)] == ["closed", "closed"]
    (await operator.leave(waiting)).refused(409, "not-waiting", was="closed")
    (await bob.leave(offered)).refused(409, "not-waiting", was="offered")
    events = (await auditor.get("/events" + query(flight_id=flight["id"]))).done()["data"]
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


async def test_more_seats_are_offered(operator, alice, bob):
    flight, _ = await full_flight(operator, alice)
    party = (await bob.wait(flight, 2)).made()
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 3})).done()
    assert (await bob.standing(party))["status"] == "waiting"
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 4})).done()
    assert (await bob.standing(party))["status"] == "offered"


async def test_a_dry_run_that_would_offer_seats_offers_none(operator, alice, bob, api):
    flight, booking = await full_flight(operator, alice)
    party = (await bob.wait(flight)).made()
    before = await api.position()
    (await alice.post(f"/bookings/{booking['id']}/cancel?dry_run=true", {})).done()
    (await alice.quote(booking)).done()
    assert await bob.standing(party) == party
    assert await api.position() == before


async def test_atomic_parties_stand_behind_those_who_wait(operator, alice, bob):
    flight, booking = await full_flight(operator, alice, seats=4)
    party = (await bob.wait(flight, 2)).made()
    (await alice.cancel(booking)).done()
    items = [
        {"key": new_key(), "flight_id": flight["id"], "user_id": alice.sub, "seats": 1} for _ in range(3)
    ]
    results = (await alice.post("/bookings/bulk", {"items": items, "atomic": True})).done()["results"]
    assert [(r["status"], r["body"]["asked"], r["body"]["free"]) for r in results] == [(409, 3, 2)] * 3
    assert (await bob.standing(party))["status"] == "offered"


async def test_pages_show_every_party_once_and_in_the_order_of_service(operator, alice, auditor, crowd):
    flight, booking = await full_flight(operator, alice)
    people = crowd(5)
    made = [(await who.wait(flight)).made()["id"] for who in people]
    for limit in (1, 2, 5, 6):
        walked, address = [], "/waitlist" + query(flight_id=flight["id"], limit=limit)
        while address is not None:
            page = await auditor.get(address)
            assert len(page.done()["data"]) <= limit
            walked += [row["id"] for row in page.body["data"]]
            cursor = page.body["next_cursor"]
            assert ("link" in page.headers) == (cursor is not None)
            address = cursor and "/waitlist" + query(flight_id=flight["id"], limit=limit, cursor=cursor)
        assert walked == made, f"limit {limit}"
    (await alice.cancel(booking)).done()
    (await people[2].leave({"id": made[2]})).done()
    for status, ids in (("offered", made[:2]), ("left", made[2:3]), ("waiting", made[3:]), ("expired", [])):
        assert [party["id"] for party in await operator.line(flight, status=status)] == ids
    assert [party["id"] for party in await operator.line(flight, user_id=people[0].sub)] == made[:1]


@pytest.mark.parametrize(
    "nonsense", ["status=booked", "status=", "flight_id=BA117", "limit=0", "limit=201", "cursor=x", "place=1"]
)
async def test_a_filter_that_makes_no_sense_is_a_400(operator, nonsense):
    (await operator.get(f"/waitlist?{nonsense}")).refused(400)


async def test_the_list_of_a_flight_that_has_departed_reads_closed(operator, alice, bob):
    leaves = datetime.now(UTC) + timedelta(seconds=2)
    flight = await operator.flight(
        seats=1, departs_at=leaves.isoformat(), arrives_at=(leaves + timedelta(hours=8)).isoformat()
    )
    booking = (await alice.book(flight)).made()
    party = (await bob.wait(flight)).made()
    await passed(flight["departs_at"])
    closed = await bob.standing(party)
    assert closed == party | {"status": "closed", "place": None}
    assert await bob.line(flight, status="closed") == [closed]
    assert await bob.line(flight, status="waiting") == []
    (await bob.leave(party)).refused(409, "not-waiting", was="closed")
    (await alice.cancel(booking)).done()
    assert await bob.standing(party) == closed


@pytest.fixture
async def forgetful(forgetful_program):
    async with connect(forgetful_program.url) as api:
        yield api


async def test_an_offer_that_runs_out_reads_expired_and_goes_on_when_somebody_books(forgetful):
    operator = Caller.of(forgetful, OLGA)
    alice, bob, carol, dave = [Caller.of(forgetful, somebody_new()) for _ in range(4)]
    flight, booking = await full_flight(operator, alice)
    first, second = (await bob.wait(flight, 2)).made(), (await carol.wait(flight, 2)).made()
    (await alice.cancel(booking)).done()
    offer = await bob.standing(first)
    await passed(offer["offer_expires_at"])
    assert (await bob.standing(first))["status"] == "expired"
    (await dave.book(flight)).refused(409, "not-enough-seats", asked=1, free=0)
    next_offer = await carol.standing(second)
    assert (next_offer["status"], (await bob.standing(first))["status"]) == ("offered", "expired")
    assert at(next_offer["offer_expires_at"]) > at(offer["offer_expires_at"])


async def test_offers_go_on_by_the_pulse_alone(forgetful):
    """No sweep ever runs here, and nobody calls."""
    operator = Caller.of(forgetful, OLGA)
    alice, bob, carol = [Caller.of(forgetful, somebody_new()) for _ in range(3)]
    flight, _ = await full_flight(operator, alice)
    parties = [(await who.wait(flight, 2)).made() for who in (bob, carol)]
    async with asyncio.timeout(4 * PULSE_SECONDS):
        while [p["status"] for p in await operator.line(flight)] != ["expired", "expired"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    offers = [at(p["offer_expires_at"]) for p in await operator.line(flight)]
    assert offers[0] < offers[1]
    assert len(parties) == len(offers)
