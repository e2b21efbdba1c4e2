"""A booking with a payment through a gateway, and the reports of the gateway."""

from uuid import UUID

from domain.booking import Booking
from domain.booking_state import Status
from domain.caller import SYSTEM
from domain.commands.bookings import InitiateBooking
from domain.commands.payments import PayBooking, RecordPayment
from domain.money import Money
from domain.payments import Capture, GatewayTask, PaymentOutcome, PaymentStatus
from tests.domain.conftest import BA117
from tests.domain.scenario import Scenario

COST = Money(900_00, "GBP")


class Till:
    """A booking of both seats of the flight, and the gateway's reports."""

    def __init__(self) -> None:
        self.scenario = Scenario(gateway="simulator")
        self.flight_id: UUID = self.scenario.when(BA117).id
        self.id: UUID = self.scenario.when(InitiateBooking(self.flight_id, "alice", 2)).id

    @property
    def booking(self) -> Booking:
        return self.scenario.bookings[self.id]

    @property
    def status(self) -> tuple[Status, PaymentStatus, GatewayTask | None]:
        payment = self.booking.current_payment
        return self.booking.status, payment.status, payment.task

    def pay(self, capture: Capture = Capture.AUTOMATIC) -> None:
        self.scenario.when(PayBooking(self.id, "alice", COST, capture, "pm_card_visa"))

    def report(self, outcome: PaymentOutcome, code: str | None = None) -> list[str]:
        payment_id = self.booking.current_payment.id
        self.scenario.when(RecordPayment(self.id, payment_id, outcome, "pi_1", code), SYSTEM)
        return [topic.removeprefix("booking.") for topic in self.scenario.events]

    def sell_the_seats(self) -> None:
        assert isinstance(self.scenario.when(InitiateBooking(self.flight_id, "bob", 1)), Booking)
