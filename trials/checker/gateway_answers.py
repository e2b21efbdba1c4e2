"""Answers to commands that went through a gateway: the log must bear each of them out."""

from collections.abc import Iterator
from typing import Any

import msgspec

from trials.checker.calls import Call
from trials.checker.history import History
from trials.checker.log import Event, Key
from trials.checker.model import Model
from trials.checker.payments import Payment

ACCEPTED = (200, 201)

Payments = dict[str, Payment]


def check_gateway_answers(history: History, model: Model, payments: Payments) -> Iterator[str]:
    """Yield each first answer that the log does not bear out. The common rules compare repeats."""
    events: dict[Key, list[Event]] = {}
    for event in history.log.events:
        events.setdefault(event.command, []).append(event)
    for key, command in history.commands.items():
        for call in command.answers[:1]:
            if call.is_command and history.answers_intent(call.operation):
                own = events.get(key, [])
                if fault := _fault(call, own, model, payments):
                    yield f"{fault}: {call}"


def _fault(call: Call, own: list[Event], model: Model, payments: Payments) -> str | None:
    """Return what the log says instead, if anything; `own` are the events of the call's command."""
    if call.status in ACCEPTED:
        return _accepted(call, own, model, payments)
    requested = next((e.state["payment_id"] for e in own if e.topic == "booking.payment_requested"), None)
    if call.operation in ("pay_booking", "pay_itinerary") and requested is not None:
        return _refused_payment(call, payments[requested])
    return None


def _accepted(call: Call, own: list[Event], model: Model, payments: Payments) -> str | None:
    if not own:
        return "acknowledged, and not in the log"
    body = msgspec.json.decode(call.text)
    match call.operation:
        case "pay_booking" | "pay_itinerary":
            return _paid(body, own, payments[body["payment_id"]])
        case "capture_itinerary":
            end = "booked" if body["status"] == "booked" else "refund_due"
            ids = [one["id"] for one in body["bookings"] if one["status"] == body["status"]]
            return next((fault for id in ids if (fault := _missing(model, id, end))), None)
        case "void_itinerary":
            ends = "payment_voided", "payment_released"
            faults = [_missing(model, one["id"], *ends) for one in body["bookings"]]
            return faults[0] if all(faults) else None
        case "capture_payment":
            end = "booked" if body["status"] == "booked" else "refund_due"
            return _missing(model, body["id"], end)
        case "void_payment":
            return _missing(model, body["id"], "payment_voided", "payment_released")
        case "settle_refund":
            refund = model.refunds[body["id"]]
            if (refund["status"], refund["reference"]) != ("settled", body["reference"]):
                return f"settled by {refund['reference']} in the log"
    return None


def _paid(body: dict[str, Any], own: list[Event], payment: Payment) -> str | None:
    if all(event.state.get("payment_id") != payment.id for event in own):
        return "another payment in the log"
    row = body["itinerary"] if "itinerary" in body else body["booking"]
    if row["status"] == "booked":
        return None if payment.booked else f"the payment is {payment.end} in the log"
    return None if payment.reference else "the payment is not authorised in the log"


def _refused_payment(call: Call, payment: Payment) -> str | None:
    """A refused payment is declined, released or owed back, and never kept."""
    if payment.booked:
        return "refused, and booked in the log"
    if call.status == 402 and payment.declined not in (None, msgspec.json.decode(call.text)["reason"]):
        return f"declined for {payment.declined} in the log"
    return None


def _missing(model: Model, booking: str, *names: str) -> str | None:
    """Return a sentence unless the booking has an event of one of these names."""
    topics = model.bookings[booking].topics
    return None if any(f"booking.{name}" in topics for name in names) else f"the booking has no {names[0]}"
