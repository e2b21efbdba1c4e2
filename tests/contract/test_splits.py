"""Splits: a part of the passengers gets a booking of its own, with its seats and its share of the money."""

import pytest

from tests.contract.samples import ALICE_NGUYEN, MIA_NGUYEN, TOM_NGUYEN, new_key

ALICE, TOM, MIA = range(3)
BEA = ALICE_NGUYEN | {"given_name": "Bea"}


@pytest.fixture
def family_of(operator):
    """`family_of(caller)`: hold three seats at an odd price for four passengers."""

    async def book(caller, **more):
        flight = await operator.create_flight(price={"amount": 10001, "currency": "INR"})
        body = {"flight_id": flight["id"], "user_id": caller.sub, "seats": 3, **more}
        return (
            await caller.post(
                "/bookings", {**body, "passengers": [ALICE_NGUYEN, TOM_NGUYEN, MIA_NGUYEN, BEA]}
            )
        ).created()

    return book


async def parts_of(caller, booking, *chosen):
    """Split these passengers off, and return the booking and the new one."""
    new = (await caller.split(booking, *chosen)).created()
    return (await caller.find_booking(booking)).ok(), new


def cost(*bookings):
    return sum(one["total_cost"]["amount"] for one in bookings)


async def test_a_split_moves_passengers_seats_and_money(alice, family_of, auditor):
    booking = await family_of(alice)
    parents = booking["passengers"][ALICE], booking["passengers"][MIA]
    left, new = await parts_of(alice, booking, *parents)
    assert (new["seats"], left["seats"]) == (1, 2)
    assert new["passengers"] == list(parents)
    assert left["passengers"] == [one for one in booking["passengers"] if one not in parents]
    assert (cost(new), cost(left)) == (10001, 20002)
    assert (new["split_from"], left["split_from"]) == (booking["id"], None)
    assert (new["status"], new["expires_at"]) == ("initiated", booking["expires_at"])
    assert new["id"] != booking["id"]
    assert new["reference"] != booking["reference"]
    assert (await alice.find_booking(new)).ok() == new
    flight = {"id": booking["flight_id"]}
    assert await alice.count_seats(flight) == (3, 0, 7)
    (await alice.pay(new)).created()
    (await alice.cancel(left)).ok()
    assert await alice.count_seats(flight) == (0, 1, 9)
    assert (await auditor.post("/audit/verify", {})).ok()["ok"]


async def test_the_answer_names_the_new_booking(alice, family_of):
    booking, key = await family_of(alice), new_key()
    answer = await alice.split(booking, booking["passengers"][TOM], key=key)
    new = answer.created()
    assert answer.headers["location"] == f"/api/v1/bookings/{new['id']}"
    assert answer.headers["etag"] == f'"v{new["version"]}"'
    again = await alice.split(booking, booking["passengers"][TOM], key=key)
    assert (again.replayed, again.created()) == (True, new)
    assert again.headers["location"] == answer.headers["location"]
    stale = await alice.split(booking, booking["passengers"][ALICE], headers={"If-Match": '"v1"'})
    stale.refusal(412)


async def test_money_that_does_not_divide_is_divided_to_the_minor_unit(alice, operator, family_of, auditor):
    booking = await family_of(alice)
    paid = (await alice.pay(booking)).created()["booking"]
    left, one = await parts_of(alice, booking, booking["passengers"][TOM])
    assert (one["status"], left["status"]) == ("booked", "booked")
    assert one["payment"] == left["payment"] == paid["payment"]
    assert cost(one, left) == cost(booking)
    _, two = await parts_of(alice, left, left["passengers"][2])
    left = (await alice.find_booking(left)).ok()
    assert cost(one, two, left) == cost(booking)
    for part in (one, two, left):
        assert (await alice.cancel(part)).ok()["payment"]["status"] == "refund_due"
        [refund] = await operator.list_refunds(booking_id=part["id"])
        assert refund["amount"] == part["total_cost"]
        (await operator.settle(refund)).ok()
    assert await alice.count_seats({"id": booking["flight_id"]}) == (0, 0, 10)
    assert (await auditor.post("/audit/verify", {})).ok()["ok"]


