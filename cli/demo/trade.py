"""Act two: a day's sales. Hundreds of customers book, pay, repeat commands, cancel, or never pay."""

import asyncio
import time

from cli.demo.client import DemoCommand, DemoResponse, DemoUser
from cli.demo.crowd import work_through
from cli.demo.plan import CustomerChoice, Purchase, plan_purchases
from cli.demo.story import Body, Story, hold_ends

ORDERS = 1_500
SEED = 1979
PRESSES = 3


async def trade(story: Story, quiet_flights: set[str]) -> None:
    """Sell seats of all flights except the quiet ones, which other acts need."""
    # Ids differ from run to run. Sorted by name, the same flights get the same purchases.
    flights = sorted(story.flights.values(), key=lambda flight: flight.name)
    open_flights = [flight.id for flight in flights if flight.id not in quiet_flights]
    orders = plan_purchases(open_flights, orders=ORDERS, customers=len(story.customers), seed=SEED)
    first, started = len(story.sent), time.perf_counter()
    await work_through(orders, lambda order: _serve(story, order), story.progress)
    seconds = time.perf_counter() - started
    answers = [answer for _, answer in story.sent[first:]]
    story.notebook.facts["trade"] = {
        "orders": len(orders),
        "commands": len(answers),
        "repeats": sum(answer.replayed for answer in answers),
        "seconds": seconds,
        "commands_per_second": len(answers) / seconds,
        **_percentiles([answer.seconds * 1000 for answer in answers]),
    }


async def _serve(story: Story, order: Purchase) -> None:
    user = story.customers[order.customer]
    booking = await _book(story, user, order)
    if booking is None:
        return
    if order.choice in (CustomerChoice.PAY, CustomerChoice.PAY_THEN_CANCEL):
        paid = await _pay(story, user, booking, impatient=order.impatient)
        if not paid or order.choice is CustomerChoice.PAY:
            return
    if order.choice is CustomerChoice.DO_NOT_PAY:
        story.notebook.counts["forgotten"] += 1
        return
    await _cancel(story, user, booking, was_paid=order.choice is CustomerChoice.PAY_THEN_CANCEL)


async def _book(story: Story, user: DemoUser, order: Purchase) -> Body | None:
    """Hold seats and return the booking, None if the flight is sold out."""
    notebook, flight = story.notebook, story.flights[order.flight_id]
    answer = await _press(story, user.booking(flight.id, order.seats), impatient=order.impatient)
    if answer.status == 409:
        notebook.expect(answer, 409, "not-enough-seats", asked=order.seats)
        notebook.check(answer.body.get("free", order.seats) < order.seats, f"too few are free in {answer}")
        notebook.counts["sold out"] += 1
        return None
    held = {"flight_id": flight.id, "user_id": user.sub, "seats": order.seats, "status": "initiated"}
    if not notebook.expect(answer, 201, None, **held, total_cost=flight.cost(order.seats)):
        return None
    notebook.counts["held"] += 1
    booking: Body = answer.body
    return booking


async def _pay(story: Story, user: DemoUser, booking: Body, *, impatient: bool) -> bool:
    answer = await _press(story, user.payment(booking), impatient=impatient)
    if _too_late(story, answer, booking) or not story.notebook.expect(answer, 201):
        return False
    paid_booking = answer.body.get("booking", {})
    story.notebook.counts["paid"] += 1
    return story.notebook.check(paid_booking.get("status") == "booked", f"a payment books: {answer}")


async def _cancel(story: Story, user: DemoUser, booking: Body, *, was_paid: bool) -> None:
    answer = await story.send(user.cancellation(booking, "changed their mind"))
    if not was_paid and _too_late(story, answer, booking):
        return
    if story.notebook.expect(answer, 200, None, status="cancelled"):
        story.notebook.counts["cancelled paid" if was_paid else "cancelled unpaid"] += 1


def _too_late(story: Story, answer: DemoResponse, booking: Body) -> bool:
    """Return whether the hold ended first. On a slow machine the refusal is then right."""
    code = answer.body.get("code") if answer.status == 409 else None
    late = code in ("hold-expired", "booking-cancelled") and answer.received_at >= hold_ends(booking)
    story.notebook.counts["too late"] += late
    return late


async def _press(story: Story, command: DemoCommand, *, impatient: bool) -> DemoResponse:
    """Send the command, or three copies at once if impatient; all must get the same outcome."""
    if not impatient:
        return await story.send(command)
    answers = await asyncio.gather(*(story.send(command) for _ in range(PRESSES)))
    for answer in answers[1:]:
        story.notebook.check(answer.equals(answers[0]), f"same key: {answer} equals {answers[0]}")
    if all(answer.tries == 1 for answer in answers):
        fresh = sum(not answer.replayed for answer in answers)
        story.notebook.check(fresh == 1, f"of {PRESSES} at once one is fresh, not {fresh}: {command.path}")
    story.notebook.counts["pressed at once"] += PRESSES - 1
    return answers[0]


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {f"p{share}_ms": ordered[(len(ordered) - 1) * share // 100] for share in (50, 99)}
