"""Scenarios about bookings."""

from uuid import UUID, uuid4

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.caller import Caller, Role
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ChangeFlightSeats, RepriceFlight
from domain.commands.payments import PayBooking
from domain.money import AMOUNT_MAX, Money
from domain.payments import Capture, PaymentStatus
from domain.refusals.bookings import BookingNotFound, HoldExpired, HoldNotDue, TotalTooLarge
from domain.refusals.flights import FlightNotBookable, FlightNotFound, NotEnoughSeats
from domain.refusals.payments import PriceMismatch
from domain.refusals.requests import NotYourAccount, StaleVersion
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, HOLD, OPERATOR, Scenario

COST = Money(900_00, "GBP")


def test_a_hold_takes_seats_at_the_current_price(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    booking = scenario.bookings[alices]
    assert booking.status is Status.INITIATED
    assert booking.total_cost == COST
    assert booking.expires_at == scenario.now + HOLD
    scenario.then_seats(flight_id, held=2, booked=0)


def test_a_seat_is_never_sold_twice(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    scenario.when(InitiateBooking(flight_id, "bob", 1), BOB)
    scenario.then_refused(NotEnoughSeats, asked=1, free=0)
    scenario.then_seats(flight_id, held=2, booked=0)


def test_a_party_gets_all_its_seats_or_none(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(InitiateBooking(flight_id, "bob", 3), BOB)
    scenario.then_refused(NotEnoughSeats, asked=3, free=2)
    scenario.then_seats(flight_id, held=0, booked=0)


def test_automatic_capture_records_pending_and_booked(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.when(PayBooking(alices, "alice", COST), ALICE)
    assert scenario.events == ["booking.payment_pending", "booking.booked"]
    assert scenario.recorded[0].decoded().capture is Capture.AUTOMATIC
    assert scenario.bookings[alices].current_payment.status is PaymentStatus.CAPTURED
    scenario.then_seats(flight_id, held=0, booked=2)


def test_a_due_hold_is_expired_when_its_seats_are_needed(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bobs = scenario.later(minutes=5).when(InitiateBooking(flight_id, "bob", 1), BOB)
    assert isinstance(bobs, Booking)
    assert scenario.events == ["booking.cancelled", "booking.initiated"]
    assert scenario.bookings[alices].cancel_reason is CancelReason.HOLD_EXPIRED
    scenario.then_seats(flight_id, held=1, booked=0)


def test_no_more_due_holds_are_expired_than_seats_are_needed(scenario: Scenario, flight_id: UUID) -> None:
    carols, daves = (
        scenario.later(seconds=1).when(InitiateBooking(flight_id, user, 1)) for user in ("carol", "dave")
    )
    scenario.later(minutes=5).when(InitiateBooking(flight_id, "bob", 1), BOB)
    assert (carols.status, daves.status) == (Status.CANCELLED, Status.INITIATED)
    scenario.then_seats(flight_id, held=2, booked=0)


def test_due_holds_stay_until_their_seats_are_needed(scenario: Scenario, flight_id: UUID) -> None:
    carols = scenario.when(InitiateBooking(flight_id, "carol", 1))
    scenario.later(minutes=5).when(InitiateBooking(flight_id, "bob", 1), BOB)
    assert carols.status is Status.INITIATED
    assert scenario.events == ["booking.initiated"]


def test_a_hold_still_counts_in_its_last_microsecond(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.later(minutes=5, microseconds=-1).when(InitiateBooking(flight_id, "bob", 1), BOB)
    scenario.then_refused(NotEnoughSeats, asked=1, free=0)


def test_a_due_hold_cannot_be_paid_even_without_a_sweep(scenario: Scenario, alices: UUID) -> None:
    scenario.later(minutes=5).when(PayBooking(alices, "alice", COST), ALICE)
    scenario.then_refused(HoldExpired, booking_id=alices)


def test_a_hold_that_is_not_due_cannot_be_expired(scenario: Scenario, alices: UUID) -> None:
    scenario.when(ExpireHold(alices))
    scenario.then_refused(HoldNotDue)


def test_a_premature_sweep_does_not_keep_the_hold_for_ever(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.when(ExpireHold(alices), key=str(alices))
    scenario.later(minutes=5).when(ExpireHold(alices), key=str(alices))
    scenario.then_seats(flight_id, held=0, booked=0)


def test_cancelling_a_paid_booking_makes_a_refund_due(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.when(PayBooking(alices, "alice", COST), ALICE)
    scenario.when(CancelBooking(alices), ALICE)
    assert scenario.events == ["booking.cancelled", "booking.refund_due"]
    assert scenario.bookings[alices].current_payment.status is PaymentStatus.REFUND_DUE
    scenario.then_seats(flight_id, held=0, booked=0)


def test_a_repeated_key_holds_no_further_seats(scenario: Scenario, flight_id: UUID) -> None:
    for _ in range(2):
        scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE, key="k-1")
    scenario.then_seats(flight_id, held=1, booked=0)


def test_the_note_of_a_cancellation_is_recorded_unchanged(scenario: Scenario, alices: UUID) -> None:
    scenario.when(CancelBooking(alices, "the cat is ill"), ALICE)
    assert scenario.recorded[0].decoded().note == "the cat is ill"


def test_another_users_booking_is_not_found(scenario: Scenario, alices: UUID) -> None:
    for command in (CancelBooking(alices), PayBooking(alices, "alice", COST)):
        scenario.when(command, BOB)
        scenario.then_refused(BookingNotFound, booking_id=alices)


def test_a_payment_in_the_name_of_another_user_finds_no_booking(scenario: Scenario, alices: UUID) -> None:
    scenario.when(PayBooking(alices, "bob", COST), OPERATOR)
    scenario.then_refused(BookingNotFound)


def test_a_client_cannot_book_for_another_user(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(InitiateBooking(flight_id, "alice", 1), BOB)
    scenario.then_refused(NotYourAccount)


def test_an_auditor_reads_every_account_and_acts_only_for_its_own() -> None:
    amir = Caller("amir", frozenset({Role.AUDITOR}))
    assert (amir.may_read("alice"), amir.may_act_for("alice")) == (True, False)
    assert amir.may_act_for("amir")
    assert (ALICE.may_read("bob"), ALICE.may_act_for("bob"), ALICE.may_read("alice")) == (False, False, True)
    assert (OPERATOR.may_read("alice"), OPERATOR.may_act_for("alice")) == (True, True)


def test_a_refused_command_for_another_user_does_not_use_up_its_key(
    scenario: Scenario, flight_id: UUID
) -> None:
    scenario.when(InitiateBooking(flight_id, "alice", 1), BOB, key="k-1")
    scenario.when(InitiateBooking(flight_id, "bob", 1), BOB, key="k-1")
    assert isinstance(scenario.decision, Booking)


def test_a_wrong_amount_or_currency_pays_nothing(scenario: Scenario, alices: UUID) -> None:
    for cost in (Money(899_99, "GBP"), Money(900_00, "USD")):
        scenario.when(PayBooking(alices, "alice", cost), ALICE)
        scenario.then_refused(PriceMismatch, expected=COST)


def test_a_command_for_an_older_version_is_refused(scenario: Scenario, alices: UUID) -> None:
    scenario.when(PayBooking(alices, "alice", COST), ALICE)
    for command in (CancelBooking(alices), PayBooking(alices, "alice", COST)):
        for expected in (2, 4):
            scenario.when(command, ALICE, expected_versions=(expected,))
            scenario.then_refused(StaleVersion, expected=expected, version=3)
        for no_match in ((), (2, 4)):
            scenario.when(command, ALICE, expected_versions=no_match)
            scenario.then_refused(StaleVersion, version=3)
    scenario.when(CancelBooking(alices), ALICE, expected_versions=(2, 3))
    assert scenario.bookings[alices].status is Status.CANCELLED


def test_unknown_flights_and_bookings_are_refused(scenario: Scenario) -> None:
    scenario.when(InitiateBooking(uuid4(), "alice", 1), ALICE)
    scenario.then_refused(FlightNotFound)
    scenario.when(CancelBooking(uuid4()), ALICE)
    scenario.then_refused(BookingNotFound)


def test_a_departed_flight_takes_no_bookings(scenario: Scenario, flight_id: UUID) -> None:
    scenario.later(days=1).when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.then_refused(FlightNotBookable)


def test_the_log_contains_only_times_of_the_ledgers_clock(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    price = Price(1_00, "GBP")
    for command in (
        RepriceFlight(flight_id, price),
        ChangeFlightSeats(flight_id, 9),
        InitiateBooking(flight_id, "bob", 1),
        PayBooking(alices, "alice", COST),
        CancelBooking(alices),
    ):
        scenario.later(seconds=1).when(command)
        assert {event.recorded_at for event in scenario.recorded} == {scenario.now}


def test_a_total_beyond_the_largest_amount_is_refused(scenario: Scenario) -> None:
    import msgspec

    dear = msgspec.structs.replace(BA117, price=type(BA117.price)(AMOUNT_MAX, "GBP"))
    flight = scenario.when(dear)
    scenario.when(InitiateBooking(flight.id, "alice", 2), ALICE)
    scenario.then_refused(TotalTooLarge)
