"""The steps of a booking: which event may follow which, and what each one changes."""

from collections.abc import Callable

from trials.checker import payment_steps
from trials.checker.bookings import Booking, seats_needed
from trials.checker.flights import Row, instant, needs_answer, text_of
from trials.checker.log import Event
from trials.checker.prices import ENDS, due, given_up, times, total

MAY_FOLLOW = {
    "booking.payment_pending": ("initiated",),
    "booking.payment_requested": ("initiated",),
    "booking.capture_requested": ("pending",),
    "booking.void_requested": ("pending",),
    "booking.booked": ("pending",),
    "booking.payment_voided": ("pending",),
    "booking.payment_released": ("cancelled",),
    "booking.reseated": ("cancelled",),
    "booking.seats_reduced": ("initiated", "booked"),
    "booking.travel_recorded": ("booked",),
    "booking.moved": ("initiated", "pending", "booked"),
    "booking.split": ("initiated", "booked"),
    "booking.split_off": ("initiated",),
    "booking.payment_shared": ("initiated",),
    "booking.passengers_named": ("initiated", "pending", "booked"),
    "booking.schedule_changed": ("initiated", "pending", "booked"),
    "booking.schedule_accepted": ("initiated", "pending", "booked"),
}
"""The states in which each event may find a booking. Cancellations have sentences of their own."""

_IN_PROGRESS = ("requested", "pending", "capturing", "voiding")


def follow(booking: Booking, event: Event) -> list[str]:
    """Apply the event; return what is wrong with it, one sentence each."""
    booking.row.update(version=event.version, updated_at=text_of(event.recorded_at))
    booking.topics.append(event.topic)
    if booking.status == "booked" and event.topic in ENDS:
        answer_before = booking.change["accept_before"] if booking.change else None
        back = due(event, booking.row["total_cost"], booking.row.get("cancellation_policy"), answer_before)
        booking.forfeited += given_up(event, booking.row["total_cost"])["amount"] - back["amount"]
    step = _STEPS.get(event.topic)
    if step is None:
        return [f"the checker knows no event {event.topic}: {event}"]
    before = MAY_FOLLOW.get(event.topic, (booking.status,))
    wrong = [] if booking.status in before else [f"a booking that was {booking.status} meets with {event}"]
    wrong += step(booking, event)
    asked = booking.change is not None and booking.change["accept_before"] and booking.status != "cancelled"
    booking.row["schedule_change"] = booking.change if asked else None
    return wrong


def _seats_reduced(booking: Booking, event: Event) -> list[str]:
    wrong = []
    if booking.flight.has_departed(event.recorded_at):
        wrong.append(f"seats are given back after the departure: {event}")
    seats, cost = event.state["seats"], event.state["total_cost"]
    if not 0 < seats < booking.seats:
        wrong.append(f"{booking.seats} seats become {seats}: {event}")
    if times(cost, booking.seats) != times(booking.row["total_cost"], seats):
        wrong.append(f"the price of a seat changes from {booking.row['total_cost']}: {event}")
    booking.keep(seats, cost)
    return wrong


def _cancelled(booking: Booking, event: Event) -> list[str]:
    before, ends, reason = booking.status, booking.ends, event.state["reason"]
    booking.row["status"], booking.reason = "cancelled", reason
    booking.leave()
    if booking.payment_status in _IN_PROGRESS:
        booking.pay(status="lapsed", capture_before=None)
    if before == "cancelled":
        return [f"a booking is cancelled twice: {event}"]
    if reason == "hold_expired" and before == "booked":
        return [f"a hold expires although the booking was {before}: {event}"]
    departed = booking.flight.has_departed(event.recorded_at)
    if reason == "hold_expired" and event.recorded_at < ends and not departed:
        return [f"a hold expires before its end {ends:%H:%M:%S.%f}: {event}"]
    if reason == "flight_cancelled" and not booking.flight.is_cancelled:
        return [f"a booking is cancelled with a flight that is not: {event}"]
    return []


def _split(booking: Booking, event: Event) -> list[str]:
    """Seats and money are divided: nothing is lost, and the new part gets its share of the price."""
    wrong, state = [], event.state
    seats, moved = state["seats"], state["moved_cost"]["amount"]
    if booking.flight.has_departed(event.recorded_at):
        wrong.append(f"a booking is split after the departure: {event}")
    if seats < 1 or state["moved_seats"] < 1 or seats + state["moved_seats"] != booking.seats:
        wrong.append(f"the seats of a split are not the {booking.seats} before it: {event}")
    parts = total([state["total_cost"], state["moved_cost"]])
    if parts != booking.row["total_cost"] or moved != booking.cost * state["moved_seats"] // booking.seats:
        wrong.append(f"the money of a split is not the {booking.cost} before it: {event}")
    booking.keep(seats, state["total_cost"])
    return wrong


