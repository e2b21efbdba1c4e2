"""Example bodies about itineraries in the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from api.http.commands import ItineraryPaymentResult
from api.http.problem_examples import ITINERARY
from api.http.queries import Page
from api.resources.itineraries import BookingQuote, ItineraryCancellation, ItineraryQuote, QuotedBookings
from domain.booking_state import Status
from domain.commands.itineraries import InitiateItinerary, ItineraryBooking, PayItinerary
from domain.money import Money
from domain.payments import PaymentStatus
from projections.bookings import BookingPayment, BookingRow
from projections.itineraries import ItineraryRow

_OUTBOUND, _INBOUND = (UUID(f"01932c07-5bb0-7aaa-8000-00000000ba{number}") for number in (17, 18))
_FIRST, _SECOND = (UUID(f"01932c07-5bb5-7bbb-8000-0000000a11c{digit}") for digit in "12")
_PAYMENT = BookingPayment(UUID("01932c07-5bb6-7ccc-8000-00000000ca54"), PaymentStatus.CAPTURED)
_CREATED_AT = datetime(2030, 4, 1, 9, 30, tzinfo=UTC)
_HELD_UNTIL = datetime(2030, 4, 1, 9, 35, tzinfo=UTC)
_SHARE = Money(900000, "INR")


def _held(id: UUID, reference: str, flight_id: UUID) -> BookingRow:
    return BookingRow(
        id,
        reference,
        flight_id,
        "alice",
        2,
        _SHARE,
        Status.INITIATED,
        _HELD_UNTIL,
        1,
        _CREATED_AT,
        _CREATED_AT,
        None,
        itinerary_id=ITINERARY,
    )


_HELD = [_held(_FIRST, "VHRN26", _OUTBOUND), _held(_SECOND, "9CTTNS", _INBOUND)]
_BOOKED = [replace(one, status=Status.BOOKED, version=3, payment=_PAYMENT) for one in _HELD]
_ROUND_TRIP = ItineraryRow.of_rows(ITINERARY, _HELD)

ITINERARY_EXAMPLES: dict[Any, Any] = {
    InitiateItinerary: InitiateItinerary(
        "alice", (ItineraryBooking(_OUTBOUND, 2), ItineraryBooking(_INBOUND, 2))
    ),
    ItineraryRow: _ROUND_TRIP,
    Page[ItineraryRow]: Page([_ROUND_TRIP], None),
    PayItinerary: PayItinerary(ITINERARY, "alice", _ROUND_TRIP.total_cost),
    ItineraryPaymentResult: ItineraryPaymentResult(
        _PAYMENT.payment_id, ItineraryRow.of_rows(ITINERARY, _BOOKED)
    ),
    ItineraryCancellation: ItineraryCancellation("Plans changed", (_SECOND,)),
    QuotedBookings: QuotedBookings((_SECOND,)),
    ItineraryQuote: ItineraryQuote(ITINERARY, 5, _SHARE, [BookingQuote(_SECOND, 2, _SHARE)], _HELD_UNTIL),
}
