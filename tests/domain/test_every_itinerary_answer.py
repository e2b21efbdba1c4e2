"""The table of docs/reference/itineraries.md: the result of each command in each state of an itinerary."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from domain.booking_state import Status
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.flights import CancelFlight
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
    VoidItinerary,
)
from domain.itinerary import Itinerary
from domain.payments import Capture
from domain.refusals.base import Refusal
from tests.domain.conftest import BA117
from tests.domain.scenario import Scenario

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "itineraries.md"

COMMANDS: dict[str, Callable[[Itinerary], Command]] = {
    "pay": lambda trip: PayItinerary(trip.id, "alice", trip.total_cost),
    "authorise": lambda trip: PayItinerary(trip.id, "alice", trip.total_cost, Capture.MANUAL),
    "capture": lambda trip: CaptureItinerary(trip.id),
    "void": lambda trip: VoidItinerary(trip.id, "declined"),
    "cancel": lambda trip: CancelItinerary(trip.id),
    "cancel first": lambda trip: CancelItinerary(trip.id, None, (trip.bookings[0].id,)),
}
STEPS: dict[str, Callable[[Itinerary], Command]] = {
    **COMMANDS,
    "cancel first alone": lambda trip: CancelBooking(trip.bookings[0].id),
    "give back": lambda trip: ReduceSeats(trip.bookings[0].id, 1),
    "expire first": lambda trip: ExpireHold(trip.bookings[0].id),
    "expire second": lambda trip: ExpireHold(trip.bookings[1].id),
    "first flight cancelled": lambda trip: CancelFlight(trip.bookings[0].flight_id, "fog"),
    "sell": lambda trip: InitiateBooking(trip.bookings[0].flight_id, "bob", 1),
}

PATHS: dict[str, tuple[str, ...]] = {
    "initiated": (),
    "initiated, hold over": ("5 minutes",),
    "initiated, first expired": ("5 minutes", "expire first"),
    "initiated, first cancelled": ("cancel first alone",),
    "initiated, first flight cancelled": ("first flight cancelled",),
    "pending": ("authorise",),
    "pending, time over": ("authorise", "15 minutes"),
    "pending, first cancelled": ("authorise", "cancel first"),
    "pending, first flight cancelled": ("authorise", "first flight cancelled"),
    "voided": ("authorise", "void"),
    "booked": ("pay",),
    "booked, seats given back": ("pay", "give back"),
    "booked, first cancelled": ("pay", "cancel first"),
    "cancelled unpaid": ("cancel",),
    "cancelled while pending": ("authorise", "cancel"),
    "hold expired": ("5 minutes", "expire first", "expire second"),
    "payment lapsed for the first": ("authorise", "15 minutes", "expire first"),
    "payment lapsed": ("authorise", "15 minutes", "expire first", "expire second"),
    "payment lapsed, seats sold": ("authorise", "15 minutes", "expire first", "sell"),
    "refund due": ("pay", "cancel"),
}
"""Steps that take a new itinerary of two seats on each of two flights into each state."""


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Generate state, command and result of each cell."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    for state, *answers in rows:
        for command, answer in zip(head[1:], answers, strict=True):
            yield state, command, answer


def result_of(state: str, command: str) -> str:
    """Run a command in a state, check the seats, and return the result as the table states it."""
    scenario = Scenario()
    flights = [scenario.when(msgspec.structs.replace(BA117, number=number)).id for number in ("BA1", "BA2")]
    trip = scenario.when(InitiateItinerary("alice", tuple(ItineraryBooking(id, 2) for id in flights)))
    for step in PATHS[state]:
        if step.endswith("minutes"):
            scenario.later(minutes=int(step.split()[0]))
        else:
            scenario.when(STEPS[step](trip))
            assert not isinstance(scenario.decision, Refusal), scenario.decision
    verdict = scenario.when(COMMANDS[command](trip))
    _check_seats(scenario, flights)
    if isinstance(verdict, Refusal):
        assert scenario.events == []
        return verdict.code
    owed = ("", " + refund", " + 2 refunds")[scenario.events.count("booking.refund_due")]
    first, second = (booking.status.value for booking in verdict.bookings)
    return (first if first == second else f"{first}, {second}") + owed


def _check_seats(scenario: Scenario, flights: list[UUID]) -> None:
    for id in flights:
        bookings = [one for one in scenario.bookings.values() if one.flight_id == id]
        held = sum(b.seats for b in bookings if b.status in (Status.INITIATED, Status.PENDING))
        booked = sum(b.seats for b in bookings if b.status is Status.BOOKED)
        scenario.then_seats(id, held=held, booked=booked)


@pytest.mark.parametrize(("state", "command", "answer"), list(table_rows()))
def test_every_state_has_an_answer_to_every_command(state: str, command: str, answer: str) -> None:
    assert result_of(state, command) == answer


def test_the_table_is_complete() -> None:
    cells = {(state, command) for state, command, _ in table_rows()}
    assert cells == {(state, command) for state in PATHS for command in COMMANDS}
