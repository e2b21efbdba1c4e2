"""A departure ends holds, payments and cancellations by clients; an operator decides what is left."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from domain.commands.bookings import (
    CancelBooking,
    InitiateBooking,
    RecordFlown,
    RecordNoShow,
    ReduceSeats,
    RefundAmount,
)
from domain.commands.flights import CancelFlight, ChangeFlightSeats, DepartFlight
from domain.commands.payments import CapturePayment, PayBooking
from domain.commands.waiting import JoinWaitlist
from domain.flight import FlightStatus
from domain.money import Money
from domain.passengers import Travel
from domain.payments import Capture
from domain.refusals.flights import DepartureInPast, FlightDeparted, FlightNotBookable
from domain.refusals.refunds import RefundNotStated, RefundTooLarge
from domain.waiting import WaitingStatus
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, NOON, Scenario

COST = Money(450_00, "GBP")
DAY = timedelta(days=1)


@pytest.fixture
def soon(scenario: Scenario) -> UUID:
    """A flight that departs in three minutes, before a hold of now would end."""
    departs = NOON + timedelta(minutes=3)
    flight = scenario.when(
        msgspec.structs.replace(BA117, departs_at=departs, arrives_at=departs + timedelta(hours=8))
    )
    return flight.id  # type: ignore[no-any-return]


def hold(scenario: Scenario, flight_id: UUID) -> UUID:
    return scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE).id  # type: ignore[no-any-return]


def pay(scenario: Scenario, booking: UUID, capture: Capture = Capture.AUTOMATIC) -> Booking:
    return scenario.when(PayBooking(booking, "alice", COST, capture), ALICE)  # type: ignore[no-any-return]


def test_no_hold_and_no_authorised_payment_outlasts_the_departure(scenario: Scenario, soon: UUID) -> None:
    departure = scenario.flights[soon].departs_at
    booking = hold(scenario, soon)
    assert scenario.bookings[booking].expires_at == departure
    assert pay(scenario, booking, Capture.MANUAL).held_until == departure


def test_no_offer_outlasts_the_departure(scenario: Scenario, soon: UUID) -> None:
    first = scenario.when(InitiateBooking(soon, "alice", 2), ALICE).id
    scenario.when(JoinWaitlist(soon, "bob", 1), BOB)
    scenario.when(CancelBooking(first), ALICE)
    (party,) = scenario.parties.values()
    assert party.offer_expires_at == scenario.flights[soon].departs_at


def test_a_payment_is_refused_from_the_departure_on_swept_or_not(scenario: Scenario, soon: UUID) -> None:
    booking = hold(scenario, soon)
    scenario.later(minutes=2, seconds=59, microseconds=999_999)
    assert pay(scenario, hold(scenario, soon)).paid == COST
    scenario.later(microseconds=1)
    pay(scenario, booking)
    scenario.then_refused(FlightDeparted, flight_id=soon)


def test_late_money_for_a_departed_flight_is_owed_back(scenario: Scenario, soon: UUID) -> None:
    booking = hold(scenario, soon)
    pay(scenario, booking, Capture.MANUAL)
    scenario.later(minutes=3).when(CapturePayment(booking))
    assert scenario.events == ["booking.cancelled", "booking.refund_due"]
    assert [refund.amount for refund in scenario.bookings[booking].refunds.values()] == [COST]


def test_a_hold_of_an_earlier_release_that_outlasts_its_flight_takes_no_money(
    scenario: Scenario, soon: UUID
) -> None:
    booking, pending = hold(scenario, soon), hold(scenario, soon)
    pay(scenario, pending, Capture.MANUAL)
    for one in scenario.bookings.values():
        one.expires_at = NOON + DAY
        if one.payment:
            one.payment = msgspec.structs.replace(one.payment, capture_before=NOON + DAY)
    scenario.later(minutes=3)
    pay(scenario, booking)
    scenario.then_refused(FlightDeparted)
    scenario.when(CapturePayment(pending))
    assert scenario.events == ["booking.cancelled", "booking.refund_due"]


def test_a_recorded_departure_ends_holds_and_payments_and_closes_the_waiting_list(
    scenario: Scenario, flight_id: UUID
) -> None:
    held, pending = hold(scenario, flight_id), hold(scenario, flight_id)
    pay(scenario, pending, Capture.MANUAL)
    scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    flight = scenario.when(DepartFlight(flight_id))
    # The answer shows the flight, and the commands of the ledger itself follow.
    assert scenario.events == [
        "flight.departed",
        "booking.cancelled",
        "booking.cancelled",
        "waiting.closed",
    ]
    departed = scenario.flights[flight_id]
    assert (departed.departed_at, departed.status(NOON)) == (NOON, FlightStatus.DEPARTED)
    scenario.then_seats(flight_id, held=0, booked=0)
    assert [party.status for party in scenario.parties.values()] == [WaitingStatus.CLOSED]
    pay(scenario, held)
    scenario.then_refused(FlightDeparted)
    scenario.when(CapturePayment(pending))
    assert "booking.refund_due" in scenario.events
    scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.then_refused(FlightNotBookable)
    scenario.when(DepartFlight(flight_id))
    scenario.then_refused(FlightDeparted)
    assert flight is not None


def test_a_client_neither_cancels_nor_gives_seats_back_after_the_departure(
    scenario: Scenario, flight_id: UUID
) -> None:
    booking = scenario.when(InitiateBooking(flight_id, "alice", 2), ALICE).id
    scenario.when(PayBooking(booking, "alice", Money(900_00, "GBP")), ALICE)
    scenario.later(days=1)
    for command in (CancelBooking(booking), ReduceSeats(booking, 1)):
        scenario.when(command, ALICE)
        scenario.then_refused(FlightDeparted, flight_id=flight_id)


@pytest.mark.parametrize(
    ("stated", "amount"),
    [("full", 450_00), ("none", 0), (RefundAmount(120_00), 120_00), (RefundAmount(0, "GBP"), 0)],
)
def test_an_operator_states_the_refund_after_the_departure(
    scenario: Scenario, flight_id: UUID, stated: object, amount: int
) -> None:
    booking = hold(scenario, flight_id)
    pay(scenario, booking)
    scenario.later(days=1).when(CancelBooking(booking, "missed"))
    scenario.then_refused(RefundNotStated, paid=COST)
    scenario.when(CancelBooking(booking, "missed", stated))  # type: ignore[arg-type]
    refunds = scenario.bookings[booking].refunds.values()
    assert sum(refund.amount.amount for refund in refunds) == amount
    assert len(refunds) == bool(amount)
    assert f'"refund":{{"amount":{amount},"currency":"GBP"}}' in scenario.recorded[0].state


@pytest.mark.parametrize("stated", [RefundAmount(450_01), RefundAmount(1, "EUR")])
def test_a_refund_is_at_most_what_was_paid(scenario: Scenario, flight_id: UUID, stated: RefundAmount) -> None:
    booking = hold(scenario, flight_id)
    pay(scenario, booking)
    scenario.later(days=1).when(CancelBooking(booking, "missed", stated))
    scenario.then_refused(RefundTooLarge, paid=COST)


def test_a_late_flight_changes_until_it_departs_or_a_day_has_passed(
    scenario: Scenario, flight_id: UUID
) -> None:
    scenario.later(days=2, microseconds=-1)
    assert scenario.when(ChangeFlightSeats(flight_id, 9)).seats == 9
    scenario.later(microseconds=1)
    for command in (ChangeFlightSeats(flight_id, 8), CancelFlight(flight_id, "fog")):
        scenario.when(command)
        scenario.then_refused(FlightDeparted, flight_id=flight_id)


def test_a_late_flight_is_cancelled_with_its_bookings(scenario: Scenario, flight_id: UUID) -> None:
    pay(scenario, hold(scenario, flight_id))
    scenario.later(days=1, hours=3).when(CancelFlight(flight_id, "fog"))
    assert scenario.events == ["flight.cancelled", "booking.cancelled", "booking.refund_due"]
    scenario.when(DepartFlight(flight_id))
    scenario.then_refused(FlightNotBookable)


def test_a_departed_flight_does_not_change(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(DepartFlight(flight_id))
    for command in (ChangeFlightSeats(flight_id, 8), CancelFlight(flight_id, "fog")):
        scenario.when(command)
        scenario.then_refused(FlightDeparted)


def test_travel_is_recorded_after_the_departure_and_can_be_corrected(
    scenario: Scenario, flight_id: UUID
) -> None:
    booking = hold(scenario, flight_id)
    pay(scenario, booking)
    scenario.when(DepartFlight(flight_id))
    assert scenario.when(RecordNoShow(booking)).travel is Travel.NO_SHOW
    assert scenario.when(RecordFlown(booking)).travel is Travel.FLOWN
    scenario.then_seats(flight_id, held=0, booked=1)


def test_a_flight_in_the_past_needs_backfill(scenario: Scenario) -> None:
    past = msgspec.structs.replace(BA117, departs_at=NOON, arrives_at=NOON + DAY)
    for flight in (past, msgspec.structs.replace(past, backfill=False)):
        scenario.when(flight)
        scenario.then_refused(DepartureInPast)
    flight = scenario.when(msgspec.structs.replace(past, backfill=True))
    assert flight.status(NOON) is FlightStatus.DEPARTED
