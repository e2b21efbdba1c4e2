"""What callers were told: the same for the same key, and in the log."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from trials.checker.calls import READS, Call
from trials.checker.log import Event, Key, Log
from trials.drills.gateway.tale import Tale

EXPECTED = frozenset({200, 201, 402, 404, 409, 422})
"""What the contract may answer to these callers. A 404 is for refunds that never were, a 422 for a key that
was used for something else.
"""

ACCEPTED = (200, 201)


def wrong_answers(calls: Sequence[Call], log: Log, tale: Tale) -> Iterator[str]:
    """A sentence each."""
    events: dict[Key, list[Event]] = {}
    for event in log.events:
        events.setdefault(event.command, []).append(event)
    first: dict[tuple[str, ...], Call] = {}
    for call in calls:
        if not call.answered or call.operation in READS:
            continue
        before = first.setdefault((call.who, call.operation, call.key, call.path, call.body), call)
        if before is not call:
            if (before.status, before.text) != (call.status, call.text):
                yield f"the same key, and another answer: {before}; then {call}"
            continue
        if call.status not in EXPECTED:
            yield f"not in the contract: {call}"
        elif call.status != 422:
            own = events.get((call.who, call.operation, call.key), [])
            if why := _not_in_the_log(call, own, tale):
                yield f"{why}: {call}"


def _not_in_the_log(call: Call, own: list[Event], tale: Tale) -> str | None:
    """Why this answer is none that the log knows, if so; `own` are the events of its command."""
    if call.status in ACCEPTED:
        return _granted(call, own, tale)
    asked = next((e.state["payment_id"] for e in own if e.topic == "booking.payment_requested"), None)
    if call.operation == "pay_booking" and asked is not None:
        return _refused_payment(call, asked, tale)
    return None


def _granted(call: Call, own: list[Event], tale: Tale) -> str | None:
    if not own:
        return "acknowledged, and not in the log"
    body = json.loads(call.text)
    match call.operation:
        case "pay_booking":
            return _paid(body, own, tale)
        case "capture_payment":
            end = "booked" if body["status"] == "booked" else "refund_due"
            return _lacks(tale, body["id"], end)
        case "void_payment":
            return _lacks(tale, body["id"], "payment_voided", "payment_released")
        case "settle_refund":
            settled = tale.refunds[body["id"]].settled
            return None if settled == [body["reference"]] else f"settled by {settled} in the log"
    return None


def _paid(body: dict[str, Any], own: list[Event], tale: Tale) -> str | None:
    payment = tale.payments[body["payment_id"]]
    if all(event.state.get("payment_id") != payment.id for event in own):
        return "another payment in the log"
    if body["booking"]["status"] == "booked":
        return None if payment.booked else f"the payment is {payment.end} in the log"
    return None if payment.reference else "the payment is not authorised in the log"


def _refused_payment(call: Call, payment_id: str, tale: Tale) -> str | None:
    """Declined, let go, or owed back: never kept."""
    payment = tale.payments[payment_id]
    told = json.loads(call.text)
    if payment.booked:
        return "refused, and booked in the log"
    if call.status == 402 and payment.declined not in (None, told["reason"]):
        return f"declined for {payment.declined} in the log"
    return None


def _lacks(tale: Tale, booking_id: str, *names: str) -> str | None:
    """A sentence unless any of these events is in the booking's log."""
    history = tale.bookings[UUID(booking_id)].history
    return None if any(name in history for name in names) else f"the booking's log has no {names[0]}"
