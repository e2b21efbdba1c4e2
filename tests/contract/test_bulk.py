"""POST /bookings/bulk: many holds in one request, each with its own key and outcome."""

import asyncio

from tests.contract.samples import new_key


def items(flight, seats, user="alice"):
    return [{"key": new_key(), "flight_id": flight["id"], "user_id": user, "seats": n} for n in seats]


async def bulk(caller, holds, **options):
    return (await caller.post("/bookings/bulk", {"items": holds, **options})).ok()["results"]


async def test_each_item_has_its_own_outcome_in_order(alice, operator):
    flight = await operator.create_flight(seats=5)
    holds = items(flight, [2, 9, 3, 1], alice.sub)
    results = await bulk(alice, holds)
    assert [(result["key"], result["status"]) for result in results] == [
        (item["key"], status) for item, status in zip(holds, [201, 409, 201, 409], strict=True)
    ]
    assert [result["body"].get("code") for result in results] == [
        None,
        "not-enough-seats",
        None,
        "not-enough-seats",
    ]
    assert await alice.count_seats(flight) == (5, 0, 0)


async def test_bulk_and_single_bookings_share_their_keys(alice, operator):
    flight = await operator.create_flight(seats=9)
    holds = items(flight, [1, 2], alice.sub)
    first = await bulk(alice, holds)
    assert [result["replayed"] for result in first] == [False, False]
    again = await bulk(alice, holds)
    assert [result["replayed"] for result in again] == [True, True]
    assert [result["body"] for result in again] == [result["body"] for result in first]
    single = await alice.book(flight, 1, key=holds[0]["key"])
    assert single.body == first[0]["body"]
    assert (await alice.count_seats(flight))[0] == 3


async def test_an_atomic_bulk_is_all_or_nothing_for_each_flight(alice, operator):
    full, roomy = await operator.create_flight(seats=5), await operator.create_flight(seats=9)
    holds = items(full, [2, 2, 2], alice.sub) + items(roomy, [4, 5], alice.sub)
    results = await bulk(alice, holds, atomic=True)
    assert [result["status"] for result in results] == [409, 409, 409, 201, 201]
    assert all((r["body"]["asked"], r["body"]["free"]) == (6, 5) for r in results[:3])
    assert await alice.count_seats(full) == (0, 0, 5)
    assert await alice.count_seats(roomy) == (9, 0, 0)
    assert [r["status"] for r in await bulk(alice, holds, atomic=True)] == [409, 409, 409, 201, 201]


async def test_simultaneous_atomic_bulks_are_each_accepted_or_refused_as_a_whole(alice, operator):
    flight = await operator.create_flight(seats=10)
    answers = await asyncio.gather(
        *(bulk(alice, items(flight, [2, 2, 2], alice.sub), atomic=True) for _ in range(12))
    )
    granted = [{result["status"] for result in results} for results in answers]
    assert sorted(granted, key=str) == [{201}] + [{409}] * 11
    assert await alice.count_seats(flight) == (6, 0, 4)


async def test_a_booking_for_another_user_is_refused_without_the_others(alice, operator):
    flight = await operator.create_flight(seats=5)
    holds = items(flight, [1], alice.sub) + items(flight, [1], "somebody-else")
    assert [result["status"] for result in await bulk(alice, holds)] == [201, 403]


async def test_an_invalid_bulk_is_refused_as_a_whole(alice, operator):
    flight = await operator.create_flight(seats=5)
    for wrong in ([], items(flight, [1] * 101, alice.sub), items(flight, [0], alice.sub)):
        (await alice.post("/bookings/bulk", {"items": wrong})).refusal(400, "validation-failed")
    assert await alice.count_seats(flight) == (0, 0, 5)


async def test_a_bulk_dry_run_writes_nothing(alice, operator):
    flight = await operator.create_flight(seats=5)
    holds = items(flight, [3, 3], alice.sub)
    answer = await alice.post("/bookings/bulk?dry_run=true", {"items": holds})
    assert [result["status"] for result in answer.ok()["results"]] == [201, 409]
    assert answer.headers["dry-run"] == "true"
    assert await alice.count_seats(flight) == (0, 0, 5)
    assert [result["replayed"] for result in await bulk(alice, holds)] == [False, False]


async def test_a_key_twice_in_one_bulk_is_one_hold(alice, operator):
    flight = await operator.create_flight(seats=2)
    (hold,) = items(flight, [2], alice.sub)
    for options in ({"atomic": True}, {}):
        first, second = await bulk(alice, [hold, hold], **options)
        assert (first["status"], second["status"], second["replayed"]) == (201, 201, True)
        assert first["body"] == second["body"]
    other = await bulk(alice, [hold, {**hold, "seats": 1}])
    assert [result["status"] for result in other] == [201, 422]
    assert await alice.count_seats(flight) == (2, 0, 0)
