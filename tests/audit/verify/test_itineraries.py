"""Verify reports itineraries that are made, paid or seated again in part only."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from audit.verify.itineraries import Itineraries
from domain.booking_state import Status
from domain.commands.bookings import CancelBooking, ExpireHold, ReduceSeats
from domain.commands.flights import DepartFlight
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
)
from domain.money import Money
from domain.payments import Capture
from ledger.log import RecordedEvent
from tests.audit.verify.test_forged_chains import RELINK
from tests.audit.verify.verified import verify
from tests.desk import SEAT, Desk
from tests.domain.conftest import BA117
from tests.domain.scenario import Scenario

FORGED = [
    (
        'update ledger.events set state = replace(state, \'"expires_at":"2\', \'"expires_at":"3\')'
        " where position = 4;"
        "update ledger.bookings set expires_at = expires_at + interval '1000 years'"
        " where id = (select originator_id from ledger.events where position = 4);",
        4,
        "another command, user, expiry or currency",
    ),
    (
        "delete from ledger.events where position > 6;"
        "update ledger.commands set last_position = 6 where first_position = 5;"
        "update ledger.bookings set status = 'initiated', payment_id = null, payment_status = null,"
        " version = 1, updated_at = created_at, held_until = expires_at"
        " where id = (select originator_id from ledger.events where position = 4);"
        "update ledger.seats set held = 1, booked = 0 where flight_id = (select flight_id"
        " from ledger.bookings where status = 'initiated');",
        6,
        "pays for some of the bookings only",
    ),
    (
        'update ledger.events set state = regexp_replace(state, \'"payment_id":"[^"]*"\','
        ' \'"payment_id":"01890000-0000-7000-8000-000000000001"\') where position in (7, 8);'
        "update ledger.bookings set payment_id = '01890000-0000-7000-8000-000000000001'"
        " where id = (select originator_id from ledger.events where position = 7);",
        8,
        "pays for some of the bookings only",
    ),
    (
        "update ledger.events set state = replace(state, '\"amount\":10000', '\"amount\":10001')"
        " where position = 7;",
        8,
        "is not what",
    ),
]


@pytest.fixture
async def trip(desk: Desk) -> UUID | None:
    """Positions 1 to 8: two flights, an itinerary of two bookings, and its payment (two events for each)."""
    flights = [await desk.schedule(number) for number in ("BA117", "BA118")]
    parts = tuple(ItineraryBooking(flight, 1) for flight in flights)
    made = await desk.submit(InitiateItinerary("alice", parts), "alice")
    async with desk.ledger.read() as connection:
        row = await (await connection.execute("select itinerary_id from bookings limit 1")).fetchone()
    assert row is not None
    cost = Money(2 * SEAT.amount, SEAT.currency)
    paid = await desk.submit(PayItinerary(row[0], "alice", cost), "alice")
    assert (made.status, paid.status, paid.position) == (200, 200, 8)
    return made.subject_id


async def test_a_paid_itinerary_holds(trip: UUID, database_url: str) -> None:
    result = verify(database_url)
    assert (result.ok, result.checked) == (True, 8), result


async def test_bookings_of_one_command_may_be_at_different_versions(
    trip: UUID, desk: Desk, database_url: str
) -> None:
    await desk.submit(CancelBooking(trip), "alice")
    async with desk.ledger.read() as connection:
        row = await (await connection.execute("select itinerary_id from bookings limit 1")).fetchone()
    assert row is not None
    assert (await desk.submit(CancelItinerary(row[0]), "alice")).status == 200
    flight = await desk.schedule("BA119")
    parts = (ItineraryBooking(flight, 2), ItineraryBooking(flight, 1))
    first = (await desk.submit(InitiateItinerary("bob", parts), "bob")).subject_id
    assert first is not None
    assert (await desk.submit(ReduceSeats(first, 1), "bob")).status == 200
    async with desk.ledger.read() as connection:
        query = "select itinerary_id from bookings where id = %s"
        row = await (await connection.execute(query, [first])).fetchone()
    assert row is not None
    paid = await desk.submit(PayItinerary(row[0], "bob", Money(2 * SEAT.amount, SEAT.currency)), "bob")
    assert (paid.status, paid.subject_id, paid.version) == (200, first, 4)
    assert verify(database_url).ok, verify(database_url)


@pytest.mark.parametrize(("forgery", "position", "reason"), FORGED)
async def test_an_itinerary_that_is_not_one_is_named(
    trip: UUID, tamper: Any, database_url: str, forgery: str, position: int, reason: str
) -> None:
    tamper(forgery + RELINK)
    result = verify(database_url)
    assert (result.first_bad_position, reason in (result.reason or "")) == (position, True), result


@pytest.mark.parametrize("edit", ["version = 2", f"subject_id = '{UUID(int=0)}'"])
async def test_the_outcome_names_the_first_booking_and_its_version(
    trip: UUID, tamper: Any, database_url: str, edit: str
) -> None:
    tamper(f"update ledger.commands set {edit} where first_position = 5")
    assert verify(database_url).first_bad_position in (5, 8)


def test_a_late_capture_that_seats_one_booking_only_is_named() -> None:
    scenario = Scenario()
    flights = [scenario.when(BA117).id]
    made = scenario.when(InitiateItinerary("alice", tuple(ItineraryBooking(flights[0], 1) for _ in "12")))
    events = scenario.recorded
    scenario.when(PayItinerary(made.id, "alice", made.total_cost, Capture.MANUAL))
    events += scenario.recorded
    for booking in made.bookings:
        scenario.later(minutes=15).when(ExpireHold(booking.id))
        events += scenario.recorded
    scenario.when(CaptureItinerary(made.id))
    events += scenario.recorded
    assert _wrong(events, made.id) == []
    second = made.bookings[1].id
    late = [one for one in scenario.recorded if one.originator_id == second]
    [(position, reason)] = _wrong([one for one in events if one not in late], made.id)
    assert (position, "seats some of the late bookings" in reason) == (scenario.recorded[1].position, True)


def test_a_booking_that_its_flight_left_behind_does_not_keep_the_others_from_being_booked() -> None:
    scenario = Scenario()
    flights = [scenario.when(msgspec.structs.replace(BA117, number=number)).id for number in ("BA1", "BA2")]
    made = scenario.when(InitiateItinerary("alice", tuple(ItineraryBooking(id, 1) for id in flights)))
    events = scenario.recorded
    scenario.when(PayItinerary(made.id, "alice", made.total_cost, Capture.MANUAL))
    events += scenario.recorded
    scenario.when(DepartFlight(flights[0]))
    events += [one for one in scenario.recorded if one.topic.startswith("booking.")]
    captured = scenario.when(CaptureItinerary(made.id))
    assert [booking.status for booking in captured.bookings] == [Status.CANCELLED, Status.BOOKED]
    assert scenario.events == ["booking.refund_due", "booking.booked"]
    assert _wrong([*events, *scenario.recorded], made.id) == []


def _wrong(events: list[RecordedEvent], itinerary_id: UUID) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    itineraries, bookings = Itineraries(), dict[UUID, Any]()
    for event in events:
        booking = event.apply_to(bookings.get(event.originator_id))
        bookings[event.originator_id] = booking
        itineraries.follow(event.decoded(), booking, itinerary_id, event.position, event.ordinal)
    itineraries.check(lambda position, reason: found.append((position, reason)))
    return found
