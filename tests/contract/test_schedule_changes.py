"""Changes of schedule: other times of a flight, and what its customers do about them."""

import itertools
from datetime import timedelta

import pytest

from tests.contract.samples import at, later, new_key, unknown_id

_numbers = itertools.count(1)


@pytest.fixture
def program(clock_program):
    return clock_program


@pytest.fixture
def leaving(operator, clock):
    """`leaving(seconds)`: schedule a flight that departs so many seconds from now."""

    async def schedule(seconds, **changes):
        departs = clock.now() + timedelta(seconds=seconds)
        times = {
            "departs_at": departs.isoformat(),
            "arrives_at": (departs + timedelta(hours=2)).isoformat(),
        }
        return await operator.create_flight(number=f"SC{next(_numbers)}", **times, **changes)

    return schedule


async def retime(caller, flight, times, **options):
    body = {"departs_at": times["departs_at"], "arrives_at": times["arrives_at"], "reason": "late crew"}
    return await caller.post(f"/flights/{flight['id']}/times", body, **options)


async def accept(caller, booking, **options):
    return await caller.post(f"/bookings/{booking['id']}/accept-change", **options)


def times_of(flight):
    return {name: flight[name] for name in ("departs_at", "arrives_at")}


async def test_a_booking_has_the_change_until_its_caller_accepts_it(alice, operator, leaving):
    flight = await leaving(30 * 86400)
    booking = await alice.book_and_pay(flight)
    answer = await retime(operator, flight, later(flight, hours=3))
    retimed = answer.ok()
    assert answer.headers["etag"] == '"v2"'
    assert at(retimed["departs_at"]) == at(flight["departs_at"]) + timedelta(hours=3)
    told = (await alice.find_booking(booking)).ok()
    change = told["schedule_change"]
    assert change["was"] == times_of(flight)
    assert change["now"] == times_of(retimed)
    assert at(told["updated_at"]) < at(change["accept_before"]) < at(retimed["departs_at"])
    assert told["status"] == "booked"
    accepted = (await accept(alice, booking)).ok()
    assert accepted["schedule_change"] is None
    assert (await alice.find_booking(booking)).ok() == accepted
    (await accept(alice, booking)).refusal(409, "no-schedule-change", booking_id=booking["id"])
    for version, expected in ((3, None), (4, change), (5, None)):
        then = (await alice.find_booking(booking, f"?version={version}")).ok()
        assert then["schedule_change"] == expected


async def test_a_small_change_needs_no_answer(alice, operator, leaving):
    flight = await leaving(86400)
    booking = (await alice.book(flight)).created()
    (await retime(operator, flight, later(flight, minutes=59))).ok()
    assert (await alice.find_booking(booking)).ok()["schedule_change"] is None
    (await accept(alice, booking)).refusal(409, "no-schedule-change")
    (await retime(operator, flight, later(flight, minutes=60))).ok()
    assert (await alice.find_booking(booking)).ok()["schedule_change"]["was"] == times_of(flight)


async def test_a_customer_cancels_with_all_money_back(alice, operator, leaving):
    flight = await leaving(86400)
    booking = await alice.book_and_pay(flight)
    (await retime(operator, flight, later(flight, hours=-5))).ok()
    cancelled = (await alice.cancel(booking)).ok()
    assert cancelled["schedule_change"] is None
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert refund["amount"] == booking["total_cost"]


async def test_without_an_answer_the_booking_stays_on_the_new_times(alice, operator, leaving, clock):
    flight = await leaving(86400)
    booking = await alice.book_and_pay(flight)
    retimed = (await retime(operator, flight, later(flight, hours=2))).ok()
    told = (await alice.find_booking(booking)).ok()
    assert told["schedule_change"]["accept_before"] == retimed["departs_at"]
    clock.set_to(retimed["departs_at"])
    assert (await alice.find_booking(booking)).ok() == told
    (await alice.cancel(booking)).refusal(409, "flight-departed")
    assert (await accept(alice, booking)).ok()["status"] == "booked"


