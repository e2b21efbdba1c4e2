"""Act six: a round trip on one payment, a family that splits, too many passengers, and a no-show."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from cli.demo.client import DemoCommand, DemoUser
from cli.demo.scheduling import schedule_departure
from cli.demo.story import Body, ScheduledFlight, Story

TRAVELLERS = 2
FAMILY = {"Ada": "adult", "Chidi": "adult", "Ife": "child", "Obi": "child"}
LEAVING = ("Chidi", "Obi")
OVERBOOKED_SEATS = 2
COMPENSATION = {"amount": 25_000, "currency": "USD"}


async def take_a_round_trip(story: Story, outbound: ScheduledFlight) -> None:
    """Book there and back with one payment, then cancel the way back for the refund that was quoted."""
    user, notebook = story.customers[3], story.notebook
    inbound = await _schedule_return(story, outbound)
    if inbound is None:
        return
    flights = [outbound, inbound]
    bookings = [{"flight_id": flight.id, "seats": TRAVELLERS} for flight in flights]
    held = await story.send(DemoCommand(user, "/itineraries", {"user_id": user.sub, "bookings": bookings}))
    if not notebook.expect(held, 201, None, status="initiated"):
        return
    trip: Body = held.body
    both = sum(flight.cost(TRAVELLERS)["amount"] for flight in flights)
    notebook.check(trip["total_cost"]["amount"] == both, f"an itinerary costs the sum of its flights: {trip}")
    payment = {"itinerary_id": trip["id"], "user_id": user.sub, "total_cost": trip["total_cost"]}
    paid = await story.send(DemoCommand(user, "/itineraries/payments", payment))
    if not notebook.expect(paid, 201):
        return
    bookings = paid.body["itinerary"]["bookings"]
    payments = {booking["payment"]["payment_id"] for booking in bookings}
    notebook.check(len(payments) == 1, f"one payment books both flights: {payments}")
    refund = await _cancel_the_way_back(story, user, trip, bookings[1])
    notebook.facts["trip"] = {
        "flights": [flight.name for flight in flights],
        "seats": TRAVELLERS,
        "paid": trip["total_cost"],
        "refunded": refund,
    }


async def _schedule_return(story: Story, flight: ScheduledFlight) -> ScheduledFlight | None:
    """Schedule a flight back on the next day."""
    there = flight.departure
    back = replace(
        there,
        number=f"{there.number}R",
        origin=there.destination,
        destination=there.origin,
        departs_local=time(9),
        arrives_local=time(20),
        origin_zone=there.destination_zone,
        destination_zone=there.origin_zone,
    )
    return await schedule_departure(story, back, story.day + timedelta(days=1))


async def _cancel_the_way_back(
    story: Story, user: DemoUser, trip: Body, booking: Body
) -> Mapping[str, Any] | None:
    path, part = f"/itineraries/{trip['id']}/cancel", {"booking_ids": [booking["id"]]}
    quote = await user.post(f"{path}/quote", part)
    story.notebook.expect(quote, 200, None, refund=booking["total_cost"])
    cancelled = await story.send(DemoCommand(user, path, part))
    if not story.notebook.expect(cancelled, 200, None, status="booked"):
        return None
    owed = await story.auditor.get(f"/refunds?booking_id={booking['id']}")
    amounts = [refund["amount"] for refund in owed.body["data"]] if owed.status == 200 else []
    story.notebook.check(amounts == [booking["total_cost"]], f"the quoted refund is due: {amounts}")
    refund: Mapping[str, Any] = booking["total_cost"]
    return refund


async def split_a_family(story: Story, flight: ScheduledFlight) -> None:
    """Pay for a family of four, then give two of them a booking of their own, with their share."""
    user, notebook = story.customers[4], story.notebook
    order = user.booking(flight.id, len(FAMILY))
    passengers = [
        {"given_name": name, "family_name": "Okafor", "type": kind} for name, kind in FAMILY.items()
    ]
    held = await story.send(replace(order, body={**order.body, "passengers": passengers}))
    if not notebook.expect(held, 201):
        return
    paid = await story.send(user.payment(held.body))
    if not notebook.expect(paid, 201):
        return
    family: Body = paid.body["booking"]
    leaving = [one["id"] for one in family["passengers"] if one["given_name"] in LEAVING]
    answer = await story.send(DemoCommand(user, f"/bookings/{family['id']}/split", {"passengers": leaving}))
    if not notebook.expect(answer, 201, None, status="booked", seats=len(LEAVING), split_from=family["id"]):
        return
    rest = await user.get(f"/bookings/{family['id']}")
    if notebook.expect(rest, 200, None, status="booked", seats=len(FAMILY) - len(LEAVING)):
        story.bookings[family["id"]] = (user, rest.body)
        parts = [booking["total_cost"]["amount"] for booking in (rest.body, answer.body)]
        whole = family["total_cost"]["amount"]
        notebook.check(sum(parts) == whole, f"both shares are the price of before: {parts} of {whole}")
        references = [rest.body["reference"], answer.body["reference"]]
        notebook.facts["family"] = {"flight": flight.name, "seats": len(FAMILY), "references": references}


async def depart_overbooked(story: Story, flight: ScheduledFlight) -> None:
    """Sell more seats than there are. One party is denied boarding, one does not appear, the others fly."""
    notebook, parties = story.notebook, flight.seats + OVERBOOKED_SEATS
    users = story.customers[10 : 10 + parties]
    sold = [await story.buy(user, flight, 1) for user in users[: flight.seats]]
    notebook.expect(
        await story.send(users[-1].booking(flight.id, 1)), 409, "not-enough-seats", asked=1, free=0
    )
    raised = {"seats": OVERBOOKED_SEATS, "reason": "two no-shows a week on this flight"}
    await story.operate(f"/flights/{flight.id}/overbooking", raised, overbooking=OVERBOOKED_SEATS)
    story.overbooked[flight.id] = OVERBOOKED_SEATS
    sold += [await story.buy(user, flight, 1) for user in users[flight.seats :]]
    await story.operate(f"/flights/{flight.id}/departed", {}, status="departed")
    denied, absent, *aboard = [booking for booking in sold if booking is not None]
    reason = {"reason": "the aircraft is full", "compensation": COMPENSATION}
    await story.operate(f"/bookings/{denied['id']}/deny-boarding", reason, status="cancelled")
    await story.operate(f"/bookings/{absent['id']}/no-show", {}, travel="no_show")
    for booking in aboard:
        await story.operate(f"/bookings/{booking['id']}/flown", {}, travel="flown")
    owed = await story.auditor.get(f"/refunds?booking_id={denied['id']}")
    amounts = [refund["amount"] for refund in owed.body["data"]] if owed.status == 200 else []
    both = denied["total_cost"] in amounts and COMPENSATION in amounts and len(amounts) == 2
    notebook.check(both, f"the price and a compensation are due: {amounts}")
    late = await users[-1].booking(flight.id, 1).send()
    notebook.expect(late, 409, "flight-not-bookable")
    notebook.facts["departure"] = {
        "flight": flight.name,
        "seats": flight.seats,
        "sold": len(sold),
        "flown": len(aboard),
        "compensation": COMPENSATION,
    }
