"""Act one: an operator schedules all departures of one day."""

import time
from datetime import date, datetime, timedelta

from cli.demo.client import DemoCommand
from cli.demo.crowd import work_through
from cli.demo.story import ScheduledFlight, Story
from cli.demo.timetable import Departure, new_york


async def schedule_the_day(story: Story) -> None:
    departures = new_york()

    async def schedule(departure: Departure) -> None:
        await schedule_departure(story, departure, story.day)

    started = time.perf_counter()
    await work_through(departures, schedule, story.progress)
    story.notebook.facts["timetable"] = {
        "day": story.day.isoformat(),
        "flights": len(story.flights),
        "seats": sum(flight.seats for flight in story.flights.values()),
        "seconds": time.perf_counter() - started,
    }


async def schedule_departure(story: Story, departure: Departure, day: date) -> ScheduledFlight | None:
    """Schedule a departure for `day`, and check the answer. Return None if it is refused."""
    body = departure.scheduled(day)
    answer = await story.send(DemoCommand(story.operator, "/flights", body))
    expected = {name: body[name] for name in ("number", "origin", "destination", "seats", "price")}
    if not story.notebook.expect(answer, 201, None, **expected, status="scheduled"):
        return None
    for name in ("departs_at", "arrives_at"):
        at = datetime.fromisoformat(answer.body[name])
        story.notebook.check(
            at == datetime.fromisoformat(body[name]) and at.utcoffset() == timedelta(0),
            f"{name} of {departure.number} is {body[name]}, given in UTC: {answer.body[name]}",
        )
    flight = story.flights[answer.body["id"]] = ScheduledFlight(answer.body["id"], departure)
    return flight
