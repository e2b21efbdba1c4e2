"""Finding bookings, payments and refunds: filters, orders, parts, and single ones by id."""

from datetime import datetime, timedelta

import pytest

from tests.contract.samples import query, unknown_id

ALL_STATUSES = "initiated,booked,cancelled"


async def three_bookings(operator, carol):
    """Return a flight, and three bookings of it: initiated, booked and cancelled after the payment."""
    flight = await operator.create_flight(number="BA204")
    initiated, booked, cancelled = [(await carol.book(flight)).created() for _ in range(3)]
    booked = (await carol.pay(booked)).created()["booking"]
    (await carol.pay(cancelled)).created()
    return flight, [initiated, booked, (await carol.cancel(cancelled)).ok()]


async def found(caller, **filters):
    return [row["id"] for row in (await caller.get("/bookings" + query(**filters))).ok()["data"]]


def ids(bookings):
    return [booking["id"] for booking in bookings]


async def test_bookings_are_found_by_flight_number_and_day(operator, crowd):
    carol, dave = crowd(2)
    flight, bookings = await three_bookings(operator, carol)
    await three_bookings(operator, dave)
    of_flight = {"flight_number": "BA204", "departure_day": flight["departure_day"]}
    assert await found(operator, **of_flight) == ids(bookings)[::-1]
    assert await found(operator, **of_flight, status="booked") == [bookings[1]["id"]]
    assert await found(carol, **of_flight | {"departure_day": "2029-01-01"}) == []
    assert await found(dave, **of_flight) == []
    for alone in of_flight:
        refusal = (await carol.get("/bookings" + query(**{alone: of_flight[alone]}))).refusal(400)
        assert refusal["errors"][0]["parameter"] in of_flight


async def test_several_statuses_are_separated_by_commas_or_repeated(operator, crowd):
    [carol] = crowd(1)
    _, (initiated, booked, cancelled) = await three_bookings(operator, carol)
    assert await found(carol, status="initiated,cancelled") == ids([cancelled, initiated])
    answer = await carol.get("/bookings?status=initiated&status=booked")
    assert ids(answer.ok()["data"]) == ids([booked, initiated])
    assert await found(carol, payment_status="captured") == [booked["id"]]
    assert await found(carol, payment_status="captured,refund_due") == ids([cancelled, booked])
    for wrong in ("status=bought", "status=", "status=booked,", "payment_status=paid", "user_id=a&user_id=b"):
        (await carol.get(f"/bookings?{wrong}")).refusal(400)


@pytest.mark.parametrize("field", ["created", "updated"])
async def test_a_range_of_time_includes_its_start_and_excludes_its_end(operator, crowd, field):
    [carol] = crowd(1)
    _, bookings = await three_bookings(operator, carol)
    rows = sorted(bookings, key=lambda row: (row[f"{field}_at"], row["id"]))
    sort, times = f"{field}_at", [row[f"{field}_at"] for row in rows]
    assert await found(carol, sort=sort) == ids(rows)
    assert await found(carol, sort=f"-{sort}") == ids(rows)[::-1]
    second = [row for row in rows if row[f"{field}_at"] >= times[1]]
    assert await found(carol, sort=sort, **{f"{field}_after": times[1]}) == ids(second)
    first = [row for row in rows if row[f"{field}_at"] < times[1]]
    assert await found(carol, sort=sort, **{f"{field}_before": times[1]}) == ids(first)
    both = {f"{field}_after": times[0], f"{field}_before": times[0]}
    assert await found(carol, **both) == []
    offset = (datetime.fromisoformat(times[1]) + timedelta(0)).isoformat()
    assert await found(carol, sort=f"-{sort}", **{f"{field}_after": offset}) == ids(second)[::-1]
    (await carol.get(f"/bookings?{field}_after=yesterday")).refusal(400)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at"])
async def test_pages_in_every_order_contain_every_row_once(operator, crowd, sort):
    [carol] = crowd(1)
    _, bookings = await three_bookings(operator, carol)
    walked, cursor = [], {}
    while cursor is not None:
        page = (await carol.get("/bookings" + query(limit=1, sort=sort, status=ALL_STATUSES, **cursor))).ok()
        walked += ids(page["data"])
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] is not None else None
    assert sorted(walked) == sorted(ids(bookings))
    forged = await carol.get("/bookings?limit=1")
    (await carol.get("/bookings" + query(sort="updated_at", cursor=forged.ok()["next_cursor"]))).refusal(400)


