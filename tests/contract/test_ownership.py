"""Bookings of other clients look exactly like unknown bookings."""

import json

import pytest

from tests.contract.samples import new_key, query, rupees, unknown_id

REQUESTS = {
    "read": lambda bob, booking: bob.find_booking(booking),
    "read a version": lambda bob, booking: bob.find_booking(booking, "?version=1"),
    "read a position": lambda bob, booking: read_at_the_head(bob, booking),
    "read the history": lambda bob, booking: bob.get(f"/bookings/{booking['id']}/history"),
    "cancel": lambda bob, booking: bob.cancel(booking),
    "cancel with a key": lambda bob, booking: bob.cancel(booking, key=new_key()),
    "cancel with a stale version": lambda bob, booking: bob.cancel(booking, headers={"If-Match": '"v9"'}),
    "cancel with its version": lambda bob, booking: bob.cancel(booking, headers={"If-Match": '"v1"'}),
    "ask for a quote": lambda bob, booking: bob.quote(booking),
    "give seats back": lambda bob, booking: bob.reduce_seats(booking, 1),
    "give seats back with a stale version": lambda bob, booking: bob.reduce_seats(
        booking, 1, headers={"If-Match": '"v9"'}
    ),
    "pay later": lambda bob, booking: bob.pay(booking, capture="manual"),
    "pay": lambda bob, booking: bob.pay(booking),
    "pay the wrong price": lambda bob, booking: bob.pay(booking, rupees(1)),
}


async def read_at_the_head(bob, booking):
    head = (await bob.get("/info")).ok()["position"]
    return await bob.find_booking(booking, f"?position={head}")


def strip_ids(answer, booking):
    """Return status and body without the ids of the request and the booking."""
    body = {k: v for k, v in answer.body.items() if k not in ("instance", "request_id")}
    return answer.status, json.dumps(body, sort_keys=True).replace(booking["id"], "<id>")


@pytest.mark.parametrize("state", ["initiated", "pending", "booked", "cancelled"])
@pytest.mark.parametrize("name", REQUESTS)
async def test_a_booking_of_another_client_looks_unknown(operator, alice, bob, name, state):
    hers = (await alice.book(await operator.create_flight())).created()
    if state == "pending":
        hers = (await alice.pay(hers, capture="manual")).created()["booking"]
    if state == "booked":
        hers = (await alice.pay(hers)).created()["booking"]
    if state == "cancelled":
        hers = (await alice.cancel(hers)).ok()
    unknown = hers | {"id": unknown_id()}
    answer, of_unknown = await REQUESTS[name](bob, hers), await REQUESTS[name](bob, unknown)
    answer.refusal(404)
    assert strip_ids(answer, hers) == strip_ids(of_unknown, unknown)
    assert "etag" not in answer.headers
    assert (await alice.find_booking(hers)).ok() == hers


async def test_paying_in_the_name_of_the_owner_is_refused(operator, alice, bob):
    hers = (await alice.book(await operator.create_flight())).created()
    unknown = hers | {"id": unknown_id()}
    answer = await bob.pay(hers, user_id=alice.sub)
    assert answer.status in (403, 404)
    assert strip_ids(answer, hers) == strip_ids(await bob.pay(unknown, user_id=alice.sub), unknown)
    assert (await alice.find_booking(hers)).ok()["status"] == "initiated"


async def test_a_client_cannot_book_for_another_user(api, operator, alice, bob):
    flight = await operator.create_flight()
    before = await api.position()
    answer = await bob.book(flight, user_id=alice.sub)
    assert answer.status in (403, 404), answer
    assert await api.position() == before
    assert await bob.count_seats(flight) == (0, 0, 10)


@pytest.mark.parametrize("filters", [{}, {"status": "initiated"}, {"limit": 200}])
async def test_a_client_lists_only_their_own_bookings(operator, crowd, alice, filters):
    [carol] = crowd(1)
    flight = await operator.create_flight()
    (await alice.book(flight)).created()
    own = (await carol.book(flight)).created()
    listed = (await carol.get("/bookings" + query(flight_id=flight["id"], **filters))).ok()["data"]
    assert listed == [own]


async def test_a_list_for_another_user_is_empty_or_refused(operator, alice, bob):
    (await alice.book(await operator.create_flight())).created()
    answer = await bob.get("/bookings" + query(user_id=alice.sub))
    assert answer.status == 403 or answer.ok()["data"] == []


async def test_a_cursor_of_another_client_gives_no_access(operator, crowd):
    carol, dave = crowd(2)
    flight = await operator.create_flight()
    for _ in range(3):
        (await carol.book(flight)).created()
    cursor = (await carol.get("/bookings?limit=1")).ok()["next_cursor"]
    answer = await dave.get("/bookings" + query(limit=1, cursor=cursor))
    assert answer.status == 400 or answer.ok()["data"] == []
