"""Refusals: each must have had its reason at its position and instant."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trials.checker.bookings import Booking
from trials.checker.flights import Flight, Shown
from trials.checker.history import Command
from trials.checker.log import Outcome
from trials.checker.model import Model

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked, what was told, and all that the command was about as the log then had it."""

    operation: str
    status: int
    at: datetime
    asked: Any
    told: Any
    flight: Flight | None
    booking: Booking | None
    refund: Shown | None
    numbers: set[str]


def had_its_reason(model: Model, outcome: Outcome, body: Any, command: Command) -> bool:
    """Is the refusal true of the model, which stands at the refusal's position?"""
    asked = json.loads(command.tries[0].body)
    in_path = f"{command.tries[0].path}//".split("/")[2]
    refused = Refused(
        outcome.operation,
        outcome.status,
        outcome.recorded_at,
        asked,
        body,
        model.flights.get(asked.get("flight_id", in_path)),
        model.bookings.get(asked.get("booking_id", in_path)),
        model.refunds.get(in_path),
        {flight.shown["number"] for flight in model.flights.values()},
    )
    reason = _REASONS.get(body.get("code"))
    return reason is not None and reason(refused)


def _not_enough_seats(refused: Refused) -> bool:
    if refused.flight is None:
        return False
    free = refused.flight.seats - refused.flight.booked - refused.flight.held(refused.at)
    asked = refused.asked["seats"]
    return bool(refused.told["free"] == free < asked == refused.told["asked"])


def _seats_in_use(refused: Refused) -> bool:
    if refused.flight is None:
        return False
    used = refused.flight.booked + refused.flight.held(refused.at)
    return bool(refused.told["in_use"] == used > refused.asked["seats"])


def _flight_not_bookable(refused: Refused) -> bool:
    return refused.flight is not None and refused.flight.is_cancelled


def _hold_expired(refused: Refused) -> bool:
    booking = refused.booking
    return booking is not None and (booking.reason == "hold_expired" or booking.is_due(refused.at))


def _booking_cancelled(refused: Refused) -> bool:
    """Not to money that was authorised: late as it is, it is never refused.

    Nor where it is the clock that cancelled it, and a payment or a change must be told just that.
    """
    if refused.booking is None or refused.booking.reason is None:
        return False
    match refused.operation:
        case "capture_payment":
            return refused.booking.payment_status != "lapsed"
        case "pay_booking" | "reduce_seats":
            return refused.booking.reason != "hold_expired"
    return True


def _running(refused: Refused) -> Booking | None:
    """The booking, unless its hold has run out: then that should have been the reason."""
    booking = refused.booking
    return booking if booking and not booking.is_due(refused.at) else None


def _payment_in_progress(refused: Refused) -> bool:
    booking = _running(refused)
    return booking is not None and booking.status == "pending"


def _seats_not_fewer(refused: Refused) -> bool:
    booking = _running(refused)
    return booking is not None and refused.told["seats"] == booking.seats <= refused.asked["seats"]


def _already_settled(refused: Refused) -> bool:
    refund = refused.refund
    return (
        refund is not None
        and refund["status"] == "settled"
        and refund["settled_at"] == refused.told["settled_at"]
    )


def _status(status: str) -> Callable[[Refused], bool]:
    return lambda refused: refused.booking is not None and refused.booking.status == status


def _price_mismatch(refused: Refused) -> bool:
    booking = _running(refused)
    return booking is not None and booking.shown["total_cost"] != refused.asked["total_cost"]


_REASONS: dict[str, Callable[[Refused], bool]] = {
    "not-enough-seats": _not_enough_seats,
    "seats-in-use": _seats_in_use,
    "flight-not-bookable": _flight_not_bookable,
    "flight-already-scheduled": lambda refused: refused.asked["number"] in refused.numbers,
    "hold-expired": _hold_expired,
    "booking-cancelled": _booking_cancelled,
    "already-paid": _status("booked"),
    "payment-in-progress": _payment_in_progress,
    "payment-not-pending": _status("initiated"),
    "seats-not-fewer": _seats_not_fewer,
    "price-mismatch": _price_mismatch,
    "refund-not-found": lambda refused: refused.refund is None and refused.status == NOT_FOUND,
    "refund-already-settled": _already_settled,
}
"""By the problem's code; any other refusal has no reason that customers of ours could give it."""
