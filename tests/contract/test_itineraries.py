"""Itineraries: bookings of several flights that are held, paid, cancelled and read together."""

import asyncio

import pytest

from tests.contract.samples import (
    BOOKING_FIELDS,
    EVENT_FIELDS,
    ITINERARY_FIELDS,
    at,
    is_server_id,
    new_key,
    query,
    rupees,
    unknown_id,
)


@pytest.fixture
async def flights(operator):
    """An outbound and an inbound flight with three seats each."""
    return [await operator.create_flight(seats=3, price=rupees(price)) for price in (450000, 300000)]


@pytest.fixture
async def trip(alice, flights):
    """Alice holds two seats on both flights."""
    return (await alice.book_itinerary(flights, seats=2)).created()


async def test_an_itinerary_holds_all_its_flights(api, alice, flights):
    answer = await alice.book_itinerary(flights, seats=2)
    trip = answer.created()
    assert trip.keys() == ITINERARY_FIELDS
    assert is_server_id(trip["id"])
    assert answer.headers["location"] == f"/api/v1/itineraries/{trip['id']}"
    assert answer.headers["etag"] == '"v1"'
    assert (trip["user_id"], trip["status"], trip["version"]) == (alice.sub, "initiated", 1)
    assert (trip["total_cost"], trip["payment"]) == (rupees(1500000), None)
    assert 299 <= (at(trip["expires_at"]) - at(trip["created_at"])).total_seconds() <= 301
    assert [one["flight_id"] for one in trip["bookings"]] == [flight["id"] for flight in flights]
    assert [one["total_cost"] for one in trip["bookings"]] == [rupees(900000), rupees(600000)]
    for booking in trip["bookings"]:
        assert booking.keys() == BOOKING_FIELDS
        assert (booking["itinerary_id"], booking["expires_at"]) == (trip["id"], trip["expires_at"])
        assert (await alice.find_booking(booking)).ok() == booking
    found = await alice.find_itinerary(trip)
    assert found.ok() == trip
    assert found.headers["etag"] == '"v1"'


async def test_a_booking_of_no_itinerary_says_so(alice, flights):
    assert (await alice.book(flights[0])).created()["itinerary_id"] is None


async def test_a_refusal_names_the_first_flight_and_holds_none(alice, bob, flights):
    (await bob.book(flights[1], seats=2)).created()
    refused = await alice.book_itinerary(flights, seats=2)
    refused.refusal(409, "not-enough-seats", flight_id=flights[1]["id"], asked=2, free=1)
    assert await alice.count_seats(flights[0]) == (0, 0, 3)
    (await alice.book_itinerary([flights[0], {"id": unknown_id()}])).refusal(404, "flight-not-found")


async def test_a_cancelled_flight_cannot_be_part_of_it(operator, alice, flights):
    (await operator.cancel_flight(flights[1])).ok()
    refused = await alice.book_itinerary(flights)
    refused.refusal(409, "flight-not-bookable", flight_id=flights[1]["id"], flight_status="cancelled")


async def test_an_itinerary_has_one_currency(operator, alice, flights):
    euros = await operator.create_flight(price={"amount": 100, "currency": "EUR"})
    refused = await alice.book_itinerary([flights[0], euros])
    refused.refusal(409, "currencies-mixed", currencies=["EUR", "INR"])


@pytest.mark.parametrize("count", [0, 9])
async def test_an_itinerary_has_one_to_eight_bookings(api, alice, flights, count):
    (await alice.book_itinerary([flights[0]] * count)).refusal(400, "validation-failed")


async def test_eight_bookings_are_an_itinerary(operator, alice):
    flight = await operator.create_flight(seats=8)
    trip = (await alice.book_itinerary([flight] * 8)).created()
    assert len(trip["bookings"]) == 8
    assert (await alice.find_itinerary(trip)).ok() == trip


async def test_a_client_makes_itineraries_for_itself_only(alice, bob, flights):
    (await alice.book_itinerary(flights, user_id=bob.sub)).refusal(403, "not-your-account")


