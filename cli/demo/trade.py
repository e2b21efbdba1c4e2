"""Act two: a day's trade. Hundreds of customers book, pay, press buttons twice, cancel and forget."""

import asyncio
import time

from cli.demo.client import Answer, Command, Person
from cli.demo.crowd import work_through
from cli.demo.plan import Fate, Order, plan_orders
from cli.demo.story import Body, Story, hold_ends

ORDERS = 1_500
SEED = 1979
PRESSES = 3


async def trade(story: Story, quiet_flights: set[str]) -> None:
    """Everything sells but the quiet flights, which other acts need."""
    # Ids differ from run to run; sorted by name the same flights get the same orders.
    flights = sorted(story.flights.values(), key=lambda flight: flight.name)
    open_flights = [flight.id for flight in flights if flight.id not in quiet_flights]
    orders = plan_orders(open_flights, orders=ORDERS, customers=len(story.customers), seed=SEED)
    first, started = len(story.given), time.perf_counter()
    await work_through(orders, lambda order: _serve(story, order), story.watch)
    seconds = time.perf_counter() - started
    answers = [answer for _, answer in story.given[first:]]
    story.notebook.facts["trade"] = {
        "orders": len(orders),
        "commands": len(answers),
        "repeats": sum(answer.replayed for answer in answers),
        "seconds": seconds,
        "commands_per_second": len(answers) / seconds,
        **_percentiles([answer.seconds * 1000 for answer in answers]),
    }


async def _serve(story: Story, order: Order) -> None:
    who = story.customers[order.customer]
    booking = await _book(story, who, order)
    if booking is None:
        return
    if order.fate in (Fate.PAY, Fate.PAY_THEN_CANCEL):
        paid = await _pay(story, who, booking, impatient=order.impatient)
        if not paid or order.fate is Fate.PAY:
            return
    if order.fate is Fate.FORGET:
        story.notebook.counts["forgotten"] += 1
        return
    await _cancel(story, who, booking, was_paid=order.fate is Fate.PAY_THEN_CANCEL)


async def _book(story: Story, who: Person, order: Order) -> Body | None:
    """The booking, or None where the flight is sold out."""
    notebook, flight = story.notebook, story.flights[order.flight_id]
    answer = await _press(story, who.booking(flight.id, order.seats), impatient=order.impatient)
    if answer.status == 409:
        notebook.expect(answer, 409, "not-enough-seats", asked=order.seats)
        notebook.check(answer.body.get("free", order.seats) < order.seats, f"too few are free in {answer}")
        notebook.counts["sold out"] += 1
        return None
    held = {"flight_id": flight.id, "user_id": who.sub, "seats": order.seats, "status": "initiated"}
    if not notebook.expect(answer, 201, None, **held, total_cost=flight.cost(order.seats)):
        return None
    notebook.counts["held"] += 1
    booking: Body = answer.body
    return booking


async def _pay(story: Story, who: Person, booking: Body, *, impatient: bool) -> bool:
    answer = await _press(story, who.payment(booking), impatient=impatient)
    if _too_late(story, answer, booking) or not story.notebook.expect(answer, 201):
        return False
    told = answer.body.get("booking", {})
    story.notebook.counts["paid"] += 1
    return story.notebook.check(told.get("status") == "booked", f"a payment books: {answer}")


async def _cancel(story: Story, who: Person, booking: Body, *, was_paid: bool) -> None:
    answer = await story.give(who.cancellation(booking, "changed their mind"))
    if not was_paid and _too_late(story, answer, booking):
        return
    if story.notebook.expect(answer, 200, None, status="cancelled"):
        story.notebook.counts["cancelled paid" if was_paid else "cancelled unpaid"] += 1


def _too_late(story: Story, answer: Answer, booking: Body) -> bool:
    """On a machine slow enough a hold may end before its customer gets to pay: refused, and rightly."""
    code = answer.body.get("code") if answer.status == 409 else None
    late = code in ("hold-expired", "booking-cancelled") and answer.received_at >= hold_ends(booking)
    story.notebook.counts["too late"] += late
    return late


async def _press(story: Story, command: Command, *, impatient: bool) -> Answer:
    """Gives the command; the impatient give it three times at once, and must hear one outcome."""
    if not impatient:
        return await story.give(command)
    answers = await asyncio.gather(*(story.give(command) for _ in range(PRESSES)))
    for answer in answers[1:]:
        story.notebook.check(answer.says_the_same_as(answers[0]), f"same key: {answer} is as {answers[0]}")
    if all(answer.tries == 1 for answer in answers):
        fresh = sum(not answer.replayed for answer in answers)
        story.notebook.check(fresh == 1, f"of {PRESSES} at once one is fresh, not {fresh}: {command.path}")
    story.notebook.counts["pressed at once"] += PRESSES - 1
    return answers[0]


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {f"p{share}_ms": ordered[(len(ordered) - 1) * share // 100] for share in (50, 99)}