async def test_a_refused_split_changes_nothing(alice, bob, family_of):
    booking = await family_of(alice)
    everyone = booking["passengers"]
    (await alice.split(booking, *everyone)).refusal(409, "split-without-seat")
    (await alice.split(booking, everyone[MIA])).refusal(409, "split-without-seat")
    (await alice.split(booking, everyone[ALICE], everyone[-1])).refusal(409, "infant-without-adult")
    (await alice.split(booking, {"id": booking["id"]})).refusal(409, "passenger-unknown")
    (await alice.split(booking)).refusal(400)
    (await bob.split(booking, everyone[TOM])).refusal(404, "booking-not-found")
    assert (await alice.find_booking(booking)).ok() == booking


async def test_no_split_while_a_payment_is_in_progress_or_after_the_end(alice, operator, family_of):
    booking = await family_of(alice)
    tom = booking["passengers"][TOM]
    (await alice.pay(booking, capture="manual")).created()
    (await alice.split(booking, tom)).refusal(409, "payment-in-progress")
    (await operator.capture(booking)).ok()
    (await alice.split(booking, tom)).created()
    gone = await family_of(alice)
    (await alice.pay(gone)).created()
    (await operator.post(f"/flights/{gone['flight_id']}/departed", {})).ok()
    (await operator.split(gone, gone["passengers"][TOM])).refusal(409, "flight-departed")
    ended = await family_of(alice)
    (await alice.cancel(ended)).ok()
    (await alice.split(ended, ended["passengers"][TOM])).refusal(409, "booking-cancelled")


async def test_a_dry_run_of_a_split_makes_no_booking(alice, family_of):
    booking = await family_of(alice)
    body = {"passengers": [booking["passengers"][TOM]["id"]]}
    dry = (await alice.post(f"/bookings/{booking['id']}/split?dry_run=true", body)).created()
    assert dry["seats"] == 1
    assert (await alice.find_booking(dry)).refusal(404)
    assert (await alice.find_booking(booking)).ok() == booking


async def test_a_part_stays_in_the_itinerary_and_is_paid_with_it(alice, operator, auditor):
    out, back = await operator.create_flight(), await operator.create_flight()
    pair = {"seats": 2, "passengers": [ALICE_NGUYEN, TOM_NGUYEN]}
    body = {"user_id": alice.sub, "bookings": [{"flight_id": one["id"], **pair} for one in (out, back)]}
    trip = (await alice.post("/itineraries", body)).created()
    first = trip["bookings"][0]
    new = (await alice.split(first, first["passengers"][1])).created()
    assert new["itinerary_id"] == trip["id"]
    after = (await alice.find_itinerary(trip)).ok()
    assert [one["id"] for one in after["bookings"]] == [*(one["id"] for one in trip["bookings"]), new["id"]]
    assert (after["total_cost"], after["version"] > trip["version"]) == (trip["total_cost"], True)
    (await alice.pay(new)).refusal(409, "booking-in-itinerary")
    paid = (await alice.pay_itinerary(trip)).created()["itinerary"]
    assert {one["status"] for one in paid["bookings"]} == {"booked"}
    later = paid["bookings"][1]
    (await alice.split(later, later["passengers"][0])).created()
    assert (await alice.get(f"/itineraries/{trip['id']}/history")).ok()
    (await alice.itinerary(trip, "cancel", {"booking_ids": [new["id"]]})).ok()
    (await alice.itinerary(trip, "cancel")).ok()
    assert cost(*(await alice.find_itinerary(trip)).ok()["bookings"]) == trip["total_cost"]["amount"]
    assert (await auditor.post("/audit/verify", {})).ok()["ok"]


