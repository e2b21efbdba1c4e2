"""Act five: late payments, returned seats, and a cancelled flight, each with its refund."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cli.demo.client import DemoCommand, DemoUser
from cli.demo.expired_holds import CLOCK_SLACK_SECONDS, HOLD_SECONDS_MAX, PARTY_MAX
from cli.demo.story import Body, ScheduledFlight, Story

LATE_SEATS = 2
PARTY, KEPT = 3, 2


async def refund_late_money(story: Story, flight: ScheduledFlight, doomed: ScheduledFlight) -> None:
    """Run the act. `flight` is empty with room for two parties; `doomed` gets cancelled."""
    notebook = story.notebook
    lucky, unlucky, generous = story.customers[:3]
    first = await _authorise(story, lucky, flight, LATE_SEATS)
    second = await _authorise(story, unlucky, flight, PARTY_MAX)
    if first is None or second is None:
        return
    given_back = await _give_back(story, generous, flight)
    cancelled = await _cancel_flight(story, doomed)
    await asyncio.sleep(max(0.0, _lapses(second) + CLOCK_SLACK_SECONDS - time.time()))
    seats = await lucky.get(f"/flights/{flight.id}/availability")
    notebook.expect(seats, 200, None, held=0, booked=KEPT)
    seated = await _capture(story, first)
    notebook.expect(seated, 200, None, status="booked", seats=LATE_SEATS)
    await _sell_out(story, flight, flight.seats - KEPT - LATE_SEATS)
    refused = await _capture(story, second)
    notebook.expect(refused, 200, None, status="cancelled")
    owed = await story.auditor.get(f"/refunds?booking_id={second['id']}")
    if notebook.expect(owed, 200):
        facts = [(refund["amount"], refund["reason"], refund["status"]) for refund in owed.body["data"]]
        notebook.check(
            facts == [(second["total_cost"], "late_payment", "due")],
            f"a refund of the late payment is due: {facts}",
        )
        await _settle_twice(story, owed.body["data"])
    notebook.facts["money"] = {
        "flight": flight.name,
        "seated_again": LATE_SEATS,
        "refunded": second["total_cost"],
        "given_back": given_back,
        "cancelled": cancelled,
    }


async def _authorise(story: Story, user: DemoUser, flight: ScheduledFlight, seats: int) -> Body | None:
    held = await story.send(user.booking(flight.id, seats))
    if not story.notebook.expect(held, 201):
        return None
    payment = user.payment(held.body)
    answer = await story.send(DemoCommand(user, payment.path, {**payment.body, "capture": "manual"}))
    if not story.notebook.expect(answer, 201):
        return None
    pending: Body = answer.body["booking"]
    soon = _lapses(pending) - time.time() < HOLD_SECONDS_MAX
    return pending if story.notebook.check(soon, "payments lapse within seconds, not minutes") else None


async def _capture(story: Story, booking: Body) -> Any:
    return await story.send(DemoCommand(story.operator, f"/bookings/{booking['id']}/capture", {}))


async def _give_back(story: Story, user: DemoUser, flight: ScheduledFlight) -> Mapping[str, Any]:
    """Return one of three paid seats: a refund of its price is due, and two stay booked."""
    held = await story.send(user.booking(flight.id, PARTY))
    story.notebook.expect(held, 201)
    story.notebook.expect(await story.send(user.payment(held.body)), 201)
    fewer = await story.send(DemoCommand(user, f"/bookings/{held.body['id']}/seats", {"seats": KEPT}))
    story.notebook.expect(fewer, 200, None, status="booked", seats=KEPT, total_cost=flight.cost(KEPT))
    owed = await story.auditor.get(f"/refunds?booking_id={held.body['id']}")
    amounts = [refund["amount"] for refund in owed.body["data"]] if owed.status == 200 else []
    story.notebook.check(
        amounts == [flight.cost(PARTY - KEPT)], f"a refund of one seat's price is due: {amounts}"
    )
    return flight.cost(PARTY - KEPT)


async def _cancel_flight(story: Story, flight: ScheduledFlight) -> Mapping[str, int]:
    """Cancel a flight: all its bookings are cancelled with the answer, and refunds of paid ones are due."""
    live = {
        id: (user, booking)
        for id, (user, booking) in story.bookings.items()
        if booking["flight_id"] == flight.id
    }
    paid = {id for id, (_, booking) in live.items() if booking["status"] == "booked"}
    command = DemoCommand(story.operator, f"/flights/{flight.id}/cancel", {"reason": "no aircraft"})
    story.notebook.expect(await story.send(command), 200, None, status="cancelled")
    for id, (user, _) in live.items():
        now = await user.get(f"/bookings/{id}")
        story.notebook.expect(now, 200, None, status="cancelled")
        if id in paid:
            owed = now.body["payment"]["status"]
            story.notebook.check(owed == "refund_due", f"a paid booking of a cancelled flight: {owed}")
        story.bookings[id] = (user, now.body)
    return {"bookings": len(live), "paid": len(paid)}


async def _sell_out(story: Story, flight: ScheduledFlight, free: int) -> None:
    parties = [PARTY_MAX] * (free // PARTY_MAX) + ([free % PARTY_MAX] if free % PARTY_MAX else [])
    for user, seats in zip(story.customers[3:], parties, strict=False):
        story.notebook.expect(await story.send(user.booking(flight.id, seats)), 201)


async def _settle_twice(story: Story, refunds: list[Body]) -> None:
    for refund in refunds:
        for status, code in ((200, None), (409, "refund-already-settled")):
            command = DemoCommand(story.operator, f"/refunds/{refund['id']}/settle", {"reference": "by hand"})
            story.notebook.expect(await story.send(command), status, code)
        booking_id = refund["booking_id"]
        user, _ = story.bookings[booking_id]
        now = await user.get(f"/bookings/{booking_id}")
        story.notebook.check(now.body["payment"]["status"] == "refunded", f"the payment is refunded: {now}")
        story.bookings[booking_id] = (user, now.body)


def _lapses(booking: Body) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(booking["payment"]["capture_before"]).timestamp()
