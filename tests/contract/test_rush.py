"""Sixty-four clients at once on a small flight: every seat is sold, and none twice."""

import asyncio

BUYERS = 64


async def test_a_seat_is_never_sold_twice(operator, crowd):
    flight = await operator.create_flight(seats=10)
    answers = await asyncio.gather(*[buyer.book(flight) for buyer in crowd(BUYERS)])
    sold = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert (len(sold), len(refused)) == (10, 54)
    assert len({answer.body["id"] for answer in sold}) == 10
    for answer in refused:
        answer.refusal(409, "not-enough-seats", asked=1, free=0)
    assert await operator.count_seats(flight) == (10, 0, 0)


async def test_each_booking_gets_all_its_seats_or_none(operator, crowd):
    flight = await operator.create_flight(seats=30)
    parties = [n % 4 + 1 for n in range(BUYERS)]
    buyers = crowd(BUYERS)
    answers = await asyncio.gather(*[b.book(flight, seats=n) for b, n in zip(buyers, parties, strict=True)])
    sold = sum(answer.body["seats"] for answer in answers if answer.status == 201)
    held, booked, available = await operator.count_seats(flight)
    assert (held, booked, available) == (sold, 0, 30 - sold)
    for party, answer in zip(parties, answers, strict=True):
        if answer.status == 201:
            assert answer.body["seats"] == party
        else:
            assert answer.refusal(409, "not-enough-seats", asked=party)["free"] < party
            assert available < party, "seats were refused that nobody took"


async def test_seat_counts_are_right_after_many_bookings_and_cancellations(operator, crowd):
    flight = await operator.create_flight(seats=10)

    async def change_their_mind(buyer, number):
        for _ in range(3):
            answer = await buyer.book(flight, seats=2)
            if answer.status == 201 and number % 2:
                (await buyer.cancel(answer.body)).ok()
            elif answer.status == 201:
                (await buyer.pay(answer.body)).created()
                return 2
            else:
                answer.refusal(409, "not-enough-seats", asked=2)
        return 0

    seats_paid = await asyncio.gather(*[change_their_mind(b, n) for n, b in enumerate(crowd(24))])
    assert await operator.count_seats(flight) == (0, sum(seats_paid), 10 - sum(seats_paid))
