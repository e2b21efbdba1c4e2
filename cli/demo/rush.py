"""Act three: a rush. Sixty-four buyers ask for the few seats of one flight at the same moment."""

import asyncio
import time

from cli.demo.story import Flight, Story, hold_ends

BUYERS = 64


async def rush(story: Story, flight: Flight) -> None:
    notebook, buyers = story.notebook, story.customers[:BUYERS]
    story.watch.begin(2)
    started = time.perf_counter()
    answers = await asyncio.gather(*(story.give(buyer.booking(flight.id, 1)) for buyer in buyers))
    seconds = time.perf_counter() - started
    won = [
        (buyer, answer.body) for buyer, answer in zip(buyers, answers, strict=True) if answer.status == 201
    ]
    for answer in answers:
        if answer.status != 201:
            notebook.expect(answer, 409, "not-enough-seats", asked=1, free=0)
    sellable = min(flight.seats, len(buyers))
    notebook.check(len(won) == sellable, f"{len(buyers)} buyers get {sellable} seats, not {len(won)}")
    notebook.facts["rush"] = {
        "flight": flight.name,
        "buyers": len(buyers),
        "seats": flight.seats,
        "sold": len(won),
        "seconds": seconds,
    }
    story.watch.step()
    seats = await story.customers[0].get(f"/flights/{flight.id}/availability")
    if seats.received_at < min((hold_ends(booking) for _, booking in won), default=0.0):
        notebook.expect(seats, 200, None, available=flight.seats - sellable)
    for paid in await asyncio.gather(*(story.give(buyer.payment(booking)) for buyer, booking in won)):
        # Those whose hold ended meanwhile are told so; the count at the end leaves them out.
        if paid.status != 409 or paid.body.get("code") != "hold-expired":
            notebook.expect(paid, 201)
    story.watch.step()