async def test_both_histories_tell_the_split(alice, family_of):
    booking = await family_of(alice)
    new = (await alice.split(booking, booking["passengers"][TOM])).created()
    old_events, new_events = await alice.read_history(booking), await alice.read_history(new)
    assert [event["type"] for event in old_events[-2:]] == ["booking.split", "booking.passengers_named"]
    assert old_events[-2]["data"]["into"] == new["id"]
    assert [event["type"] for event in new_events] == [
        "booking.initiated",
        "booking.split_off",
        "booking.passengers_named",
    ]
    assert {event["causation_id"] for event in (*old_events[-2:], *new_events)} == {
        old_events[-1]["causation_id"]
    }
    before = (await alice.find_booking(booking, f"?version={booking['version']}")).ok()
    assert before["passengers"] == booking["passengers"]


async def test_seats_given_back_say_which_passengers_leave(alice, operator, family_of):
    booking = await family_of(alice)
    (await alice.pay(booking)).created()
    alice_n, tom, mia, bea = booking["passengers"]
    (await alice.reduce_seats(booking, 2)).refusal(409, "passengers-not-stated", expected=1)
    path = f"/bookings/{booking['id']}/seats"

    async def give_back(seats, *leaving):
        return await alice.post(path, {"seats": seats, "passengers": [one["id"] for one in leaving]})

    (await give_back(2, tom, bea)).refusal(409, "passengers-not-seats", expected=2, given=1)
    (await give_back(2, {"id": booking["id"]})).refusal(409, "passenger-unknown")
    (await give_back(1, alice_n, bea)).refusal(409, "infant-without-adult")
    reduced = (await give_back(2, tom)).ok()
    assert reduced["passengers"] == [alice_n, mia, bea]
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert refund["amount"]["amount"] == 10001
    assert (await give_back(1, bea)).ok()["passengers"] == [alice_n, mia]
    unnamed = (await alice.book({"id": booking["flight_id"]}, 2)).created()
    answer = await alice.post(f"/bookings/{unnamed['id']}/seats", {"seats": 1, "passengers": [tom["id"]]})
    answer.refusal(409, "passenger-unknown")
    (await alice.reduce_seats(unnamed, 1)).ok()


async def test_passengers_fly_or_do_not_appear_one_by_one(alice, operator, family_of, auditor):
    booking = await family_of(alice)
    (await alice.pay(booking)).created()
    alice_n, tom, mia, bea = booking["passengers"]
    (await operator.post(f"/flights/{booking['flight_id']}/departed", {})).ok()

    async def record(what, *passengers):
        body = {"passengers": [one["id"] for one in passengers]}
        return await operator.post(f"/bookings/{booking['id']}/{what}", body)

    def travel(row):
        return [one.get("travel") for one in row["passengers"]]

    missed = (await record("no-show", bea)).ok()
    assert (missed["travel"], travel(missed)) == ("no_show", [None, None, None, "no_show"])
    flown = (await record("flown", alice_n, mia)).ok()
    assert (flown["travel"], travel(flown)) == ("flown", ["flown", None, "flown", "no_show"])
    (await record("flown", alice_n, mia)).refusal(409, "travel-already-recorded")
    (await record("flown", {"id": booking["id"]})).refusal(409, "passenger-unknown")
    corrected = (await record("no-show", alice_n, tom, mia)).ok()
    assert (corrected["travel"], travel(corrected)) == ("no_show", ["no_show"] * 4)
    everyone = (await operator.post(f"/bookings/{booking['id']}/flown", {})).ok()
    assert (everyone["travel"], travel(everyone)) == ("flown", ["flown"] * 4)
    assert (await operator.find_booking(booking)).ok() == everyone
    (await operator.post(f"/bookings/{booking['id']}/deny-boarding", {"reason": "full"})).refusal(
        409, "travel-already-recorded"
    )
    assert (await auditor.post("/audit/verify", {})).ok()["ok"]