async def test_holds_and_authorised_payments_end_with_the_new_departure(alice, operator, leaving):
    flight = await leaving(50)
    held, pending = (await alice.book(flight)).created(), await alice.book_pending(flight)
    for seconds in (-20, 5):
        retimed = (await retime(operator, flight, later(flight, seconds=seconds))).ok()
        assert (await alice.find_booking(held)).ok()["expires_at"] == retimed["departs_at"]
        payment = (await alice.find_booking(pending)).ok()["payment"]
        assert payment["capture_before"] == retimed["departs_at"]


async def test_an_offer_to_a_waiting_party_ends_with_the_hold_as_cut(alice, bob, operator, leaving, clock):
    flight = await leaving(86400, seats=1)
    booking = (await alice.book(flight)).created()
    party = (await bob.join_waiting_list(flight)).created()
    (await alice.cancel(booking)).ok()
    offer = await bob.find_party(party)
    assert offer["status"] == "offered"
    for seconds in (60, 30, 86400):
        departs = clock.now() + timedelta(seconds=seconds)
        times = {"departs_at": departs.isoformat(), "arrives_at": (departs + timedelta(hours=1)).isoformat()}
        (await retime(operator, flight, times)).ok()
        hold = (await bob.get(f"/bookings/{offer['booking_id']}")).ok()
        for row in (await bob.find_party(party), *await bob.list_parties(flight)):
            assert (row["status"], row["offer_expires_at"]) == ("offered", hold["expires_at"])
        assert at(hold["expires_at"]) <= departs
    clock.set_to(hold["expires_at"])
    assert (await bob.find_party(party))["status"] == "expired"


async def test_a_late_flight_is_retimed_after_its_scheduled_departure(alice, operator, leaving, clock):
    flight = await leaving(60)
    booking = await alice.book_and_pay(flight)
    times = later(flight, hours=4)
    clock.set_to(flight["departs_at"])
    assert (await alice.get(f"/flights/{flight['id']}")).ok()["status"] == "departed"
    assert (await retime(operator, flight, times)).ok()["status"] == "scheduled"
    assert (await alice.find_booking(booking)).ok()["schedule_change"] is not None
    (await alice.book(flight)).created()
    (await operator.post(f"/flights/{flight['id']}/departed", {})).ok()
    (await retime(operator, flight, later(flight, hours=5))).refusal(409, "flight-departed")


async def test_a_flight_late_by_a_day_is_not_retimed(operator, leaving, clock):
    flight = await leaving(60)
    clock.set_to(later(flight, hours=24)["departs_at"].replace("+00:00", "Z"))
    (await retime(operator, flight, later(flight, days=2))).refusal(409, "flight-departed")


async def test_refusals_of_new_times(operator, leaving):
    flight = await leaving(30 * 86400)
    (await retime(operator, flight, flight)).refusal(409, "times-unchanged")
    (await retime(operator, flight, later(flight, days=-31))).refusal(409, "departure-in-past")
    backwards = {"departs_at": flight["arrives_at"], "arrives_at": flight["departs_at"]}
    (await retime(operator, flight, backwards)).refusal(400)
    (await retime(operator, flight, later(flight, hours=1), headers={"if-match": '"v2"'})).refusal(
        412, "stale-version"
    )
    (await operator.cancel_flight(flight)).ok()
    (await retime(operator, flight, later(flight, hours=1))).refusal(409, "flight-not-bookable")


