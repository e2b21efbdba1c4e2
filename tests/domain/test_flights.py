"""Scenarios about flights."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ChangeFlightSeats, RepriceFlight, ScheduleFlight
from domain.flight import FlightStatus
from domain.money import Money
from domain.refusals.flights import FlightAlreadyScheduled, FlightNotBookable, SeatsInUse
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, NOON, Scenario


def test_a_flight_is_scheduled_once_a_day(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(msgspec.structs.replace(BA117, seats=9))
    scenario.then_refused(FlightAlreadyScheduled, flight_id=flight_id)


def test_the_departure_day_is_the_one_on_the_ticket(scenario: Scenario) -> None:
    tokyo = timezone(timedelta(hours=9))
    departs = datetime(2030, 5, 2, 1, 30, tzinfo=tokyo)
    flight = scenario.when(
        msgspec.structs.replace(BA117, departs_at=departs, arrives_at=departs + timedelta(hours=9))
    )
    assert flight.departure_day.isoformat() == "2030-05-02"
    assert flight.departs_at.isoformat() == "2030-05-01T16:30:00+00:00"
    assert flight.arrives_at.isoformat() == "2030-05-02T01:30:00+00:00"


def test_a_new_price_is_for_new_bookings(scenario: Scenario, flight_id: UUID) -> None:
    old = scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.when(RepriceFlight(flight_id, Price(1_00, "GBP")))
    new = scenario.when(InitiateBooking(flight_id, "bob", 1), BOB)
    assert (old.total_cost, new.total_cost) == (Money(450_00, "GBP"), Money(1_00, "GBP"))


def test_seats_in_use_are_not_taken_away(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    scenario.when(ChangeFlightSeats(flight_id, 1))
    scenario.then_refused(SeatsInUse, asked=1, in_use=2)
    scenario.when(ChangeFlightSeats(flight_id, 3))
    scenario.then_seats(flight_id, held=2, booked=0)
    assert scenario.seats[flight_id].free == 1


def test_a_due_hold_does_not_count_as_a_seat_in_use(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.later(minutes=5).when(ChangeFlightSeats(flight_id, 1))
    scenario.then_seats(flight_id, held=0, booked=0)
    assert scenario.seats[flight_id].free == 1


def test_no_more_due_holds_are_expired_than_seats_are_removed(scenario: Scenario, flight_id: UUID) -> None:
    scenario.when(ChangeFlightSeats(flight_id, 5))
    for _ in range(5):
        scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.later(minutes=5).when(ChangeFlightSeats(flight_id, 2))
    scenario.then_seats(flight_id, held=2, booked=0)
    assert scenario.seats[flight_id].free == 0


def test_a_flight_departs_exactly_at_its_departure_time(scenario: Scenario, flight_id: UUID) -> None:
    flight = scenario.flights[flight_id]
    assert flight.status(BA117.departs_at - timedelta(microseconds=1)) is FlightStatus.SCHEDULED
    assert flight.status(BA117.departs_at) is FlightStatus.DEPARTED
    scenario.later(days=1)
    for command in (RepriceFlight(flight_id, Price(1, "GBP")), InitiateBooking(flight_id, "alice", 1)):
        scenario.when(command)
        scenario.then_refused(FlightNotBookable)


def test_a_cancelled_flight_is_cancelled_for_good(scenario: Scenario, flight_id: UUID) -> None:
    flight = scenario.flights[flight_id]
    flight.cancel("fog", NOON)
    assert flight.status(NOON) is FlightStatus.CANCELLED
    with pytest.raises(FlightNotBookable):
        flight.cancel("fog", NOON)


@pytest.mark.parametrize(
    "wrong",
    [
        {"destination": "LHR"},
        {"arrives_at": BA117.departs_at},
        {"number": "BA117\n"},
        {"number": "BA١١٧"},
        {"origin": "lhr"},
        {"seats": 0},
        {"seats": 1001},
        {"price": {"amount": 0, "currency": "GBP"}},
        {"price": {"amount": 1, "currency": "ABC"}},
        {"departs_at": "2030-01-02T12:00:00"},
    ],
)
def test_an_impossible_flight_is_not_a_command(wrong: dict[str, object]) -> None:
    body = msgspec.json.encode({**msgspec.to_builtins(BA117), **wrong})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=ScheduleFlight)
