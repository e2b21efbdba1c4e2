"""Bookings are found by the family name of a passenger, by operators only."""

import pytest

from tests.contract.samples import ALICE_NGUYEN, TOM_NGUYEN, query


@pytest.fixture
def named(operator, alice):
    """`named(family_name, …)`: book one seat for each of these names."""

    async def book(*family_names):
        flight = await operator.create_flight()
        passengers = [ALICE_NGUYEN | {"family_name": name} for name in family_names]
        body = {"flight_id": flight["id"], "user_id": alice.sub, "seats": len(passengers)}
        return (await alice.post("/bookings", {**body, "passengers": passengers})).created()

    return book


async def found(caller, name, **more):
    answer = await caller.get("/bookings" + query(family_name=name, **more))
    return [one["id"] for one in answer.ok()["data"]]


async def test_an_operator_finds_bookings_by_family_name_without_case_and_accents(operator, named):
    one, other = await named("Nguyễn-Müller"), await named("Smith", "O'Brien")
    for name in ("Nguyễn-Müller", "NGUYEN MULLER", "nguyen-müller"):
        assert one["id"] in await found(operator, name)
    for name in ("obrien", "O’Brien", "smith"):
        assert other["id"] in await found(operator, name)
        assert one["id"] not in await found(operator, name)
    assert await found(operator, "Nguyen", flight_id=one["flight_id"]) == []
    assert await found(operator, "smith", flight_id=one["flight_id"]) == []
    assert await found(operator, "smith", flight_id=other["flight_id"]) == [other["id"]]


async def test_the_index_follows_changes_and_splits(operator, alice, named):
    booking = await named("Before", "Sister")
    first, second = booking["passengers"]
    new = (await alice.split(booking, second)).created()
    assert await found(operator, "sister", flight_id=booking["flight_id"]) == [new["id"]]
    (await alice.name_passengers(booking, first | {"family_name": "After"})).ok()
    assert await found(operator, "before", flight_id=booking["flight_id"]) == []
    assert await found(operator, "after", flight_id=booking["flight_id"]) == [booking["id"]]
    body = {"seats": 1, "passengers": [TOM_NGUYEN["family_name"]]}
    (await alice.post(f"/bookings/{booking['id']}/seats", body)).refusal(400)


async def test_only_operators_search_by_family_name(alice, auditor, operator, named):
    await named("Smith")
    for caller in (alice, auditor):
        (await caller.get("/bookings?family_name=smith")).refusal(403)
    (await operator.get("/bookings?family_name=")).refusal(400)


async def test_pages_of_a_search_belong_to_the_name(operator, named):
    booked = [(await named("Pagesmith"))["id"] for _ in range(3)]
    page = (await operator.get("/bookings?family_name=pagesmith&limit=2")).ok()
    assert [one["id"] for one in page["data"]] == booked[:0:-1]
    rest = await operator.get(f"/bookings?family_name=pagesmith&limit=2&cursor={page['next_cursor']}")
    assert [one["id"] for one in rest.ok()["data"]] == booked[:1]
    (await operator.get(f"/bookings?family_name=other&cursor={page['next_cursor']}")).refusal(400)