async def test_a_flight_moves_to_another_day_unless_its_number_leaves_then(operator, leaving):
    flight = await leaving(30 * 86400)
    other = await operator.create_flight(**{**_body(flight), **later(flight, days=1)})
    taken = await retime(operator, flight, later(flight, days=1))
    taken.refusal(409, "flight-already-scheduled", flight_id=other["id"])
    (await retime(operator, flight, later(flight, days=2))).ok()
    again = await operator.create_flight(**_body(flight))
    assert again["id"] != flight["id"]
    day = at(flight["departs_at"]).date()
    found = (await operator.get(f"/flights?origin={flight['origin']}&date={day + timedelta(days=2)}")).ok()
    assert flight["id"] in [row["id"] for row in found["data"]]


async def test_new_times_have_one_outcome_and_a_dry_run(alice, operator, leaving):
    flight = await leaving(30 * 86400)
    booking = await alice.book_and_pay(flight)
    times, key = later(flight, hours=2), new_key()
    body = {**times, "reason": "late crew"}
    dry = await operator.post(f"/flights/{flight['id']}/times?dry_run=true", body)
    assert dry.ok()["version"] == 2
    assert (await alice.find_booking(booking)).ok()["schedule_change"] is None
    first = await retime(operator, flight, times, key=key)
    assert (await retime(operator, flight, times, key=key)).ok() == first.ok()
    assert (await alice.find_booking(booking)).ok()["version"] == booking["version"] + 1


async def test_another_callers_change_looks_unknown(bob, alice, operator, leaving):
    flight = await leaving(86400)
    booking = (await alice.book(flight)).created()
    (await retime(operator, flight, later(flight, hours=2))).ok()
    (await accept(bob, booking)).refusal(404, "booking-not-found")
    assert (await accept(operator, booking)).ok()["schedule_change"] is None


async def test_each_segment_of_an_itinerary_is_accepted_alone(alice, operator, leaving):
    first, second = await leaving(86400), await leaving(2 * 86400)
    itinerary = (await alice.book_itinerary([first, second])).created()
    (await alice.pay_itinerary(itinerary)).created()
    (await retime(operator, second, later(second, hours=2))).ok()
    found = (await alice.get(f"/itineraries/{itinerary['id']}")).ok()
    assert [one["schedule_change"] is None for one in found["bookings"]] == [True, False]
    (await accept(alice, found["bookings"][1])).ok()
    assert found["status"] == "booked"


def _body(flight):
    fields = ("number", "origin", "destination", "departs_at", "arrives_at", "seats", "price")
    return {name: flight[name] for name in fields}


async def move(caller, booking, flight, **options):
    return await caller.post(f"/bookings/{booking['id']}/move", {"flight_id": flight["id"]}, **options)


async def move_all(caller, flight, *targets, **options):
    body = {"to": [target["id"] for target in targets], "order": "booked_first"}
    return await caller.post(f"/flights/{flight['id']}/move-all", body, **options)


async def test_a_moved_booking_takes_seats_there_and_gives_them_back_here(alice, operator, leaving):
    flight, other = await leaving(86400, seats=3), await leaving(2 * 86400, seats=3)
    booking = await alice.book_and_pay(flight, seats=2)
    answer = await move(operator, booking, other)
    moved = answer.ok()
    assert (moved["flight_id"], moved["status"]) == (other["id"], "booked")
    assert moved["total_cost"] == booking["total_cost"]
    assert moved["schedule_change"]["was"] == times_of(flight)
    assert moved["schedule_change"]["now"] == times_of(other)
    assert await alice.count_seats(flight) == (0, 0, 3)
    assert await alice.count_seats(other) == (0, 2, 1)
    assert (await alice.find_booking(booking)).ok() == moved
    assert answer.headers["etag"] == f'"v{moved["version"]}"'


