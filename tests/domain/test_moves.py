"""Bookings that are moved to other flights: seats there and here, money, waiting lists and itineraries."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.booking_state import Status
from domain.commands.bookings import CancelBooking, InitiateBooking, MoveBooking, RecordFlown
from domain.commands.fields import Price
from domain.commands.flights import (
    CancelFlight,
    DepartFlight,
    MoveAllBookings,
    RepriceFlight,
    RetimeFlight,
)
from domain.commands.itineraries import InitiateItinerary, ItineraryBooking, PayItinerary
from domain.commands.payments import PayBooking
from domain.commands.waiting import JoinWaitlist
from domain.money import Money
from domain.payments import Capture
from domain.refusals.bookings import (
    AlreadyOnFlight,
    BookingCancelled,
    BookingNotFound,
    CurrencyDiffers,
    HoldExpired,
    TravelAlreadyRecorded,
)
from domain.refusals.flights import FlightDeparted, FlightNotBookable, FlightNotFound, NotEnoughSeats
from domain.refusals.requests import StaleVersion
from domain.waiting import WaitingStatus
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, HOLD, NOON, Scenario

COST = Money(450_00, "GBP")
HOUR = timedelta(hours=1)


def schedule(scenario: Scenario, number: str, seats: int = 2, **changes: Any) -> UUID:
    later = msgspec.structs.replace(
        BA117,
        number=number,
        departs_at=BA117.departs_at + 3 * HOUR,
        arrives_at=BA117.arrives_at + 3 * HOUR,
        seats=seats,
    )
    return scenario.when(msgspec.structs.replace(later, **changes)).id  # type: ignore[no-any-return]


@pytest.fixture
def other(scenario: Scenario) -> UUID:
    """A flight of two seats that leaves three hours later."""
    return schedule(scenario, "BA119")


def hold(scenario: Scenario, flight_id: UUID, seats: int = 1, user: str = "alice") -> UUID:
    return scenario.when(InitiateBooking(flight_id, user, seats)).id  # type: ignore[no-any-return]


def pay(scenario: Scenario, booking: UUID, capture: Capture = Capture.AUTOMATIC) -> UUID:
    cost = scenario.bookings[booking].total_cost
    scenario.when(PayBooking(booking, scenario.bookings[booking].user_id, cost, capture))
    return booking


@pytest.mark.parametrize("capture", [None, Capture.MANUAL, Capture.AUTOMATIC])
def test_a_booking_of_any_live_state_moves_with_its_seats_and_its_money(
    scenario: Scenario, flight_id: UUID, other: UUID, capture: Capture | None
) -> None:
    id = hold(scenario, flight_id)
    if capture:
        pay(scenario, id, capture)
    before = scenario.bookings[id].status
    booking = scenario.when(MoveBooking(id, other))
    assert scenario.events == ["booking.moved"]
    assert (booking.flight_id, booking.status, booking.total_cost) == (other, before, COST)
    paid = before is Status.BOOKED
    scenario.then_seats(flight_id, held=0, booked=0)
    scenario.then_seats(other, held=not paid, booked=paid)


def test_a_move_is_a_change_of_times_that_awaits_an_answer(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    booking = scenario.bookings[pay(scenario, hold(scenario, flight_id))]
    was = scenario.flights[flight_id].times
    scenario.when(MoveBooking(booking.id, other))
    assert booking.schedule_change is not None
    assert (booking.schedule_change.was, booking.schedule_change.now) == (
        was,
        scenario.flights[other].times,
    )
    scenario.when(MoveBooking(booking.id, flight_id))
    assert booking.schedule_change is None


def test_another_route_awaits_an_answer_whatever_the_times(scenario: Scenario, flight_id: UUID) -> None:
    times = {"departs_at": BA117.departs_at, "arrives_at": BA117.arrives_at}
    other = schedule(scenario, "BA175", destination="EWR", **times)
    booking = scenario.bookings[hold(scenario, flight_id)]
    scenario.when(MoveBooking(booking.id, other))
    assert booking.schedule_change is not None


def test_all_that_ends_with_the_departure_ends_with_that_of_the_new_flight(
    scenario: Scenario, flight_id: UUID
) -> None:
    soon = NOON + timedelta(minutes=2)
    other = schedule(scenario, "BA3", departs_at=soon, arrives_at=soon + HOUR)
    held, pending = hold(scenario, flight_id), pay(scenario, hold(scenario, flight_id), Capture.MANUAL)
    for id in (held, pending):
        assert scenario.when(MoveBooking(id, other)).held_until == soon
    assert scenario.when(MoveBooking(held, flight_id)).expires_at == NOON + HOLD


def test_the_flight_must_have_all_seats(scenario: Scenario, flight_id: UUID, other: UUID) -> None:
    id = hold(scenario, flight_id, seats=2)
    hold(scenario, other)
    scenario.when(MoveBooking(id, other))
    scenario.then_refused(NotEnoughSeats, asked=2, free=1, flight_id=other)
    scenario.then_seats(flight_id, held=2, booked=0)
    scenario.then_seats(other, held=1, booked=0)


def test_due_holds_make_room_for_a_moved_booking(scenario: Scenario, flight_id: UUID, other: UUID) -> None:
    due = hold(scenario, other, seats=2)
    scenario.later(minutes=5)
    scenario.when(MoveBooking(hold(scenario, flight_id, seats=2), other))
    assert scenario.events == ["booking.cancelled", "booking.moved"]
    assert scenario.bookings[due].status is Status.CANCELLED


def test_the_seats_left_behind_go_to_the_waiting_list_in_the_same_block(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    id = hold(scenario, flight_id, seats=2)
    party = scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    scenario.when(MoveBooking(id, other))
    assert scenario.events == ["booking.moved", "waiting.offered", "booking.initiated"]
    assert party.status is WaitingStatus.OFFERED


def test_a_moved_booking_passes_over_no_waiting_party(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    first = hold(scenario, other, seats=2)
    scenario.when(JoinWaitlist(other, "bob", 1), BOB)
    moving = hold(scenario, flight_id, seats=2)
    scenario.later(minutes=5)
    # The hold of two seats is due; one goes to the party that waits, so two are not free.
    again = hold(scenario, flight_id, seats=2)
    scenario.when(MoveBooking(again, other))
    scenario.then_refused(NotEnoughSeats, asked=2, free=1)
    assert scenario.bookings[first].status is Status.CANCELLED
    assert scenario.bookings[moving].status is Status.CANCELLED
    (party,) = scenario.parties.values()
    assert party.status is WaitingStatus.OFFERED


def test_a_moved_segment_keeps_its_itinerary_whole(scenario: Scenario, flight_id: UUID, other: UUID) -> None:
    parts = (ItineraryBooking(flight_id, 1), ItineraryBooking(other, 1))
    itinerary = scenario.when(InitiateItinerary("alice", parts), ALICE)
    third = schedule(scenario, "BA121")
    moved = scenario.when(MoveBooking(itinerary.bookings[0].id, third))
    assert moved.itinerary_id == itinerary.id
    paid = scenario.when(PayItinerary(itinerary.id, "alice", Money(900_00, "GBP")), ALICE)
    assert [one.status for one in paid.bookings] == [Status.BOOKED] * 2
    scenario.then_seats(third, held=0, booked=1)


def test_commands_after_a_move_count_the_seats_of_the_new_flight(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    id = pay(scenario, hold(scenario, flight_id))
    scenario.when(MoveBooking(id, other))
    scenario.when(CancelBooking(id), ALICE)
    scenario.then_seats(flight_id, held=0, booked=0)
    scenario.then_seats(other, held=0, booked=0)


def test_a_block_moves_a_booking_twice_and_cancels_it(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    id, third = hold(scenario, flight_id), schedule(scenario, "BA121")
    block = scenario.block([MoveBooking(id, other), MoveBooking(id, third), CancelBooking(id)])
    assert scenario.events == ["booking.moved", "booking.moved", "booking.cancelled"]
    assert block.touched_seats == {flight_id, other, third}
    for flight in (flight_id, other, third):
        scenario.then_seats(flight, held=0, booked=0)


def test_refusals_of_a_move(scenario: Scenario, flight_id: UUID, other: UUID) -> None:
    cases: list[tuple[type, Any]] = [
        (BookingNotFound, (uuid4(), other)),
        (FlightNotFound, (id := hold(scenario, flight_id), uuid4())),
        (AlreadyOnFlight, (id, flight_id)),
    ]
    dollars = schedule(scenario, "BA5", price=Price(1, "USD"))
    gone = schedule(scenario, "BA7")
    scenario.when(CancelFlight(gone, "fog"))
    cases += [(CurrencyDiffers, (id, dollars)), (FlightNotBookable, (id, gone))]
    for refusal, arguments in cases:
        scenario.when(MoveBooking(*arguments))
        scenario.then_refused(refusal)
    scenario.when(MoveBooking(id, other), expected_versions=(9,))
    scenario.then_refused(StaleVersion)
    scenario.later(minutes=5)
    scenario.when(MoveBooking(id, other))
    scenario.then_refused(HoldExpired)
    scenario.when(CancelBooking(id))
    scenario.when(MoveBooking(id, other))
    scenario.then_refused(BookingCancelled)


def test_a_passenger_who_flew_is_not_moved_and_one_who_missed_the_flight_is(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    flown, missed = pay(scenario, hold(scenario, flight_id)), pay(scenario, hold(scenario, flight_id))
    scenario.when(DepartFlight(flight_id))
    scenario.when(RecordFlown(flown))
    scenario.when(MoveBooking(flown, other))
    scenario.then_refused(TravelAlreadyRecorded)
    assert scenario.when(MoveBooking(missed, other)).flight_id == other


def test_all_bookings_move_paid_and_older_ones_first(scenario: Scenario, other: UUID) -> None:
    source = schedule(scenario, "BA1", seats=9)
    unpaid = hold(scenario, source)
    pending = pay(scenario, hold(scenario, source), Capture.MANUAL)
    large = pay(scenario, hold(scenario, source, seats=4))
    first = pay(scenario, hold(scenario, source))
    second = pay(scenario.later(seconds=1), hold(scenario, source))
    third = schedule(scenario, "BA121", seats=1)
    result = scenario.when(MoveAllBookings(source, (other, third)))
    assert [(one.id, one.flight_id) for one in result.bookings] == [
        (first, other),
        (second, other),
        (pending, third),
    ]
    assert result.not_moved == [(large, "not-enough-seats"), (unpaid, "not-enough-seats")]
    assert scenario.events == ["flight.bookings_moved", *["booking.moved"] * 3]
    assert [event.ordinal for event in scenario.recorded] == [1, 2, 3, 4]
    scenario.then_seats(source, held=1, booked=4)
    scenario.then_seats(other, held=0, booked=2)
    scenario.then_seats(third, held=1, booked=0)


def test_moving_all_leaves_out_who_flew_and_expires_due_holds(scenario: Scenario, other: UUID) -> None:
    source = schedule(scenario, "BA1", departs_at=NOON + HOUR, arrives_at=NOON + 2 * HOUR)
    unpaid, flown = hold(scenario, source), pay(scenario, hold(scenario, source))
    scenario.later(hours=1).when(RecordFlown(flown))
    result = scenario.when(MoveAllBookings(source, (other,)))
    assert scenario.events == ["booking.cancelled", "flight.bookings_moved"]
    assert scenario.bookings[unpaid].status is Status.CANCELLED
    assert (result.bookings, result.not_moved) == ([], [(flown, "travel-already-recorded")])


def test_moving_all_serves_the_waiting_list_of_the_flight_left(scenario: Scenario, other: UUID) -> None:
    source = schedule(scenario, "BA1")
    pay(scenario, hold(scenario, source, seats=2))
    scenario.when(JoinWaitlist(source, "bob", 2), BOB)
    scenario.when(MoveAllBookings(source, (other,)))
    assert scenario.events[1:] == ["booking.moved", "waiting.offered", "booking.initiated"]


def test_seats_of_due_holds_go_to_the_waiting_list_even_if_no_booking_moves(
    scenario: Scenario, other: UUID
) -> None:
    source = schedule(scenario, "BA1", seats=1)
    hold(scenario, source)
    scenario.when(JoinWaitlist(source, "bob", 1), BOB)
    scenario.later(minutes=5).when(MoveAllBookings(source, (other,)))
    assert scenario.events == [
        "booking.cancelled",
        "flight.bookings_moved",
        "waiting.offered",
        "booking.initiated",
    ]


def test_refusals_of_moving_all(scenario: Scenario, flight_id: UUID, other: UUID) -> None:
    scenario.when(MoveAllBookings(flight_id, (uuid4(),)))
    scenario.then_refused(FlightNotFound)
    for targets in ((other, other), (flight_id,)):
        with pytest.raises(ValueError, match="to must"):
            MoveAllBookings(flight_id, targets)
    scenario.when(DepartFlight(other))
    scenario.when(MoveAllBookings(flight_id, (other,)))
    scenario.then_refused(FlightNotBookable, flight_id=other)
    scenario.when(MoveAllBookings(other, (flight_id,)))
    scenario.then_refused(FlightDeparted)


def test_the_next_change_is_measured_against_the_times_last_agreed_to(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    booking = scenario.bookings[hold(scenario, flight_id)]
    was = scenario.flights[flight_id].times
    scenario.when(MoveBooking(booking.id, other))
    departs = BA117.departs_at + timedelta(minutes=30)
    scenario.when(RetimeFlight(other, departs, departs + 8 * HOUR, "early"))
    assert booking.schedule_change is None
    assert booking.latest_change is not None
    assert booking.latest_change.was == was


def test_the_price_of_the_new_flight_does_not_matter(
    scenario: Scenario, flight_id: UUID, other: UUID
) -> None:
    scenario.when(RepriceFlight(other, Price(1, "GBP")))
    id = hold(scenario, flight_id)
    assert scenario.when(MoveBooking(id, other)).total_cost == COST
    assert scenario.when(PayBooking(id, "alice", COST), ALICE).status is Status.BOOKED
