"""Overbooking: seats sold beyond those of the aircraft, and what is owed to customers without a seat."""

from uuid import UUID

import pytest

from domain.booking import Booking
from domain.booking_state import CancelReason
from domain.commands.bookings import CancelBooking, DenyBoarding, InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ChangeFlightSeats, ChangeOverbooking, DepartFlight
from domain.commands.payments import PayBooking, SettleRefund
from domain.commands.waiting import JoinWaitlist
from domain.money import Money
from domain.payments import PaymentStatus
from domain.refunds import RefundReason
from domain.refusals.flights import FlightDeparted, FlightNotBookable, NotEnoughSeats, SeatsInUse
from domain.refusals.waiting import PartyLargerThanFlight
from tests.domain.scenario import ALICE, BOB, Scenario

COST = Money(450_00, "GBP")


def hold(scenario: Scenario, flight_id: UUID, seats: int = 1) -> Booking:
    return scenario.when(InitiateBooking(flight_id, "alice", seats), ALICE)  # type: ignore[no-any-return]


@pytest.fixture
def paid(scenario: Scenario, flight_id: UUID) -> UUID:
    booking = hold(scenario, flight_id).id
    scenario.when(PayBooking(booking, "alice", COST), ALICE)
    return booking


def test_exactly_the_overbooked_seats_are_sold_beyond_those_of_the_aircraft(
    scenario: Scenario, flight_id: UUID
) -> None:
    hold(scenario, flight_id, 2)
    flight = scenario.when(ChangeOverbooking(flight_id, 1, "no-shows"))
    assert (flight.seats, flight.overbooking) == (2, 1)
    assert scenario.seats[flight_id].free == 1
    hold(scenario, flight_id)
    hold(scenario, flight_id)
    scenario.then_refused(NotEnoughSeats, asked=1, free=0)


def test_overbooking_never_falls_below_the_seats_in_use(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(ChangeOverbooking(flight_id, 2, "no-shows"))
    hold(scenario, flight_id, 3)
    scenario.when(ChangeOverbooking(flight_id, 0, "full"))
    scenario.then_refused(SeatsInUse, in_use=3)
    scenario.when(ChangeFlightSeats(flight_id, 1))
    assert scenario.flights[flight_id].seats == 1
    scenario.when(ChangeOverbooking(flight_id, 1, "full"))
    scenario.then_refused(SeatsInUse, in_use=3)
    # A due hold is free, and expired to make room.
    scenario.later(minutes=5).when(ChangeOverbooking(flight_id, 0, "full"))
    assert scenario.events == ["booking.cancelled", "flight.overbooking_changed"]


def test_more_overbooking_serves_the_waiting_list_at_once(scenario: Scenario, flight_id: UUID) -> None:
    hold(scenario, flight_id, 2)
    scenario.when(JoinWaitlist(flight_id, "bob", 3), BOB)
    scenario.then_refused(PartyLargerThanFlight, seats=2, overbooking=0)
    scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    scenario.when(ChangeOverbooking(flight_id, 1, "no-shows"))
    assert scenario.events == ["flight.overbooking_changed", "waiting.offered", "booking.initiated"]


def test_a_departed_or_cancelled_flight_is_not_overbooked(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(DepartFlight(flight_id))
    scenario.when(ChangeOverbooking(flight_id, 1, "no-shows"))
    scenario.then_refused(FlightDeparted)
    scenario.flights[flight_id].cancelled = True
    scenario.when(ChangeOverbooking(flight_id, 1, "no-shows"))
    scenario.then_refused(FlightNotBookable)


def test_denied_boarding_owes_the_price_and_a_compensation(
    scenario: Scenario, flight_id: UUID, paid: UUID
) -> None:
    booking = scenario.when(DenyBoarding(paid, "came last", Price(250_00, "EUR")))
    assert booking.cancel_reason is CancelReason.DENIED_BOARDING
    price, compensation = booking.refunds.values()
    assert (price.amount, price.reason) == (COST, RefundReason.DENIED_BOARDING)
    assert (compensation.amount, compensation.reason) == (Money(250_00, "EUR"), RefundReason.COMPENSATION)
    scenario.then_seats(flight_id, held=0, booked=0)
    scenario.when(SettleRefund(price.id))
    assert scenario.bookings[paid].current_payment.status is PaymentStatus.REFUND_DUE
    scenario.when(SettleRefund(compensation.id))
    assert scenario.bookings[paid].current_payment.status is PaymentStatus.REFUNDED


def test_a_compensation_is_never_paid_through_the_gateway(scenario: Scenario, paid: UUID) -> None:
    payment = scenario.bookings[paid].current_payment
    scenario.bookings[paid].payment = type(payment)(
        payment.id, payment.amount, payment.capture, None, payment.status, "simulator", "pm", "pi_1"
    )
    booking = scenario.when(DenyBoarding(paid, "came last", Price(250_00, "EUR")))
    assert [refund.gateway for refund in booking.refunds.values()] == ["simulator", None]


def test_boarding_is_denied_after_the_departure_too(scenario: Scenario, flight_id: UUID, paid: UUID) -> None:
    scenario.when(DepartFlight(flight_id))
    scenario.when(DenyBoarding(paid, "no seat left"))
    assert scenario.events == ["booking.cancelled", "booking.refund_due"]


def test_seats_of_a_denied_booking_go_to_the_waiting_list(
    scenario: Scenario, flight_id: UUID, paid: UUID
) -> None:
    other = hold(scenario, flight_id).id
    scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    scenario.when(DenyBoarding(paid, "came last"))
    assert scenario.events[-2:] == ["waiting.offered", "booking.initiated"]
    scenario.when(CancelBooking(other), ALICE)