async def test_one_payment_books_all(operator, alice, flights, trip):
    answer = await alice.pay_itinerary(trip)
    paid = answer.created()
    assert paid.keys() == {"payment_id", "itinerary"}
    booked = paid["itinerary"]
    assert answer.headers["etag"] == f'"v{booked["version"]}"' == '"v5"'
    assert booked["status"] == "booked"
    assert booked["payment"] == {
        "payment_id": paid["payment_id"],
        "status": "captured",
        "capture_before": None,
    }
    assert [one["status"] for one in booked["bookings"]] == ["booked", "booked"]
    assert {one["payment"]["payment_id"] for one in booked["bookings"]} == {paid["payment_id"]}
    assert (await alice.find_itinerary(trip)).ok() == booked
    for flight in flights:
        assert await alice.count_seats(flight) == (0, 2, 1)


async def test_a_payment_needs_a_key_and_replays_under_it(alice, trip):
    body = {"itinerary_id": trip["id"], "user_id": alice.sub, "total_cost": trip["total_cost"]}
    (await alice.post("/itineraries/payments", body)).refusal(400, "idempotency-key-missing")
    key = new_key()
    first = await alice.pay_itinerary(trip, key=key)
    again = await alice.pay_itinerary(trip, key=key)
    assert (again.status, again.body) == (201, first.created())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["ledger-position"] == first.headers["ledger-position"]
    other = await alice.pay_itinerary(trip, rupees(1), key=key)
    other.refusal(422, "idempotency-key-reused")


async def test_a_repeated_creation_has_the_first_answer_and_location(alice, flights):
    key = new_key()
    first = await alice.book_itinerary(flights, key=key)
    again = await alice.book_itinerary(flights, key=key)
    assert again.created() == first.created()
    assert again.headers["location"] == first.headers["location"]
    assert await alice.count_seats(flights[0]) == (1, 0, 2)


async def test_a_payment_is_checked_in_the_order_of_that_of_a_booking(alice, bob, operator, flights, trip):
    (await alice.pay_itinerary({**trip, "id": unknown_id()})).refusal(404, "itinerary-not-found")
    (await bob.pay_itinerary(trip)).refusal(404, "itinerary-not-found")
    wrong = await alice.pay_itinerary(trip, rupees(1))
    wrong.refusal(409, "price-mismatch", expected=trip["total_cost"])
    (await alice.pay_itinerary(trip, capture="manual")).created()
    (await alice.pay_itinerary(trip, rupees(1))).refusal(409, "payment-in-progress")
    (await operator.itinerary(trip, "capture")).ok()
    (await alice.pay_itinerary(trip, rupees(1))).refusal(409, "already-paid")
    (await alice.itinerary(trip, "cancel")).ok()
    (await alice.pay_itinerary(trip, rupees(1))).refusal(409, "booking-cancelled")


