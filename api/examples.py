"""Sample bodies for the documentation: instances of the structs, so that they cannot go stale."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.bookings import Reason
from api.commands import Paid
from api.flights import NewPrice, NewSeats
from api.queries import Page
from domain.booking import PaymentStatus, Status
from domain.commands import InitiateBooking, PayBooking, Price, ScheduleFlight
from domain.flight import FlightStatus
from domain.money import Money
from projections.availability import Availability
from projections.bookings import BookingRow, Payment
from projections.flights import FlightRow

_FLIGHT = UUID("01932c07-5bb0-7aaa-8000-00000000ba17")
_BOOKING = UUID("01932c07-5bb1-7bbb-8000-0000000a11ce")
_PAYMENT = UUID("01932c07-5bb2-7ccc-8000-00000000ca54")
_DEPARTURE = datetime(2030, 5, 17, 21, 45, tzinfo=UTC)
_ARRIVAL = datetime(2030, 5, 18, 4, 40, tzinfo=UTC)
_MADE = datetime(2030, 4, 1, 9, 30, tzinfo=UTC)
_HELD_UNTIL = datetime(2030, 4, 1, 9, 35, tzinfo=UTC)

BA117 = FlightRow(
    _FLIGHT, "BA117", "LHR", "JFK", _DEPARTURE, _ARRIVAL, 180, Money(450000, "INR"), FlightStatus.SCHEDULED, 1
)
ALICE_HOLDS_TWO = BookingRow(
    _BOOKING,
    _FLIGHT,
    "alice",
    2,
    Money(900000, "INR"),
    Status.INITIATED,
    _HELD_UNTIL,
    1,
    _MADE,
    _MADE,
    None,
)
ALICE_PAID = BookingRow(
    _BOOKING,
    _FLIGHT,
    "alice",
    2,
    Money(900000, "INR"),
    Status.BOOKED,
    _HELD_UNTIL,
    3,
    _MADE,
    _MADE,
    Payment(_PAYMENT, PaymentStatus.CAPTURED),
)

EXAMPLES: dict[Any, Any] = {
    ScheduleFlight: ScheduleFlight("BA117", "LHR", "JFK", _DEPARTURE, _ARRIVAL, 180, Price(450000, "INR")),
    FlightRow: BA117,
    Page[FlightRow]: Page([BA117], None),
    NewPrice: NewPrice(Price(475000, "INR")),
    NewSeats: NewSeats(186),
    Availability: Availability(_FLIGHT, 180, 2, 0, 178),
    InitiateBooking: InitiateBooking(_FLIGHT, "alice", 2),
    BookingRow: ALICE_HOLDS_TWO,
    Page[BookingRow]: Page([ALICE_HOLDS_TWO], None),
    PayBooking: PayBooking(_BOOKING, "alice", Money(900000, "INR")),
    Paid: Paid(_PAYMENT, ALICE_PAID),
    Reason: Reason("Plans changed"),
}
