"""Act seven: a delay of three hours. Some customers accept, some take their money, some fly next day."""

from datetime import datetime, timedelta

from cli.demo.client import DemoCommand, DemoUser
from cli.demo.scheduling import schedule_departure
from cli.demo.story import Body, ScheduledFlight, Story

DELAY = timedelta(hours=3)
PARTY = 2
ACCEPTING, REFUNDED, MOVED = 3, 2, 2


async def delay_a_flight(story: Story, flight: ScheduledFlight) -> None:
    """Delay a flight without bookings, after some parties have paid for it."""
    later = await schedule_departure(story, flight.departure, story.day + timedelta(days=1))
    users = story.customers[50 : 50 + ACCEPTING + REFUNDED + MOVED]
    paid = [booking for user in users if (booking := await story.buy(user, flight, PARTY)) is not None]
    if later is None or len(paid) < len(users):
        return
    departs_at, arrives_at = flight.departure.instants(story.day)
    times = {"departs_at": departs_at + DELAY, "arrives_at": arrives_at + DELAY}
    body = {name: at.isoformat() for name, at in times.items()} | {"reason": "late inbound aircraft"}
    await story.operate(f"/flights/{flight.id}/times", body, status="scheduled")
    for user, booking in zip(users, paid, strict=True):
        await _read_change(story, user, booking, times["departs_at"])
    for user, booking in zip(users[:ACCEPTING], paid, strict=False):
        answer = await story.send(DemoCommand(user, f"/bookings/{booking['id']}/accept-change", {}))
        story.notebook.expect(answer, 200, None, status="booked", schedule_change=None)
    for user, booking in list(zip(users, paid, strict=True))[ACCEPTING : ACCEPTING + REFUNDED]:
        await _take_the_money(story, user, booking)
    for booking in paid[-MOVED:]:
        move = {"flight_id": later.id}
        await story.operate(f"/bookings/{booking['id']}/move", move, status="booked", flight_id=later.id)
    story.notebook.facts["delay"] = {
        "flight": flight.name,
        "hours": DELAY // timedelta(hours=1),
        "accepted": ACCEPTING,
        "refunded": REFUNDED,
        "moved": MOVED,
    }


async def _read_change(story: Story, user: DemoUser, booking: Body, departs_at: datetime) -> None:
    answer = await user.get(f"/bookings/{booking['id']}")
    if not story.notebook.expect(answer, 200, None, status="booked"):
        return
    story.bookings[booking["id"]] = (user, answer.body)
    change = answer.body["schedule_change"] or {}
    now = change.get("now", {}).get("departs_at", "1970-01-01T00:00:00Z")
    right = datetime.fromisoformat(now) == departs_at
    story.notebook.check(right, f"the booking has the new departure {departs_at}: {change}")


async def _take_the_money(story: Story, user: DemoUser, booking: Body) -> None:
    answer = await story.send(user.cancellation(booking, "the meeting is over by then"))
    story.notebook.expect(answer, 200, None, status="cancelled")
    owed = await story.auditor.get(f"/refunds?booking_id={booking['id']}")
    amounts = [refund["amount"] for refund in owed.body["data"]] if owed.status == 200 else []
    story.notebook.check(amounts == [booking["total_cost"]], f"all the money is due: {amounts}")
