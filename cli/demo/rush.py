"""Act three: 64 buyers request the few seats of one flight at the same moment."""

import asyncio
import time

from cli.demo.story import ScheduledFlight, Story, hold_ends

BUYERS = 64


async def rush(story: Story, flight: ScheduledFlight) -> None:
    notebook, buyers = story.notebook, story.customers[:BUYERS]
    story.progress.begin(2)
    started = time.perf_counter()
    answers = await asyncio.gather(*(story.send(buyer.booking(flight.id, 1)) for buyer in buyers))
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
    story.progress.step()
    seats = await story.customers[0].get(f"/flights/{flight.id}/availability")
    if seats.received_at < min((hold_ends(booking) for _, booking in won), default=0.0):
        notebook.expect(seats, 200, None, available=flight.seats - sellable)
    for paid in await asyncio.gather(*(story.send(buyer.payment(booking)) for buyer, booking in won)):
        # A hold may have ended meanwhile; the recount leaves it out.
        if paid.status != 409 or paid.body.get("code") != "hold-expired":
            notebook.expect(paid, 201)
    story.progress.step()
