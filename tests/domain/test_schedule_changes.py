"""Other times of a flight: what each live booking is told, and what ends with the new departure."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from domain.booking_state import Status
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    InitiateBooking,
    RecordFlown,
)
from domain.commands.flights import CancelFlight, DepartFlight, RetimeFlight
from domain.commands.itineraries import InitiateItinerary, ItineraryBooking, PayItinerary
from domain.commands.payments import PayBooking
from domain.commands.waiting import JoinWaitlist
from domain.flight import FlightStatus
from domain.money import Money
from domain.payments import Capture
from domain.refusals.bookings import BookingCancelled, BookingNotFound, HoldExpired, NoScheduleChange
from domain.refusals.flights import (
    DepartureInPast,
    FlightAlreadyScheduled,
    FlightDeparted,
    FlightNotBookable,
    TimesUnchanged,
)
from domain.refusals.requests import StaleVersion
from domain.schedule import Times
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, HOLD, NOON, Scenario

COST = Money(450_00, "GBP")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WAS = Times(BA117.departs_at, BA117.arrives_at)


def hold(scenario: Scenario, flight_id: UUID, seats: int = 1) -> UUID:
    return scenario.when(InitiateBooking(flight_id, "alice", seats), ALICE).id  # type: ignore[no-any-return]


def pay(scenario: Scenario, booking: UUID, capture: Capture = Capture.AUTOMATIC) -> Booking:
    return scenario.when(PayBooking(booking, "alice", COST, capture), ALICE)  # type: ignore[no-any-return]


def moved(times: Times, shift: timedelta) -> Times:
    return Times(times.departs_at + shift, times.arrives_at + shift)


def retime(scenario: Scenario, flight_id: UUID, shift: timedelta, **submission: Any) -> Any:
    """Give the flight the times of its schedule, moved by a duration."""
    times = moved(WAS, shift)
    command = RetimeFlight(flight_id, times.departs_at, times.arrives_at, "fog")
    return scenario.when(command, **submission)


@pytest.fixture
def soon(scenario: Scenario) -> UUID:
    """A flight that departs in three minutes, before a hold of now would end."""
    departs = NOON + 3 * MINUTE
    flight = scenario.when(
        msgspec.structs.replace(BA117, number="BA3", departs_at=departs, arrives_at=departs + HOUR)
    )
    return flight.id  # type: ignore[no-any-return]


def retime_to(scenario: Scenario, flight_id: UUID, departure: Any) -> Any:
    return scenario.when(RetimeFlight(flight_id, departure, departure + HOUR, "late crew"))


def test_every_live_booking_is_told_of_the_new_times(scenario: Scenario, flight_id: UUID) -> None:
    booked, held = hold(scenario, flight_id), hold(scenario, flight_id)
    pay(scenario, booked)
    result = retime(scenario, flight_id, 2 * HOUR)
    assert scenario.events == ["flight.retimed", "booking.schedule_changed", "booking.schedule_changed"]
    assert [event.ordinal for event in scenario.recorded] == [1, 2, 3]
    assert result.flight.times == moved(WAS, 2 * HOUR)
    for id in (booked, held):
        change = scenario.bookings[id].schedule_change
        assert change is not None
        assert (change.was, change.now) == (WAS, moved(WAS, 2 * HOUR))


def test_an_answer_is_due_in_the_window_and_before_the_departure(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    retime(scenario, flight_id, timedelta(days=30))
    assert booking.schedule_change is not None
    assert booking.schedule_change.accept_before == NOON + scenario.terms.answer_window
    retime(scenario, flight_id, 2 * HOUR)
    assert booking.schedule_change.accept_before == WAS.departs_at + 2 * HOUR


@pytest.mark.parametrize(("minutes", "asked"), [(59, False), (60, True), (-59, False), (-60, True)])
def test_a_small_change_needs_no_answer(
    scenario: Scenario, flight_id: UUID, minutes: int, asked: bool
) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    retime(scenario, flight_id, minutes * MINUTE)
    assert (booking.schedule_change is not None) == asked


def test_a_later_arrival_alone_is_a_change(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    scenario.when(RetimeFlight(flight_id, WAS.departs_at, WAS.arrives_at + HOUR, "headwind"))
    assert booking.schedule_change is not None


def test_small_changes_add_up_until_the_customer_is_asked(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    retime(scenario, flight_id, 40 * MINUTE)
    assert booking.schedule_change is None
    retime(scenario, flight_id, 80 * MINUTE)
    assert booking.schedule_change is not None
    assert booking.schedule_change.was == WAS


def test_a_change_that_is_taken_back_needs_no_answer(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    retime(scenario, flight_id, 3 * HOUR)
    retime(scenario, flight_id, timedelta())
    assert booking.schedule_change is None
    assert retime(scenario, flight_id, 3 * HOUR).bookings == [booking]
    assert booking.schedule_change is not None


def test_a_booking_made_after_the_change_is_not_asked(scenario: Scenario, flight_id: UUID) -> None:
    retime(scenario, flight_id, 3 * HOUR)
    booking = scenario.bookings[hold(scenario, flight_id)]
    retime(scenario, flight_id, 3.5 * HOUR)
    assert booking.schedule_change is None


def test_accepted_times_are_those_of_the_next_change(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    pay(scenario, booking.id)
    retime(scenario, flight_id, 2 * HOUR)
    scenario.when(AcceptChange(booking.id), ALICE)
    assert scenario.events == ["booking.schedule_accepted"]
    assert booking.schedule_change is None
    retime(scenario, flight_id, 4 * HOUR)
    assert booking.schedule_change is not None
    assert booking.schedule_change.was == moved(WAS, 2 * HOUR)


def test_without_an_answer_the_booking_stays_valid(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    pay(scenario, booking.id)
    retime(scenario, flight_id, timedelta(days=30))
    scenario.later(days=8)
    assert booking.status is Status.BOOKED
    scenario.when(AcceptChange(booking.id), ALICE)
    assert booking.schedule_change is None


def test_only_the_caller_of_the_booking_accepts_once(scenario: Scenario, flight_id: UUID) -> None:
    booking = hold(scenario, flight_id)
    scenario.when(AcceptChange(booking), ALICE)
    scenario.then_refused(NoScheduleChange, booking_id=booking)
    retime(scenario, flight_id, 2 * HOUR)
    scenario.when(AcceptChange(booking), BOB)
    scenario.then_refused(BookingNotFound)
    scenario.when(AcceptChange(booking), ALICE, expected_versions=(1,))
    scenario.then_refused(StaleVersion, version=2)
    scenario.when(AcceptChange(booking), ALICE, expected_versions=(2,))
    scenario.when(AcceptChange(booking), ALICE)
    scenario.then_refused(NoScheduleChange)


def test_an_ended_booking_accepts_nothing(scenario: Scenario, flight_id: UUID) -> None:
    cancelled, expired = hold(scenario, flight_id), hold(scenario, flight_id)
    retime(scenario, flight_id, 2 * HOUR)
    scenario.when(CancelBooking(cancelled), ALICE)
    assert scenario.bookings[cancelled].schedule_change is None
    scenario.when(AcceptChange(cancelled), ALICE)
    scenario.then_refused(BookingCancelled)
    scenario.later(minutes=5)
    scenario.when(AcceptChange(expired), ALICE)
    scenario.then_refused(HoldExpired)


def test_a_customer_who_does_not_accept_gets_all_money_back(scenario: Scenario, flight_id: UUID) -> None:
    booking = hold(scenario, flight_id)
    pay(scenario, booking)
    retime(scenario, flight_id, 2 * HOUR)
    scenario.when(CancelBooking(booking), ALICE)
    assert [refund.amount for refund in scenario.bookings[booking].refunds.values()] == [COST]


def test_a_hold_ends_with_the_new_departure(scenario: Scenario, soon: UUID) -> None:
    booking = scenario.bookings[hold(scenario, soon)]
    retime_to(scenario, soon, NOON + 2 * MINUTE)
    assert booking.expires_at == NOON + 2 * MINUTE
    retime_to(scenario, soon, NOON + 4 * MINUTE)
    assert booking.expires_at == NOON + 4 * MINUTE
    retime_to(scenario, soon, NOON + HOUR)
    assert booking.expires_at == NOON + HOLD
    retime_to(scenario, soon, NOON + 2 * HOUR)
    assert booking.expires_at == NOON + HOLD


def test_an_authorised_payment_ends_with_the_new_departure(scenario: Scenario, soon: UUID) -> None:
    booking = hold(scenario, soon)
    pay(scenario, booking, Capture.MANUAL)
    for minutes, until in ((2, 2), (10, 10), (60, 15)):
        retime_to(scenario, soon, NOON + minutes * MINUTE)
        assert scenario.bookings[booking].held_until == NOON + until * MINUTE
    assert scenario.bookings[booking].expires_at == NOON + HOLD


def test_a_hold_of_an_itinerary_is_only_shortened(scenario: Scenario, flight_id: UUID, soon: UUID) -> None:
    parts = (ItineraryBooking(flight_id, 1), ItineraryBooking(soon, 1))
    itinerary = scenario.when(InitiateItinerary("alice", parts), ALICE)
    retime_to(scenario, soon, NOON + HOUR)
    assert itinerary.expires_at == NOON + 3 * MINUTE
    retime_to(scenario, soon, NOON + 2 * MINUTE)
    assert itinerary.expires_at == NOON + 2 * MINUTE
    scenario.later(minutes=2)
    scenario.when(PayItinerary(itinerary.id, "alice", Money(900_00, "GBP")), ALICE)
    scenario.then_refused(FlightDeparted)


def test_a_late_flight_is_retimed_and_open_again(scenario: Scenario, soon: UUID) -> None:
    unpaid, paid = hold(scenario, soon), hold(scenario, soon)
    pay(scenario, paid)
    scenario.when(JoinWaitlist(soon, "bob", 1), BOB)
    scenario.later(minutes=3)
    assert scenario.flights[soon].status(scenario.now) is FlightStatus.DEPARTED
    retime_to(scenario, soon, NOON + 3 * HOUR)
    # The hold that ended with the scheduled departure is not brought back; its seat goes to the list.
    assert scenario.events == [
        "booking.cancelled",
        "flight.retimed",
        "booking.schedule_changed",
        "waiting.offered",
        "booking.initiated",
    ]
    assert scenario.bookings[unpaid].status is Status.CANCELLED
    assert scenario.flights[soon].status(scenario.now) is FlightStatus.SCHEDULED


def test_a_flight_is_retimed_until_its_departure_is_recorded_or_a_day_has_passed(
    scenario: Scenario, soon: UUID, flight_id: UUID
) -> None:
    scenario.later(minutes=3, hours=23)
    retime_to(scenario, soon, scenario.now + HOUR)
    scenario.later(hours=25)
    retime_to(scenario, soon, scenario.now + HOUR)
    scenario.then_refused(FlightDeparted)
    scenario.when(DepartFlight(flight_id))
    retime_to(scenario, flight_id, scenario.now + HOUR)
    scenario.then_refused(FlightDeparted)


def test_a_cancelled_flight_and_equal_or_past_times_are_refused(scenario: Scenario, flight_id: UUID) -> None:
    retime(scenario, flight_id, timedelta())
    scenario.then_refused(TimesUnchanged, flight_id=flight_id)
    retime_to(scenario, flight_id, NOON)
    scenario.then_refused(DepartureInPast)
    scenario.when(CancelFlight(flight_id, "Fog"))
    retime(scenario, flight_id, HOUR)
    scenario.then_refused(FlightNotBookable)


def test_a_flight_moves_to_another_day_if_its_number_is_free_there(
    scenario: Scenario, flight_id: UUID
) -> None:
    day = timedelta(days=1)
    next_day = msgspec.structs.replace(
        BA117, departs_at=BA117.departs_at + day, arrives_at=BA117.arrives_at + day
    )
    other = scenario.when(next_day).id
    retime(scenario, flight_id, day)
    scenario.then_refused(FlightAlreadyScheduled, flight_id=other)
    retime(scenario, flight_id, 2 * day)
    assert scenario.flights[flight_id].departure_day == (BA117.departs_at + 2 * day).date()
    assert scenario.when(BA117).id != flight_id


def test_a_booking_that_flew_is_not_asked(scenario: Scenario, soon: UUID) -> None:
    booking = hold(scenario, soon)
    pay(scenario, booking)
    scenario.later(minutes=3)
    scenario.when(RecordFlown(booking))
    retime_to(scenario, soon, NOON + 3 * HOUR)
    assert scenario.events == ["flight.retimed"]