async def test_the_past_of_a_moved_booking_stays_where_it_was(alice, operator, auditor, leaving):
    flight, other = await leaving(86400), await leaving(2 * 86400)
    booking = await alice.book_and_pay(flight, seats=2)
    before = await alice.api.position()
    (await move(operator, booking, other)).ok()
    then = (await alice.find_booking(booking, f"?position={before}")).ok()
    assert then["flight_id"] == flight["id"]
    for at_position, seats in ((before, (2, 0)), (before + 1, (0, 2))):
        for one, booked in zip((flight, other), seats, strict=True):
            path = f"/flights/{one['id']}/availability?position={at_position}"
            assert (await alice.get(path)).ok()["booked"] == booked
            why = (await auditor.get(f"/flights/{one['id']}/why?position={at_position}")).ok()
            assert (why["booked"], len(why["taken_by"])) == (booked, booked // 2)
    for one in (flight, other):
        events = (await auditor.get(f"/events?flight_id={one['id']}&limit=50")).ok()["data"]
        assert "booking.moved" in [event["type"] for event in events]
    listed = (await operator.get(f"/bookings?flight_id={other['id']}")).ok()["data"]
    assert [row["id"] for row in listed] == [booking["id"]]
    assert (await operator.get(f"/bookings?flight_id={flight['id']}")).ok()["data"] == []


async def test_refusals_of_a_move(alice, operator, leaving):
    flight, other = await leaving(86400), await leaving(2 * 86400, seats=1)
    booking = await alice.book_and_pay(flight, seats=2)
    (await move(operator, booking, other)).refusal(409, "not-enough-seats", asked=2, free=1)
    (await move(operator, booking, flight)).refusal(409, "already-on-flight")
    (await move(operator, booking, {"id": unknown_id()})).refusal(404, "flight-not-found")
    (await move(operator, {"id": unknown_id()}, other)).refusal(404, "booking-not-found")
    dollars = await leaving(86400, price={"amount": 1, "currency": "USD"})
    (await move(operator, booking, dollars)).refusal(409, "currency-differs")
    (await operator.cancel_flight(other)).ok()
    (await move(operator, booking, other)).refusal(409, "flight-not-bookable")
    (await operator.cancel(booking)).ok()
    (await move(operator, booking, other)).refusal(409, "booking-cancelled")


async def test_as_many_bookings_move_as_fit_and_the_rest_is_named(alice, operator, leaving):
    flight, other = await leaving(86400), await leaving(2 * 86400, seats=3)
    held = (await alice.book(flight)).created()
    pending = await alice.book_pending(flight)
    booked = await alice.book_and_pay(flight, seats=2)
    key = new_key()
    answer = await move_all(operator, flight, other, key=key)
    assert answer.ok() == {
        "moved": [{"booking_id": one["id"], "flight_id": other["id"]} for one in (booked, pending)],
        "not_moved": [{"booking_id": held["id"], "reason": "not-enough-seats"}],
    }
    assert answer.headers["etag"] == '"v2"'
    again = await move_all(operator, flight, other, key=key)
    assert (again.ok(), again.replayed) == (answer.ok(), True)
    assert await alice.count_seats(flight) == (1, 0, 9)
    assert await alice.count_seats(other) == (1, 2, 0)


async def test_moving_all_of_nothing_moves_nothing(operator, leaving):
    flight, other = await leaving(86400), await leaving(2 * 86400)
    assert (await move_all(operator, flight, other)).ok() == {"moved": [], "not_moved": []}
    (await move_all(operator, flight, flight)).refusal(400)
    (await move_all(operator, flight, other, other)).refusal(400)
    (await move_all(operator, flight)).refusal(400)
    (await move_all(operator, flight, {"id": unknown_id()})).refusal(404, "flight-not-found")


async def test_seats_left_behind_are_offered_to_the_waiting_list(alice, bob, operator, leaving):
    flight, other = await leaving(86400, seats=2), await leaving(2 * 86400, seats=2)
    booking = await alice.book_and_pay(flight, seats=2)
    party = (await bob.join_waiting_list(flight, 2)).created()
    (await move_all(operator, flight, other)).ok()
    assert (await bob.find_party(party))["status"] == "offered"
    assert (await alice.find_booking(booking)).ok()["flight_id"] == other["id"]
