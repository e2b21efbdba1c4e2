"""One key sent many times at once: one execution, and no trace of the others."""

import asyncio

from tests.contract.samples import new_key

REPEATS = 50
ROUNDS = 20


async def test_fifty_repeats_of_one_payment_charge_once(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    booking = (await alice.book(flight)).created()
    answers = await asyncio.gather(*[alice.pay(booking, key=key) for _ in range(REPEATS)])
    assert {answer.status for answer in answers} == {201}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * (REPEATS - 1)
    assert all(answer.body == answers[0].body for answer in answers)
    assert [event["status_after"] for event in await alice.read_history(booking)] == [
        "initiated",
        "pending",
        "booked",
    ]
    assert await alice.count_seats(flight) == (0, 1, 9)


async def test_fifty_repeats_of_one_booking_hold_once(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    answers = await asyncio.gather(*[alice.book(flight, key=key) for _ in range(REPEATS)])
    assert len({answer.created()["id"] for answer in answers}) == 1
    assert sum(answer.replayed for answer in answers) == REPEATS - 1
    assert await alice.count_seats(flight) == (1, 0, 9)


async def test_refused_requests_in_a_race_for_a_key_leave_no_trace(api, operator, alice):
    flight = await operator.create_flight(seats=1000)
    held = 0
    for _ in range(ROUNDS):
        key, before = new_key(), await api.position()
        answers = await asyncio.gather(*[alice.book(flight, seats=n, key=key) for n in (1, 2, 3)])
        assert sorted(answer.status for answer in answers) == [201, 422, 422]
        for answer in answers:
            if answer.status == 422:
                answer.refusal(422, "idempotency-key-reused")
            else:
                held += answer.body["seats"]
                assert await api.position() == answer.position > before
        assert await alice.count_seats(flight) == (held, 0, 1000 - held)