async def test_a_row_that_changes_while_pages_are_read_comes_again_in_the_order_of_changes(operator, crowd):
    [carol] = crowd(1)
    _, (initiated, booked, cancelled) = await three_bookings(operator, carol)
    first = (await carol.get("/bookings?limit=1&sort=updated_at")).ok()
    assert ids(first["data"]) == [initiated["id"]]
    (await carol.pay(initiated)).created()
    rest = await carol.get("/bookings" + query(sort="updated_at", cursor=first["next_cursor"]))
    assert ids(rest.ok()["data"]) == ids([booked, cancelled, initiated])


async def test_parts_of_a_booking_come_with_it(operator, crowd):
    [carol] = crowd(1)
    flight, (initiated, booked, cancelled) = await three_bookings(operator, carol)
    everything = query(expand="flight,payment,refunds")
    for booking in (initiated, booked, cancelled):
        row = (await carol.find_booking(booking, everything)).ok()
        [listed] = (await carol.get("/bookings" + everything + f"&status={booking['status']}")).ok()["data"]
        assert row == listed
        assert row["flight"] == (await carol.get(f"/flights/{flight['id']}")).ok()
        for refund in row["refunds"]:
            assert (await carol.get(f"/refunds/{refund['id']}")).ok() == refund
        if payment := row["payment"]:
            full = (await carol.get(f"/payments/{payment['payment_id']}")).ok()
            assert payment == {name: value for name, value in full.items() if name in payment} | {
                "payment_id": full["id"]
            }
            assert full.keys() - payment.keys() == {"id", "booking_id", "itinerary_id", "user_id"}
        plain = {name: value for name, value in row.items() if name not in ("flight", "refunds", "payment")}
        assert plain == {name: value for name, value in booking.items() if name != "payment"}
        assert len(row["refunds"]) == (booking is cancelled)
    assert "flight" not in (await carol.find_booking(booked)).ok()
    for wrong in ("?expand=seats", "?expand=flight&version=1"):
        (await carol.find_booking(booked, wrong)).refusal(400)


async def test_a_payment_is_found_by_its_id_also_after_a_later_one(operator, alice, bob):
    flight = await operator.create_flight()
    booking = (await alice.book(flight, seats=2)).created()
    first = (await alice.pay(booking, capture="manual")).created()["payment_id"]
    (await operator.void(booking)).ok()
    second = (await alice.pay(booking)).created()["payment_id"]
    payments = [(await alice.get(f"/payments/{id}")).ok() for id in (first, second)]
    assert [payment["status"] for payment in payments] == ["voided", "captured"]
    for payment, id in zip(payments, (first, second), strict=True):
        assert payment["id"] == id
        assert (payment["booking_id"], payment["booking_ids"]) == (booking["id"], [booking["id"]])
        assert (payment["user_id"], payment["amount"]) == (alice.sub, booking["total_cost"])
    assert (await operator.get(f"/payments/{first}")).ok() == payments[0]


async def test_foreign_payments_and_refunds_are_answered_as_unknown_ones(operator, alice, bob):
    booking = (await alice.book(await operator.create_flight())).created()
    payment_id = (await alice.pay(booking)).created()["payment_id"]
    (await alice.cancel(booking)).ok()
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    for path, id in (("payments", payment_id), ("refunds", refund["id"])):
        assert (await alice.get(f"/{path}/{id}")).ok()["id"] == id
        foreign = (await bob.get(f"/{path}/{id}")).refusal(404, f"{path[:-1]}-not-found")
        unknown = (await bob.get(f"/{path}/{unknown_id()}")).refusal(404, f"{path[:-1]}-not-found")
        assert foreign["title"] == unknown["title"]
        (await bob.get(f"/{path}/nonsense")).refusal(404)


async def test_a_payment_of_an_itinerary_names_all_its_bookings(operator, alice):
    flights = [await operator.create_flight() for _ in range(2)]
    itinerary = (await alice.book_itinerary(flights)).created()
    paid = (await alice.pay_itinerary(itinerary)).created()
    payment = (await alice.get(f"/payments/{paid['payment_id']}")).ok()
    assert (payment["booking_id"], payment["itinerary_id"]) == (None, itinerary["id"])
    assert payment["booking_ids"] == ids(itinerary["bookings"])
    assert payment["amount"] == itinerary["total_cost"]


async def test_flights_are_found_by_number(operator, alice):
    flight = await operator.create_flight(number="QF9")
    assert (await alice.get("/flights?number=QF9")).ok()["data"] == [flight]
    assert (await alice.get("/flights?number=QF10")).ok()["data"] == []
    (await alice.get("/flights?number=qf9")).refusal(400)