async def test_simultaneous_payments_are_one(alice, trip):
    answers = await asyncio.gather(*(alice.pay_itinerary(trip) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert len((await alice.find_itinerary(trip)).ok()["bookings"][0]["payment"]["payment_id"]) == 36


async def test_a_booking_of_it_is_not_paid_alone(alice, operator, trip):
    [booking, _] = trip["bookings"]
    facts = {"itinerary_id": trip["id"], "booking_id": booking["id"]}
    (await alice.pay(booking)).refusal(409, "booking-in-itinerary", **facts)
    (await operator.capture(booking)).refusal(409, "booking-in-itinerary", **facts)
    (await operator.void(booking)).refusal(409, "booking-in-itinerary", **facts)


async def test_a_manual_payment_is_captured_or_voided_as_a_whole(alice, operator, flights, trip):
    pending = (await alice.pay_itinerary(trip, capture="manual")).created()["itinerary"]
    assert (pending["status"], pending["payment"]["status"]) == ("pending", "pending")
    assert pending["payment"]["capture_before"] is not None
    voided = (await operator.itinerary(trip, "void", {"reason": "declined"})).ok()
    assert [one["status"] for one in voided["bookings"]] == ["initiated", "initiated"]
    (await operator.itinerary(trip, "capture")).refusal(409, "payment-not-pending")
    (await alice.pay_itinerary(trip, capture="manual")).created()
    captured = (await operator.itinerary(trip, "capture")).ok()
    assert (captured["status"], captured["payment"]["status"]) == ("booked", "captured")
    assert await alice.count_seats(flights[1]) == (0, 2, 1)


async def test_cancelling_it_owes_the_share_of_each_booking(alice, operator, flights, trip):
    (await alice.pay_itinerary(trip)).created()
    cancelled = (await alice.itinerary(trip, "cancel", {"reason": "plans changed"})).ok()
    assert cancelled["status"] == "cancelled"
    for booking in trip["bookings"]:
        [refund] = await operator.list_refunds(booking_id=booking["id"])
        assert (refund["status"], refund["amount"]) == ("due", booking["total_cost"])
        history = await alice.read_history(booking)
        assert [e["data"]["note"] for e in history if e["type"] == "booking.cancelled"] == ["plans changed"]
    assert await alice.count_seats(flights[0]) == (0, 0, 3)
    (await alice.itinerary(trip, "cancel")).refusal(409, "booking-cancelled")


async def test_some_of_its_bookings_are_cancelled(alice, operator, trip):
    paid = (await alice.pay_itinerary(trip)).created()["itinerary"]
    first, second = trip["bookings"]
    chosen = {"booking_ids": [second["id"]]}
    quote = (await alice.itinerary(trip, "cancel/quote", chosen)).ok()
    assert (quote["itinerary_id"], quote["version"]) == (trip["id"], paid["version"])
    assert quote["refund"] == second["total_cost"]
    assert quote["bookings"] == [{"booking_id": second["id"], "seats": 2, "refund": second["total_cost"]}]
    part = (
        await alice.itinerary(trip, "cancel", chosen, headers={"if-match": f'"v{quote["version"]}"'})
    ).ok()
    assert [one["status"] for one in part["bookings"]] == ["booked", "cancelled"]
    assert (part["status"], part["total_cost"]) == ("booked", first["total_cost"])
    [refund] = await operator.list_refunds(booking_id=second["id"])
    assert refund["amount"] == second["total_cost"]
    stale = await alice.itinerary(trip, "cancel", headers={"if-match": f'"v{quote["version"]}"'})
    stale.refusal(412, "stale-version")
    unknown = {"booking_ids": [unknown_id()]}
    (await alice.itinerary(trip, "cancel", unknown)).refusal(404, "booking-not-found")


async def test_a_quote_for_all_adds_up_and_changes_nothing(api, alice, trip):
    (await alice.pay_itinerary(trip)).created()
    before = await api.position()
    quote = (await alice.itinerary(trip, "cancel/quote")).ok()
    assert quote["refund"] == trip["total_cost"]
    assert sum(one["refund"]["amount"] for one in quote["bookings"]) == quote["refund"]["amount"]
    assert await api.position() == before


async def test_cancelling_one_booking_alone_cancels_that_part(alice, trip):
    first, second = trip["bookings"]
    (await alice.cancel(first)).ok()
    left = (await alice.find_itinerary(trip)).ok()
    assert [one["status"] for one in left["bookings"]] == ["cancelled", "initiated"]
    assert left["total_cost"] == second["total_cost"]
    (await alice.pay_itinerary(trip)).refusal(409, "price-mismatch", expected=second["total_cost"])
    (await alice.pay_itinerary(left)).created()


async def test_a_dry_run_writes_nothing(api, alice, flights):
    before = await api.position()
    body = {"user_id": alice.sub, "bookings": [{"flight_id": one["id"], "seats": 1} for one in flights]}
    answer = await alice.post("/itineraries?dry_run=true", body)
    assert answer.status == 201
    assert answer.headers["dry-run"] == "true"
    assert "location" not in answer.headers
    assert await api.position() == before


async def test_its_history_is_that_of_all_bookings_by_position(alice, operator, trip):
    key = new_key()
    (await alice.pay_itinerary(trip, key=key)).created()
    (await alice.cancel(trip["bookings"][0])).ok()
    history = (await alice.get(f"/itineraries/{trip['id']}/history")).ok()
    assert history["itinerary_id"] == trip["id"]
    events = history["events"]
    extra = {"booking_id", "itinerary_version", "itinerary_status_after"}
    assert all(event.keys() == EVENT_FIELDS | extra for event in events)
    assert [event["position"] for event in events] == sorted(event["position"] for event in events)
    assert [event["type"].removeprefix("booking.") for event in events] == [
        "initiated",
        "initiated",
        *["payment_pending", "booked"] * 2,
        "cancelled",
        "refund_due",
    ]
    first, second = (one["id"] for one in trip["bookings"])
    assert [event["booking_id"] for event in events] == [
        first,
        second,
        *[first] * 2,
        *[second] * 2,
        first,
        first,
    ]
    assert {event["causation_id"] for event in events[2:6]} == {key}
    assert (events[-1]["itinerary_version"], events[-1]["itinerary_status_after"]) == (7, "booked")
    alone = await alice.read_history(trip["bookings"][0])
    own = [event for event in events if event["booking_id"] == first]
    assert [{name: event[name] for name in EVENT_FIELDS} for event in own] == alone


async def test_another_users_itinerary_is_like_an_unknown_one(alice, bob, auditor, trip):
    for path in ("", "/history"):
        (await bob.get(f"/itineraries/{trip['id']}{path}")).refusal(404, "itinerary-not-found")
        (await bob.get(f"/itineraries/{unknown_id()}{path}")).refusal(404, "itinerary-not-found")
        (await auditor.get(f"/itineraries/{trip['id']}{path}")).ok()
    (await bob.itinerary(trip, "cancel")).refusal(404, "itinerary-not-found")
    (await bob.itinerary(trip, "cancel/quote")).refusal(404, "itinerary-not-found")


async def test_itineraries_are_listed_newest_first(api, operator, auditor, bob):
    flight = await operator.create_flight(seats=10)
    trips = [(await bob.book_itinerary([flight, flight])).created() for _ in range(3)]
    page = (await bob.get("/itineraries" + query(user_id=bob.sub, flight_id=flight["id"], limit=2))).ok()
    assert page["data"] == [trips[2], trips[1]]
    more = query(user_id=bob.sub, flight_id=flight["id"], limit=2, cursor=page["next_cursor"])
    rest = (await bob.get("/itineraries" + more)).ok()
    assert (rest["data"], rest["next_cursor"]) == ([trips[0]], None)
    assert (await auditor.get("/itineraries" + query(user_id=bob.sub, limit=1))).ok()["data"] == [trips[2]]


async def test_others_itineraries_are_not_listed(alice, bob, trip):
    assert (await bob.get("/itineraries" + query(user_id=alice.sub))).ok()["data"] == []


async def test_its_events_are_in_the_stream_and_the_log_under_one_key(auditor, alice, trip):
    key = new_key()
    paid = await alice.pay_itinerary(trip, key=key)
    first, second = (booking["id"] for booking in trip["bookings"])
    after = int(paid.headers["ledger-position"]) - 4
    page = (await auditor.get("/events" + query(after=after, limit=4))).ok()
    events = page["data"]
    assert {event["causation_id"] for event in events} == {key}
    assert [event["booking_id"] for event in events if "booking_id" in event] in (
        [],
        [first] * 2 + [second] * 2,
    )
    outcome = (await auditor.find_outcome(alice.sub, "pay_itinerary", key)).ok()
    assert outcome["body"] == paid.created()
    assert (outcome["first_position"], outcome["last_position"]) == (after + 1, after + 4)
