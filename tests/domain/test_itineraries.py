"""Scenarios about itineraries: held together, paid together, and late together."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.fields import Price
from domain.commands.flights import CancelFlight, ChangeOverbooking
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
    VoidItinerary,
)
from domain.commands.payments import CapturePayment, PayBooking, VoidPayment
from domain.commands.waiting import JoinWaitlist
from domain.itinerary import Itinerary
from domain.money import AMOUNT_MAX, Money
from domain.payments import Capture, PaymentStatus
from domain.refusals.bookings import BookingCancelled, BookingNotFound, HoldExpired, TotalTooLarge
from domain.refusals.flights import FlightNotFound, NotEnoughSeats
from domain.refusals.itineraries import BookingInItinerary, CurrenciesMixed, ItineraryNotFound
from domain.refusals.payments import AlreadyPaid, PaymentInProgress, PaymentNotPending, PriceMismatch
from domain.refusals.requests import NotYourAccount, StaleVersion
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, HOLD, Scenario

BACK = msgspec.structs.replace(BA117, number="BA118", origin="JFK", destination="LHR", seats=3)
COST = Money(4 * 450_00, "GBP")


@pytest.fixture
def back_id(scenario: Scenario) -> UUID:
    """BA118 with three seats."""
    return scenario.when(BACK).id  # type: ignore[no-any-return]


@pytest.fixture
def trip(scenario: Scenario, flight_id: UUID, back_id: UUID) -> Itinerary:
    """Alice holds two seats on both flights."""
    return scenario.when(round_trip(flight_id, back_id), ALICE)  # type: ignore[no-any-return]


def round_trip(*flights: UUID, seats: int = 2) -> InitiateItinerary:
    return InitiateItinerary("alice", tuple(ItineraryBooking(flight, seats) for flight in flights))


def statuses(trip: Itinerary) -> list[Status]:
    return [booking.status for booking in trip.bookings]


def pay(trip: Itinerary, capture: Capture = Capture.AUTOMATIC) -> PayItinerary:
    return PayItinerary(trip.id, "alice", COST, capture)


def test_an_itinerary_holds_seats_on_all_its_flights_until_one_time(
    scenario: Scenario, trip: Itinerary, flight_id: UUID, back_id: UUID
) -> None:
    assert [booking.flight_id for booking in trip.bookings] == [flight_id, back_id]
    assert {booking.expires_at for booking in trip.bookings} == {scenario.now + HOLD}
    assert {booking.itinerary_id for booking in trip.bookings} == {trip.id}
    assert (trip.total_cost, trip.version) == (COST, 1)
    assert scenario.events == ["booking.initiated", "booking.initiated"]
    assert [(one.causation_id, one.ordinal) for one in scenario.recorded] == [
        (scenario.recorded[0].causation_id, 1),
        (scenario.recorded[0].causation_id, 2),
    ]
    scenario.then_seats(flight_id, held=2, booked=0)
    scenario.then_seats(back_id, held=2, booked=0)


def test_no_flight_is_held_if_one_refuses(scenario: Scenario, flight_id: UUID, back_id: UUID) -> None:
    scenario.when(InitiateBooking(back_id, "bob", 2), BOB)
    scenario.when(round_trip(flight_id, back_id), ALICE)
    scenario.then_refused(NotEnoughSeats, flight_id=back_id, asked=2, free=1)
    scenario.then_seats(flight_id, held=0, booked=0)
    scenario.then_seats(back_id, held=2, booked=0)


def test_the_first_flight_that_refuses_is_named(scenario: Scenario, flight_id: UUID, back_id: UUID) -> None:
    scenario.when(CancelFlight(back_id, "fog"))
    scenario.when(round_trip(back_id, flight_id, seats=9), ALICE)
    assert scenario.decision.facts["flight_id"] == back_id
    unknown = uuid4()
    scenario.when(round_trip(flight_id, unknown), ALICE)
    scenario.then_refused(FlightNotFound, flight_id=unknown)


def test_two_bookings_of_one_flight_need_the_seats_of_both(scenario: Scenario, back_id: UUID) -> None:
    scenario.when(round_trip(back_id, back_id), ALICE)
    scenario.then_refused(NotEnoughSeats, flight_id=back_id, asked=4, free=3)
    both = scenario.when(round_trip(back_id, back_id, seats=1), ALICE)
    assert len(both.bookings) == 2
    scenario.then_seats(back_id, held=2, booked=0)


def test_an_itinerary_has_one_currency(scenario: Scenario, flight_id: UUID) -> None:
    euros = scenario.when(msgspec.structs.replace(BACK, price=Price(100, "EUR"))).id
    scenario.when(round_trip(flight_id, euros), ALICE)
    scenario.then_refused(CurrenciesMixed, currencies=["EUR", "GBP"])
    scenario.then_seats(flight_id, held=0, booked=0)


def test_the_total_is_an_amount_that_can_be_recorded(scenario: Scenario, flight_id: UUID) -> None:
    dear = scenario.when(msgspec.structs.replace(BACK, price=Price(AMOUNT_MAX, "GBP"))).id
    scenario.when(round_trip(flight_id, dear, seats=1), ALICE)
    scenario.then_refused(TotalTooLarge)
    scenario.when(round_trip(flight_id, dear, seats=2), ALICE)
    scenario.then_refused(TotalTooLarge, flight_id=dear)


def test_a_client_makes_itineraries_for_itself_only(
    scenario: Scenario, flight_id: UUID, back_id: UUID
) -> None:
    scenario.when(round_trip(flight_id, back_id), BOB)
    scenario.then_refused(NotYourAccount)


def test_one_payment_books_all(scenario: Scenario, trip: Itinerary, flight_id: UUID, back_id: UUID) -> None:
    paid = scenario.when(pay(trip), ALICE)
    assert statuses(paid) == [Status.BOOKED, Status.BOOKED]
    assert len({booking.payment.id for booking in paid.bookings}) == 1
    assert paid.payment.amount == COST
    assert scenario.events == ["booking.payment_pending", "booking.booked"] * 2
    assert {event.causation_id for event in scenario.recorded} == {scenario.recorded[0].causation_id}
    assert [event.ordinal for event in scenario.recorded] == [1, 2, 3, 4]
    scenario.then_seats(flight_id, held=0, booked=2)
    scenario.then_seats(back_id, held=0, booked=2)


def test_a_payment_is_checked_as_that_of_a_booking_is(scenario: Scenario, trip: Itinerary) -> None:
    scenario.when(PayItinerary(uuid4(), "alice", COST), ALICE)
    scenario.then_refused(ItineraryNotFound)
    scenario.when(PayItinerary(trip.id, "bob", COST), BOB)
    scenario.then_refused(ItineraryNotFound, itinerary_id=trip.id)
    scenario.when(PayItinerary(trip.id, "bob", COST))
    scenario.then_refused(ItineraryNotFound, itinerary_id=trip.id)
    scenario.when(PayItinerary(trip.id, "alice", Money(1, "GBP")), ALICE)
    scenario.then_refused(PriceMismatch, expected=COST)
    scenario.when(PayItinerary(trip.id, "alice", COST), ALICE, expected_versions=(7,))
    scenario.then_refused(StaleVersion, version=1)
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    scenario.when(pay(trip), ALICE)
    scenario.then_refused(PaymentInProgress)
    scenario.when(CaptureItinerary(trip.id))
    scenario.when(pay(trip), ALICE)
    scenario.then_refused(AlreadyPaid)


def test_no_booking_of_it_is_paid_once_one_hold_has_expired(scenario: Scenario, trip: Itinerary) -> None:
    scenario.later(minutes=5).when(ExpireHold(trip.bookings[1].id))
    scenario.when(pay(trip), ALICE)
    scenario.then_refused(HoldExpired, booking_id=trip.bookings[1].id)
    assert statuses(trip) == [Status.INITIATED, Status.CANCELLED]


@pytest.mark.parametrize("command", [PayBooking, CapturePayment, VoidPayment])
def test_a_booking_of_it_has_no_payment_of_its_own(
    scenario: Scenario, trip: Itinerary, command: type[Command]
) -> None:
    id = trip.bookings[0].id
    arguments = {PayBooking: ("alice", Money(900_00, "GBP")), VoidPayment: ("declined",)}.get(command, ())
    scenario.when(command(id, *arguments))  # type: ignore[call-arg]
    scenario.then_refused(BookingInItinerary, booking_id=id, itinerary_id=trip.id)


def test_an_authorised_itinerary_is_captured_as_a_whole(scenario: Scenario, trip: Itinerary) -> None:
    pending = scenario.when(pay(trip, Capture.MANUAL), ALICE)
    assert statuses(pending) == [Status.PENDING, Status.PENDING]
    captured = scenario.when(CaptureItinerary(trip.id))
    assert statuses(captured) == [Status.BOOKED, Status.BOOKED]
    scenario.when(CaptureItinerary(trip.id))
    scenario.then_refused(AlreadyPaid)


def test_an_authorised_itinerary_is_voided_as_a_whole(scenario: Scenario, trip: Itinerary) -> None:
    scenario.when(VoidItinerary(trip.id, "declined"))
    scenario.then_refused(PaymentNotPending)
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    voided = scenario.when(VoidItinerary(trip.id, "declined"))
    assert statuses(voided) == [Status.INITIATED, Status.INITIATED]
    scenario.when(CaptureItinerary(trip.id))
    scenario.then_refused(PaymentNotPending)
    assert statuses(scenario.when(pay(trip), ALICE)) == [Status.BOOKED, Status.BOOKED]


def test_a_late_capture_seats_all_again(scenario: Scenario, trip: Itinerary) -> None:
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    scenario.later(minutes=15).when(ExpireHold(trip.bookings[0].id))
    captured = scenario.when(CaptureItinerary(trip.id))
    assert statuses(captured) == [Status.BOOKED, Status.BOOKED]
    assert scenario.events.count("booking.reseated") == 2


def test_a_late_capture_seats_none_if_one_flight_is_sold_out(
    scenario: Scenario, trip: Itinerary, flight_id: UUID, back_id: UUID
) -> None:
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    scenario.later(minutes=15).when(InitiateBooking(flight_id, "bob", 1), BOB)
    late = scenario.when(CaptureItinerary(trip.id))
    assert statuses(late) == [Status.CANCELLED, Status.CANCELLED]
    assert scenario.events.count("booking.refund_due") == 2
    assert (
        sum(refund.amount.amount for one in late.bookings for refund in one.refunds.values()) == COST.amount
    )
    scenario.then_seats(flight_id, held=1, booked=0)
    scenario.then_seats(back_id, held=0, booked=0)


def test_late_money_for_seats_of_one_flight_twice_needs_them_all(scenario: Scenario, back_id: UUID) -> None:
    trip = scenario.when(round_trip(back_id, back_id, seats=1), ALICE)
    scenario.when(PayItinerary(trip.id, "alice", trip.total_cost, Capture.MANUAL), ALICE)
    scenario.later(minutes=15).when(InitiateBooking(back_id, "bob", 2), BOB)
    assert statuses(trip).count(Status.CANCELLED) == 1
    late = scenario.when(CaptureItinerary(trip.id))
    assert statuses(late) == [Status.CANCELLED, Status.CANCELLED]
    assert scenario.events.count("booking.refund_due") == 2


def test_the_share_of_a_booking_cancelled_meanwhile_is_a_refund_due(
    scenario: Scenario, trip: Itinerary
) -> None:
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    scenario.when(CancelBooking(trip.bookings[0].id), ALICE)
    captured = scenario.when(CaptureItinerary(trip.id))
    assert statuses(captured) == [Status.CANCELLED, Status.BOOKED]
    [refund] = captured.bookings[0].refunds.values()
    assert refund.amount == Money(900_00, "GBP")


def test_a_void_releases_the_share_of_a_booking_cancelled_meanwhile(
    scenario: Scenario, trip: Itinerary
) -> None:
    scenario.when(pay(trip, Capture.MANUAL), ALICE)
    scenario.when(CancelBooking(trip.bookings[0].id), ALICE)
    voided = scenario.when(VoidItinerary(trip.id, "declined"))
    assert statuses(voided) == [Status.CANCELLED, Status.INITIATED]
    assert {booking.payment.status for booking in voided.bookings} == {PaymentStatus.VOIDED}
    scenario.when(CaptureItinerary(trip.id))
    scenario.then_refused(PaymentNotPending)


def test_cancelling_a_paid_itinerary_owes_each_booking_its_share(scenario: Scenario, trip: Itinerary) -> None:
    scenario.when(pay(trip), ALICE)
    cancelled = scenario.when(CancelItinerary(trip.id), ALICE)
    assert statuses(cancelled) == [Status.CANCELLED, Status.CANCELLED]
    assert [one.amount for booking in cancelled.bookings for one in booking.refunds.values()] == [
        Money(900_00, "GBP")
    ] * 2
    scenario.when(CancelItinerary(trip.id), ALICE)
    scenario.then_refused(BookingCancelled)


def test_a_part_of_an_itinerary_is_cancelled(scenario: Scenario, trip: Itinerary) -> None:
    first, second = (booking.id for booking in trip.bookings)
    scenario.when(pay(trip), ALICE)
    part = scenario.when(CancelItinerary(trip.id, booking_ids=(second,)), ALICE)
    assert statuses(part) == [Status.BOOKED, Status.CANCELLED]
    assert part.total_cost == Money(900_00, "GBP")
    scenario.when(CancelItinerary(trip.id, booking_ids=(first, second)), ALICE)
    scenario.then_refused(BookingCancelled, booking_id=second)
    scenario.when(CancelItinerary(trip.id, booking_ids=(uuid4(),)), ALICE)
    scenario.then_refused(BookingNotFound)
    scenario.when(CancelItinerary(trip.id), BOB)
    scenario.then_refused(ItineraryNotFound)
    rest = scenario.when(CancelItinerary(trip.id), ALICE)
    assert statuses(rest) == [Status.CANCELLED, Status.CANCELLED]


def test_what_is_left_of_an_unpaid_itinerary_is_paid_alone(scenario: Scenario, trip: Itinerary) -> None:
    scenario.when(CancelBooking(trip.bookings[0].id), ALICE)
    scenario.when(ReduceSeats(trip.bookings[1].id, 1), ALICE)
    paid = scenario.when(PayItinerary(trip.id, "alice", Money(450_00, "GBP")), ALICE)
    assert statuses(paid) == [Status.CANCELLED, Status.BOOKED]


def test_a_cancelled_flight_ends_its_booking_and_leaves_the_others(
    scenario: Scenario, trip: Itinerary, flight_id: UUID
) -> None:
    scenario.when(pay(trip), ALICE)
    scenario.when(CancelFlight(flight_id, "fog"))
    assert statuses(trip) == [Status.CANCELLED, Status.BOOKED]
    assert trip.bookings[0].cancel_reason is CancelReason.FLIGHT_CANCELLED


def test_due_holds_make_room_on_every_flight(
    scenario: Scenario, alices: UUID, flight_id: UUID, back_id: UUID
) -> None:
    scenario.later(minutes=5)
    assert isinstance(scenario.when(round_trip(flight_id, back_id), ALICE), Itinerary)
    assert scenario.bookings[alices].status is Status.CANCELLED


def test_waiting_parties_come_before_an_itinerary_and_get_its_seats(
    scenario: Scenario, trip: Itinerary, flight_id: UUID, back_id: UUID
) -> None:
    scenario.when(JoinWaitlist(flight_id, "bob", 2), BOB)
    scenario.when(CancelItinerary(trip.id), ALICE)
    offered = next(one for one in scenario.bookings.values() if one.user_id == "bob")
    assert (offered.flight_id, offered.status) == (flight_id, Status.INITIATED)
    scenario.when(round_trip(flight_id, back_id), ALICE)
    scenario.then_refused(NotEnoughSeats, flight_id=flight_id, free=0)


def test_a_repeated_key_gives_the_first_outcome(scenario: Scenario, flight_id: UUID, back_id: UUID) -> None:
    scenario.when(round_trip(flight_id, back_id, seats=1), ALICE, key="k1")
    block = scenario.block([round_trip(flight_id, back_id, seats=1)], ALICE, key="k1")
    assert block.events == []
    scenario.then_seats(flight_id, held=1, booked=0)


def test_the_version_counts_the_events_of_all_bookings(scenario: Scenario, trip: Itinerary) -> None:
    assert scenario.when(pay(trip), ALICE).version == 5
    scenario.when(CancelBooking(trip.bookings[0].id), ALICE)
    assert trip.version == 7
    assert all(isinstance(booking, Booking) for booking in trip.bookings)


def test_holds_last_as_long_as_those_of_bookings(scenario: Scenario, trip: Itinerary) -> None:
    scenario.now += HOLD - timedelta(microseconds=1)
    assert isinstance(scenario.when(pay(trip), ALICE), Itinerary)


def test_a_due_hold_of_an_itinerary_that_makes_room_for_another_one_of_it_is_seated_again_too(
    scenario: Scenario, flight_id: UUID
) -> None:
    parts = (ItineraryBooking(flight_id, 1), ItineraryBooking(flight_id, 1))
    itinerary = scenario.when(InitiateItinerary("alice", parts), ALICE)
    cost = Money(900_00, "GBP")
    scenario.when(PayItinerary(itinerary.id, "alice", cost, Capture.MANUAL), ALICE)
    scenario.when(ChangeOverbooking(flight_id, 1, "some never appear"))
    scenario.later(minutes=14).when(InitiateBooking(flight_id, "bob", 1), BOB)
    # All holds are due: the newcomer's place is that of the first, and the second makes room for the first.
    scenario.later(minutes=6)
    scenario.when(InitiateBooking(flight_id, "carol", 1))
    scenario.when(CaptureItinerary(itinerary.id))
    assert [one.status for one in itinerary.bookings] == [Status.BOOKED, Status.BOOKED]
