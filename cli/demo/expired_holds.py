"""Act four: holds expire. Their seats are free at that instant, whether or not a sweeper ran."""

import asyncio
import time

from cli.demo.client import DemoResponse
from cli.demo.story import Body, ScheduledFlight, Story, hold_ends

CLOCK_SLACK_SECONDS = 0.02
HOLD_SECONDS_MAX = 30
LOOK_EVERY_SECONDS = 0.004
PARTY_MAX = 9


async def expire_holds(story: Story, flight: ScheduledFlight) -> Body | None:
    """Fill a flight with holds, wait for their end, and sell it again. Return one of the expired holds."""
    notebook, late_buyer = story.notebook, story.customers[-1]
    holds = await _fill(story, flight)
    if not notebook.check(len(holds) > 0, f"{flight.name} can be held"):
        return None
    first_end, last_end = (choose(map(hold_ends, holds)) for choose in (min, max))
    if not notebook.check(last_end - time.time() < HOLD_SECONDS_MAX, "holds last seconds, not minutes"):
        return None
    refused = await story.send(late_buyer.booking(flight.id, PARTY_MAX))
    if refused.received_at < first_end:
        notebook.expect(refused, 409, "not-enough-seats", asked=PARTY_MAX, free=0)
    seen_back_ms = await _poll_until_free(story, flight, holds)
    again = await story.send(late_buyer.booking(flight.id, PARTY_MAX))
    if notebook.expect(again, 201):
        notebook.expect(await story.send(late_buyer.payment(again.body)), 201)
    notebook.facts["lapse"] = {
        "flight": flight.name,
        "seats": sum(hold["seats"] for hold in holds),
        "hold_seconds": hold_ends(holds[0]) - _created_at(holds[0]),
        "seen_back_after_ms": seen_back_ms,
    }
    return holds[0]


async def _fill(story: Story, flight: ScheduledFlight) -> list[Body]:
    parties = [PARTY_MAX] * (flight.seats // PARTY_MAX) + [flight.seats % PARTY_MAX or 1]
    commands = [user.booking(flight.id, seats) for user, seats in zip(story.customers, parties, strict=False)]
    answers = [await story.send(command) for command in commands]
    return [answer.body for answer in answers if story.notebook.expect(answer, 201)]


async def _poll_until_free(story: Story, flight: ScheduledFlight, holds: list[Body]) -> float:
    """Poll availability around the end of the holds. Return the ms until all seats were free."""
    first_end, last_end = (choose(map(hold_ends, holds)) for choose in (min, max))
    story.progress.begin(1)
    await asyncio.sleep(max(0.0, first_end - time.time() - 0.1))
    while True:
        seats = await story.customers[0].get(f"/flights/{flight.id}/availability")
        if not story.notebook.expect(seats, 200):
            return float("nan")
        _check_held(story, seats, holds)
        if seats.body["held"] == 0 or seats.sent_at > last_end + 1:
            break
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    story.progress.step()
    return (seats.received_at - last_end) * 1000


def _check_held(story: Story, seats: DemoResponse, holds: list[Body]) -> None:
    """Check the held seats. The answer is true for some instant between request and receipt."""
    least = _held_at(holds, seats.received_at + CLOCK_SLACK_SECONDS)
    most = _held_at(holds, seats.sent_at - CLOCK_SLACK_SECONDS)
    held = seats.body["held"]
    story.notebook.check(least <= held <= most, f"from {least} to {most} seats are held now, not {held}")


def _held_at(holds: list[Body], instant: float) -> int:
    return sum(int(hold["seats"]) for hold in holds if hold_ends(hold) > instant)


def _created_at(booking: Body) -> float:
    return hold_ends({"expires_at": booking["created_at"]})
