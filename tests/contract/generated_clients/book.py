"""Book two seats with the generated Python client. Run by test_generated_clients."""

import json
import sys
from uuid import UUID

from seatledger_client import AuthenticatedClient
from seatledger_client.api.bookings import create_booking
from seatledger_client.api.flights import get_availability
from seatledger_client.api.payments import pay_booking
from seatledger_client.models import (
    Booking,
    InitiateBooking,
    NotEnoughSeatsProblem,
    PayBooking,
    PaymentResult,
)

target = json.loads(sys.argv[1])
flight_id = UUID(target["flight_id"])
client = AuthenticatedClient(base_url=target["url"], token=target["token"])

hold = InitiateBooking(flight_id=flight_id, user_id=target["user_id"], seats=2)
booking = create_booking.sync(client=client, body=hold)
assert isinstance(booking, Booking), booking
assert booking.expires_at.tzinfo is not None

payment = PayBooking(booking_id=booking.id, user_id=target["user_id"], total_cost=booking.total_cost)
paid = pay_booking.sync(client=client, body=payment, x_idempotency_key=f"pay-{booking.id}")
assert isinstance(paid, PaymentResult), paid

refused = create_booking.sync(client=client, body=hold)
assert isinstance(refused, NotEnoughSeatsProblem), refused

seats = get_availability.sync(client=client, id=flight_id)
print(
    json.dumps(
        {
            "status": paid.booking.status.value,
            "seats": paid.booking.seats,
            "free": seats.available,
            "refused": {"code": refused.code, "asked": refused.asked, "free": refused.free},
        }
    )
)
