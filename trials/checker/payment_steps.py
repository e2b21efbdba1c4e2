"""The steps of a booking's payments and refunds: each applies an event, and returns what is wrong with it."""

from collections.abc import Callable

from trials.checker.bookings import NO_END, Booking
from trials.checker.flights import instant, text_of
from trials.checker.log import Event


def _payment_pending(booking: Booking, event: Event) -> list[str]:
    wrong = []
    ends, before = booking.ends, event.state.get("capture_before")
    if event.recorded_at >= ends:
        wrong.append(f"a payment is accepted after the hold's end {ends:%H:%M:%S.%f}: {event}")
    if booking.flight.has_departed(event.recorded_at):
        wrong.append(f"a payment is accepted after the departure: {event}")
    if before and instant(before) > booking.flight.departs_at:
        wrong.append(f"a payment may be captured after the departure: {event}")
    if before and instant(before) < ends:
        wrong.append(f"a payment lapses at {before}, before the hold would have: {event}")
    status = "requested" if event.topic == "booking.payment_requested" else "pending"
    booking.row.update(status="pending", payment={"payment_id": event.state["payment_id"]})
    booking.pay(status=status, capture_before=before)
    booking.hold_until(instant(before) if before else ends)
    return wrong


def _payment_authorised(booking: Booking, _: Event) -> list[str]:
    if booking.payment_status == "requested":
        booking.pay(status="pending")
    return []


def _payment_declined(booking: Booking, _: Event) -> list[str]:
    booking.pay(status="declined", capture_before=None)
    if booking.status == "pending":
        booking.row["status"] = "initiated"
        booking.hold_until(instant(booking.row["expires_at"]))
    return []


def _capture_requested(booking: Booking, event: Event) -> list[str]:
    before = event.state["capture_before"]
    booking.pay(status="capturing", capture_before=before)
    booking.hold_until(instant(before))
    return []


def _void_requested(booking: Booking, _: Event) -> list[str]:
    booking.pay(status="voiding")
    return []


def _booked(booking: Booking, event: Event) -> list[str]:
    wrong = []
    if booking.is_due(event.recorded_at):
        wrong.append(f"a payment is captured in time, although it was late ({booking.ends}): {event}")
    if booking.flight.has_departed(event.recorded_at):
        wrong.append(f"a payment is captured after the departure: {event}")
    booking.buy()
    return wrong + booking.flight.oversold(event)


def _payment_voided(booking: Booking, _: Event) -> list[str]:
    booking.row["status"] = "initiated"
    booking.pay(status="voided", capture_before=None)
    booking.hold_until(instant(booking.row["expires_at"]))
    return []


def _payment_released(booking: Booking, _: Event) -> list[str]:
    booking.pay(status="voided", capture_before=None)
    return []


def _reseated(booking: Booking, event: Event) -> list[str]:
    """Seats given back by the customer, or cancelled with the flight, must not be taken again."""
    wrong = []
    if booking.payment_status != "lapsed" or booking.reason != "hold_expired" or booking.flight.is_cancelled:
        was = f"cancelled by {booking.reason}, its payment {booking.payment_status}"
        wrong.append(f"a booking that was {was}, is seated again: {event}")
    before = event.state.get("capture_before")
    booking.row["status"], booking.reason = "pending", None
    booking.pay(status="pending", capture_before=before)
    booking.hold_until(instant(before) if before else NO_END)
    return wrong + booking.flight.oversold(event)


def _payment_shared(booking: Booking, event: Event) -> list[str]:
    booking.row["payment"] = {"payment_id": event.state["payment_id"]}
    booking.buy()
    paid = event.state["amount"]["amount"] == booking.cost
    return [] if paid else [f"the share is not the cost {booking.row['total_cost']}: {event}"]


def _refund_due(booking: Booking, event: Event) -> list[str]:
    state = event.state
    facts = {name: state[name] for name in ("payment_id", "amount", "reason")}
    owner = {name: booking.row[name] for name in ("flight_id", "user_id")}
    times = {"due_at": text_of(event.recorded_at), "settled_at": None}
    row = {"id": state["refund_id"], "booking_id": booking.row["id"], **owner, **facts, **times}
    booking.refunds[state["refund_id"]] = row | {
        "status": "due",
        "reference": None,
        "gateway": None,
        "refusal": None,
    }
    wrong = _late(booking, event) if state["reason"] == "late_payment" else []
    if booking.status == "cancelled":
        booking.pay(status="refund_due")
    return wrong


def _late(booking: Booking, event: Event) -> list[str]:
    """Late money is owed only if it could not buy its seats again. A due hold blocks no seats."""
    if booking.payment_status != "lapsed":
        return [f"late money comes for a payment that is {booking.payment_status}: {event}"]
    if booking.row.get("itinerary_id"):
        return []  # its seats are taken again with those of the itinerary or not at all
    flight, free = booking.flight, booking.flight.free(event.recorded_at)
    open_ = not flight.is_closed(event.recorded_at)
    if booking.reason == "hold_expired" and open_ and booking.seats <= free:
        return [f"late money is owed, although its {booking.seats} of {free} free seats were there: {event}"]
    return []


def _refund_requested(booking: Booking, event: Event) -> list[str]:
    booking.refunds[event.state["refund_id"]].update(status="requested")
    return []


def _refund_refused(booking: Booking, event: Event) -> list[str]:
    booking.refunds[event.state["refund_id"]].update(status="due", refusal=event.state["code"])
    return []


def _refund_settled(booking: Booking, event: Event) -> list[str]:
    refund = booking.refunds[event.state["refund_id"]]
    settled_at, reference = text_of(event.recorded_at), event.state["reference"]
    refund.update(status="settled", settled_at=settled_at, reference=reference)
    if booking.status == "cancelled" and all(each["settled_at"] for each in booking.refunds.values()):
        booking.pay(status="refunded")
    return []


STEPS: dict[str, Callable[[Booking, Event], list[str]]] = {
    "booking.payment_pending": _payment_pending,
    "booking.payment_requested": _payment_pending,
    "booking.payment_authorised": _payment_authorised,
    "booking.payment_declined": _payment_declined,
    "booking.capture_requested": _capture_requested,
    "booking.void_requested": _void_requested,
    "booking.booked": _booked,
    "booking.payment_voided": _payment_voided,
    "booking.payment_released": _payment_released,
    "booking.reseated": _reseated,
    "booking.payment_shared": _payment_shared,
    "booking.refund_due": _refund_due,
    "booking.refund_requested": _refund_requested,
    "booking.refund_refused": _refund_refused,
    "booking.refund_settled": _refund_settled,
}