def _split_off(booking: Booking, event: Event) -> list[str]:
    booking.row["split_from"], booking.change = event.state["split_from"], event.state["change"]
    return []


def _passengers_named(booking: Booking, event: Event) -> list[str]:
    wrong, passengers = [], event.state["passengers"]
    if booking.flight.has_departed(event.recorded_at):
        wrong.append(f"passengers are named after the departure: {event}")
    if seats_needed(passengers) != booking.seats:
        wrong.append(f"a booking of {booking.seats} seats has other passengers: {event}")
    booking.row["passengers"] = passengers
    return wrong


def _schedule_changed(booking: Booking, event: Event) -> list[str]:
    """The change is measured against the times last agreed to, and all ends with the new departure."""
    return _take_change(booking, event, booking.flight.times_before, other_route=False)


def _moved(booking: Booking, event: Event) -> list[str]:
    """The booking leaves its flight, and takes its seats on another one that is open and has them."""
    ends = booking.flight.holds.get(booking.row["id"])
    source, target = booking.flight, booking.flights[event.state["flight_id"]]
    wrong = [] if event.state["from_flight_id"] == source.row["id"] else [f"it was elsewhere: {event}"]
    if target.is_closed(event.recorded_at):
        wrong.append(f"a booking is moved to a closed flight: {event}")
    if target.row["price"]["currency"] != booking.row["total_cost"]["currency"]:
        wrong.append(f"a booking is moved to a flight in another currency: {event}")
    if booking.row["travel"]:
        wrong.append(f"a booking that was {booking.row['travel']} is moved: {event}")
    if booking.is_due(event.recorded_at):
        wrong.append(f"a booking is moved after its hold's end: {event}")
    booking.leave()
    booking.flight, booking.row["flight_id"] = target, target.row["id"]
    for refund in booking.refunds.values():
        refund["flight_id"] = target.row["id"]
    if ends:
        booking.flight.holds[booking.row["id"]] = ends
    else:
        booking.flight.sold[booking.row["id"]] = booking.seats
    wrong += _take_change(booking, event, source.times, other_route=source.route != target.route)
    return wrong + target.oversold(event)


def _take_change(booking: Booking, event: Event, before: Row, *, other_route: bool) -> list[str]:
    state, wrong = event.state, []
    agreed = booking.change["was"] if booking.change else before
    booking.change = {name: state[name] for name in ("was", "now", "accept_before")}
    if (state["was"], state["now"]) != (agreed, booking.flight.times):
        wrong.append(f"the times {agreed} became {booking.flight.times}: {event}")
    asked = other_route or needs_answer(state["was"], state["now"])
    if (state["accept_before"] is not None) != asked:
        wrong.append(f"an answer is due by {state['accept_before']}: {event}")
    booking.row["expires_at"] = state["expires_at"]
    if booking.status == "pending":
        booking.pay(capture_before=state["capture_before"])
    if booking.status in ("initiated", "pending"):
        ends = state["capture_before"] if booking.status == "pending" else state["expires_at"]
        booking.hold_until(instant(ends))
        if instant(ends) > booking.flight.departs_at:
            wrong.append(f"a hold outlasts the new departure: {event}")
    return wrong


def _schedule_accepted(booking: Booking, event: Event) -> list[str]:
    asked = booking.row["schedule_change"]
    booking.change = None
    return [] if asked else [f"a change is accepted that nobody asked about: {event}"]


def _travel_recorded(booking: Booking, event: Event) -> list[str]:
    booking.row["travel"] = event.state["travel"]
    travel = {one["id"]: {"travel": one["travel"]} for one in event.state.get("passengers") or ()}
    booking.row["passengers"] = [one | travel.get(one["id"], {}) for one in booking.row["passengers"]]
    departed = booking.flight.has_departed(event.recorded_at)
    return [] if departed else [f"travel is recorded before the departure: {event}"]


_STEPS: dict[str, Callable[[Booking, Event], list[str]]] = {
    **payment_steps.STEPS,
    "booking.seats_reduced": _seats_reduced,
    "booking.travel_recorded": _travel_recorded,
    "booking.moved": _moved,
    "booking.passengers_named": _passengers_named,
    "booking.split": _split,
    "booking.split_off": _split_off,
    "booking.schedule_changed": _schedule_changed,
    "booking.schedule_accepted": _schedule_accepted,
    "booking.cancelled": _cancelled,
}
