"""Explanations of refusals: the events that took the seats, and recorded outcomes."""

from uuid import uuid4

import pytest

from tests.contract.people import ApiCaller, Subject
from tests.contract.samples import new_key


async def why(caller, flight, **query):
    filters = "&".join(f"{name}={value}" for name, value in query.items())
    return (await caller.get(f"/flights/{flight['id']}/why?{filters}")).ok()


async def test_the_events_that_took_the_seats_are_listed(alice, bob, operator, auditor):
    flight = await operator.create_flight(seats=3)
    paid, cancelled = await alice.book_and_pay(flight, 2), (await alice.book(flight, 1)).created()
    refused = await bob.book(flight, 1)
    refused.refusal(409, "not-enough-seats")
    position = int(refused.headers["ledger-position"])
    (await alice.cancel(cancelled)).ok()
    answer = await why(auditor, flight, seats=1, position=position)
    assert [(taker["booking_id"], taker["seats"], taker["type"]) for taker in answer["taken_by"]] == [
        (paid["id"], 2, "booking.initiated"),
        (cancelled["id"], 1, "booking.initiated"),
    ]
    assert (answer["available"], answer["enough"], answer["position"]) == (0, False, position)
    for taker in answer["taken_by"]:
        page = (await auditor.get(f"/events?after={taker['position'] - 1}&limit=1")).ok()
        assert page["data"][0]["type"] == "booking.initiated"
    now = await why(auditor, flight, seats=1)
    assert [taker["booking_id"] for taker in now["taken_by"]] == [paid["id"]]
    assert (now["available"], now["enough"]) == (1, True)


async def test_a_reduced_booking_takes_its_remaining_seats_only(alice, operator, auditor):
    flight = await operator.create_flight(seats=5)
    booking = await alice.book_and_pay(flight, 3)
    (await alice.reduce_seats(booking, 1)).ok()
    answer = await why(auditor, flight, seats=5)
    assert [taker["seats"] for taker in answer["taken_by"]] == [1]
    assert (answer["held"], answer["booked"], answer["available"]) == (0, 1, 4)


async def test_the_event_that_closed_the_flight_is_listed(operator, auditor):
    flight = await operator.create_flight(seats=3)
    cancelled = await operator.cancel_flight(flight)
    answer = await why(auditor, flight)
    assert answer["flight_status"] == "cancelled"
    assert not answer["enough"]
    closing = {"position": int(cancelled.headers["ledger-position"]), "type": "flight.cancelled"}
    assert closing.items() <= answer["closed_by"].items()
    before = await why(auditor, flight, position=closing["position"] - 1)
    assert (before["closed_by"], before["enough"]) == (None, True)


async def test_a_flight_that_is_unknown_or_later_than_the_position_is_a_404(operator, auditor):
    (await auditor.get(f"/flights/{uuid4()}/why")).refusal(404, "flight-not-found")
    await operator.create_flight()  # position 1, unless other tests ran before
    flight = await operator.create_flight()
    (await auditor.get(f"/flights/{flight['id']}/why?position=1")).refusal(404, "flight-not-found")


@pytest.mark.parametrize("key", ["plain", "a/b?c=d&e#f%25", "//a//", "~" * 255])
async def test_an_outcome_is_found_by_its_key(alice, operator, auditor, key):
    flight = await operator.create_flight()
    key = key if len(key) > 200 else key + new_key()
    answer = await alice.book(flight, 1, key=key)
    for caller in (alice, auditor):
        outcome = (await caller.find_outcome(alice.sub, "initiate_booking", key)).ok()
        assert (outcome["key"], outcome["status"], outcome["body"]) == (key, 201, answer.body)
        assert outcome["last_position"] == int(answer.headers["ledger-position"])


async def test_actors_and_keys_may_contain_slashes(api, operator, auditor):
    flight, key = await operator.create_flight(), new_key() + "/"
    for name in ("https://id.example/~ann", "/ann/"):
        answer = await ApiCaller.of(api, Subject(name, ("client",))).book(flight, 1, key=key)
        outcome = (await auditor.find_outcome(name, "initiate_booking", key)).ok()
        assert (outcome["actor"], outcome["key"], outcome["body"]) == (name, key, answer.created())


@pytest.mark.parametrize("slashes", ["commands/ann%2Fpay/1", "commands%2Fann/a/b", "%63ommands/a/b/c"])
async def test_an_encoded_slash_does_not_separate_path_segments(auditor, slashes):
    (await auditor.get(f"/{slashes}")).refusal(404, "command-not-found")


async def test_outcomes_of_other_clients_look_unknown(alice, bob, operator):
    flight, key = await operator.create_flight(), new_key()
    (await alice.book(flight, 1, key=key)).created()
    (await bob.find_outcome(alice.sub, "initiate_booking", key)).refusal(404, "command-not-found")
    (await bob.find_outcome(bob.sub, "initiate_booking", key)).refusal(404, "command-not-found")


async def test_a_refusal_for_want_of_seats_links_to_the_events_that_took_them(alice, bob, operator, auditor):
    flight = await operator.create_flight(seats=3)
    paid = await alice.book_and_pay(flight, 2)
    key = new_key()
    refused = await bob.book(flight, 2, key=key)
    assert refused.headers["link"] == f'<{refused.body["why"]}>; rel="describedby"'
    (await alice.cancel(paid)).ok()
    again = await bob.book(flight, 2, key=key)
    assert again.replayed
    assert (again.body, again.headers["link"]) == (refused.body, refused.headers["link"])
    answer = (await auditor.get(refused.body["why"].removeprefix("/api/v1"))).ok()
    assert (answer["flight_id"], answer["asked"], answer["enough"]) == (flight["id"], 2, False)
    assert (answer["position"], answer["available"]) == (refused.position, 1)
    assert [taker["booking_id"] for taker in answer["taken_by"]] == [paid["id"]]
    outcome = (await auditor.find_outcome(bob.sub, "initiate_booking", key)).ok()
    assert outcome["body"] == refused.body


async def test_every_command_that_wants_seats_links_to_why(alice, operator, auditor):
    flight = await operator.create_flight(seats=1)
    wanted = {"key": new_key(), "flight_id": flight["id"], "user_id": alice.sub, "seats": 2}
    bulk = (await alice.post("/bookings/bulk", {"items": [wanted]})).ok()["results"][0]["body"]
    holds = [{"flight_id": flight["id"], "seats": 1}, {"flight_id": flight["id"], "seats": 1}]
    trip = await alice.post("/itineraries", {"user_id": alice.sub, "bookings": holds})
    dry = await alice.post("/bookings?dry_run=true", {name: wanted[name] for name in wanted if name != "key"})
    for problem in (bulk, trip.body, dry.body):
        answer = (await auditor.get(problem["why"].removeprefix("/api/v1"))).ok()
        assert (answer["asked"], answer["enough"]) == (2, False)
