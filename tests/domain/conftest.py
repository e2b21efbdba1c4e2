"""Scenarios start with one flight of two seats."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from tests.domain.scenario import ALICE, NOON, Scenario

BA117 = ScheduleFlight(
    number="BA117",
    origin="LHR",
    destination="JFK",
    departs_at=NOON + timedelta(days=1),
    arrives_at=NOON + timedelta(days=1, hours=8),
    seats=2,
    price=Price(450_00, "GBP"),
)


@pytest.fixture
def scenario() -> Scenario:
    return Scenario()


@pytest.fixture
def flight_id(scenario: Scenario) -> UUID:
    """BA117 with two seats."""
    return scenario.when(BA117).id  # type: ignore[no-any-return]


@pytest.fixture
def alices(scenario: Scenario, flight_id: UUID) -> UUID:
    """Alice holds both seats."""
    return scenario.when(InitiateBooking(flight_id, "alice", 2), ALICE).id  # type: ignore[no-any-return]
