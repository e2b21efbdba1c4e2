"""POST /bookings/bulk: many holds in one request, each with its own key and outcome."""

import asyncio

import pytest

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


async def test_an_atomic_bulk_is_all_or_nothing_for_all_its_flights(alice, operator):
    full, roomy = await operator.create_flight(seats=5), await operator.create_flight(seats=9)
    holds = items(roomy, [4, 5], alice.sub) + items(full, [2, 2, 2], alice.sub)
    for replayed in (False, True):
        results = await bulk(alice, holds, atomic=True)
        assert [(r["status"], r["body"]["code"]) for r in results] == [(409, "not-enough-seats")] * 5
        assert {(r["body"]["flight_id"], r["body"]["asked"], r["body"]["free"]) for r in results} == {
            (full["id"], 6, 5)
        }
        assert {r["replayed"] for r in results} == {replayed}
    assert await alice.count_seats(full) == (0, 0, 5)
    assert await alice.count_seats(roomy) == (0, 0, 9)
    granted = await bulk(alice, items(roomy, [4, 5], alice.sub) + items(full, [5], alice.sub), atomic=True)
    assert [r["status"] for r in granted] == [201, 201, 201]


async def test_an_atomic_bulk_replays_as_a_whole(alice, operator):
    flight = await operator.create_flight(seats=9)
    holds = items(flight, [1, 2], alice.sub)
    first = await bulk(alice, holds, atomic=True)
    again = await bulk(alice, holds[::-1], atomic=True)
    assert [(r["status"], r["replayed"]) for r in again] == [(201, True), (201, True)]
    assert [r["body"] for r in again[::-1]] == [r["body"] for r in first]


@pytest.mark.parametrize("user", ["alice", "another client"])
async def test_an_atomic_bulk_with_known_and_new_keys_is_a_409_that_writes_nothing(
    api, alice, operator, user
):
    flight = await operator.create_flight(seats=9)
    known, refused = items(flight, [1], alice.sub), items(flight, [9], alice.sub)
    await bulk(alice, known + refused)
    new = items(flight, [2], alice.sub if user == "alice" else user)
    other = [{**known[0], "seats": 3}]
    position = await api.position()
    for holds in (known + new, new + refused, other + new):
        answer = await alice.post("/bookings/bulk", {"items": holds, "atomic": True})
        answer.refusal(409, "bulk-keys-mixed", known_keys=[h["key"] for h in holds if h not in new])
        (await alice.find_outcome(alice.sub, "initiate_booking", new[0]["key"])).refusal(404)
    assert await api.position() == position
    assert await alice.count_seats(flight) == (1, 0, 8)


async def test_an_atomic_bulk_of_known_keys_with_another_body_is_refused_as_a_whole(api, alice, operator):
    flight = await operator.create_flight(seats=9)
    holds = items(flight, [1, 2], alice.sub)
    await bulk(alice, holds)
    position = await api.position()
    results = await bulk(alice, [holds[0], {**holds[1], "seats": 3}], atomic=True)
    assert [(r["status"], r["body"]["code"]) for r in results] == [(422, "idempotency-key-reused")] * 2
    assert await api.position() == position


async def test_an_atomic_bulk_for_another_user_is_refused_as_a_whole(api, alice, operator):
    one, two = await operator.create_flight(seats=5), await operator.create_flight(seats=5)
    holds = items(one, [1], alice.sub) + items(two, [1], "another client")
    position = await api.position()
    results = await bulk(alice, holds, atomic=True)
    assert [(r["status"], r["body"]["code"]) for r in results] == [(403, "not-your-account")] * 2
    assert await api.position() == position


async def test_a_key_twice_in_an_atomic_bulk_is_a_400_that_writes_nothing(api, alice, operator):
    flight = await operator.create_flight(seats=9)
    first, second = items(flight, [1, 2], alice.sub)
    position = await api.position()
    for holds in ([first, second, first], [first, second, {**first, "seats": 3}]):
        answer = await alice.post("/bookings/bulk", {"items": holds, "atomic": True})
        errors = answer.refusal(400, "validation-failed")["errors"]
        assert [error["pointer"] for error in errors] == ["/items/2/key"]
    assert await api.position() == position


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
    first, second = await bulk(alice, [hold, hold])
    assert (first["status"], second["status"], second["replayed"]) == (201, 201, True)
    assert first["body"] == second["body"]
    other = await bulk(alice, [hold, {**hold, "seats": 1}])
    assert [result["status"] for result in other] == [201, 422]
    assert await alice.count_seats(flight) == (2, 0, 0)
