"""The last act: recount seats, bookings and events over HTTP, and read one booking's history."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from cli.demo.client import DemoUser
from cli.demo.crowd import work_through
from cli.demo.story import Body, ScheduledFlight, Story, hold_ends

PAGE = 200
FULLEST = 8
CLOCK_SLACK_SECONDS = 0.05


async def audit_results(story: Story) -> None:
    """After the last hold has ended, compare seats and bookings with the answers that customers got."""
    await asyncio.sleep(max(0.0, story.last_hold_ends() + CLOCK_SLACK_SECONDS - time.time()))
    await _count_seats(story)
    await work_through(story.bookings.values(), lambda booking: _read_back(story, *booking), story.progress)
    await _walk_the_log(story)


async def _count_seats(story: Story) -> None:
    sold, booked_now = story.seats_sold(), {}

    async def count(flight: ScheduledFlight) -> None:
        seats = await story.operator.get(f"/flights/{flight.id}/availability")
        booked = sold[flight.id]
        free = flight.seats + story.overbooked[flight.id] - booked
        counted = {"seats": flight.seats, "held": 0, "booked": booked, "available": free}
        story.notebook.expect(seats, 200, None, flight_id=flight.id, **counted)
        if seats.status == 200:
            booked_now[flight.id] = seats.body["booked"]

    await work_through(story.flights.values(), count, story.progress)
    fullest = sorted(
        story.flights.values(), key=lambda flight: (-sold[flight.id] / flight.seats, -flight.seats)
    )
    story.notebook.facts["seats"] = {
        "flights_counted": len(booked_now),
        "booked_as_told": sum(sold.values()),
        "booked_as_counted": sum(booked_now.values()),
        "fullest": [
            {"flight": flight.name, "seats": flight.seats, "booked": booked_now.get(flight.id, 0)}
            for flight in fullest[:FULLEST]
        ],
    }


async def _read_back(story: Story, user: DemoUser, booking: Body) -> None:
    answer = await user.get(f"/bookings/{booking['id']}")
    if booking["status"] == "initiated":  # its hold ended: the sweeper may have expired it
        good = answer.status == 200 and answer.body["status"] in ("initiated", "cancelled")
        story.notebook.check(good, f"a hold that ended is initiated or cancelled: {answer}")
    else:
        story.notebook.expect(answer, 200, None, **booking)


async def _walk_the_log(story: Story) -> None:
    types: Counter[str] = Counter()
    position = 0
    async for event in events_after(story, 0):
        if not story.notebook.check(
            event["position"] == position + 1, f"{position + 1} comes after {position}"
        ):
            break
        position += 1
        types[event["type"]] += 1
    story.notebook.facts["log"] = {"events": position, "types": dict(types.most_common())}


async def events_after(story: Story, position: int) -> AsyncIterator[dict[str, Any]]:
    while True:
        page = await story.auditor.get(f"/events?after={position}&limit={PAGE}")
        if not story.notebook.expect(page, 200):
            return
        for event in page.body["data"]:
            yield event
            position = event["position"]
        if len(page.body["data"]) < PAGE:
            return


async def read_one_history(story: Story) -> None:
    """Read the booking with the most events, as an auditor."""
    _, booking = max(
        story.bookings.values(), key=lambda booking: (booking[1]["version"], hold_ends(booking[1]))
    )
    answer = await story.auditor.get(f"/bookings/{booking['id']}/history")
    if not story.notebook.expect(answer, 200, None, booking_id=booking["id"]):
        return
    events = answer.body["events"]
    versions = [event["version"] for event in events]
    story.notebook.check(
        versions == list(range(1, booking["version"] + 1)), f"versions are dense: {versions}"
    )
    story.notebook.check(
        events[-1]["status_after"] == booking["status"],
        f"history ends {booking['status']}: {events[-1]}",
    )
    story.notebook.facts["history"] = {
        "booking": booking,
        "flight": story.flights[booking["flight_id"]].name,
        "events": events,
    }
