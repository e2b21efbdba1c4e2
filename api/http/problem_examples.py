"""Values of facts in the examples of the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.http.http_errors import FieldError
from database.readiness import Check
from domain.booking_state import CancelReason
from domain.flight import FlightStatus
from domain.money import Money
from domain.passengers import Travel
from domain.waiting import WaitingStatus

REQUEST_ID = "01932c07-5bb1-7000-8000-6d6f6e6b6579"
FLIGHT = UUID("01932c07-5bb0-7aaa-8000-00000000ba17")
BOOKING = UUID("01932c07-5bb1-7bbb-8000-0000000a11ce")
PAYMENT = UUID("01932c07-5bb2-7ccc-8000-00000000ca54")
REFUND = UUID("01932c07-5bb3-7ddd-8000-0000000ba11c")
WAITING = UUID("01932c07-5bb4-7eee-8000-0000003a175a")
ITINERARY = UUID("01932c07-5bb5-7fff-8000-0000000a11ce")
PASSENGER = UUID("01932c07-5bb6-7000-8000-0000000a11ce")
_NOW = datetime(2030, 4, 1, 9, 35, tzinfo=UTC)

EXAMPLE_FACTS: dict[str, Any] = {
    "latest": "2199-12-31T00:00:00Z",
    "adults": 1,
    "asked": 4,
    "booking_id": BOOKING,
    "checks": [Check("database", False, "does not answer")],
    "currencies": ["EUR", "INR"],
    "declined": 10,
    "errors": [FieldError("Must be at least 1", pointer="/seats")],
    "expected": Money(900000, "INR"),
    "expired_at": _NOW,
    "flight_id": FLIGHT,
    "flight_status": FlightStatus.CANCELLED,
    "free": 3,
    "given": 3,
    "in_use": 120,
    "infants": 2,
    "itinerary_id": ITINERARY,
    "known_keys": ["order-4711-1"],
    "last_position": 4000,
    "ledger": "main",
    "leaving": 0,
    "ledgers": ["ai", "main"],
    "limit": 60000,
    "now": _NOW,
    "overbooking": 4,
    "paid": Money(900000, "INR"),
    "passengers": [PASSENGER],
    "payment_id": PAYMENT,
    "position": 4711,
    "price": Money(450000, "INR"),
    "reason": CancelReason.REQUESTED,
    "refund_id": REFUND,
    "requested_at": _NOW,
    "required_roles": ["operator"],
    "seats": 2,
    "settled_at": _NOW,
    "staying": 2,
    "travel": Travel.FLOWN,
    "unpaid": 5000,
    "version": 3,
    "waiting": 500,
    "waiting_id": WAITING,
    "was": WaitingStatus.CLOSED,
}
"""Example by name of the fact. A fact means the same in every refusal."""

OTHER_EXAMPLES: dict[tuple[str, str], Any] = {
    ("PaymentDeclined", "reason"): "insufficient_funds",
    ("RefundRefused", "reason"): "charge_disputed",
    ("RefundTooLarge", "asked"): Money(950000, "INR"),
    ("StaleVersion", "expected"): 2,
    ("PassengersNotSeats", "expected"): 2,
    ("PassengersNotStated", "expected"): 1,
}
"""Examples of facts that mean something else in one refusal, by class and name."""
