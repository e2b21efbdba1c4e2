"""Every operation of the client reaches the API and returns its record, in both clients."""

import inspect
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from seatledger_client import (
    AsyncClient,
    Booking,
    BookingStatus,
    BulkHold,
    Client,
    Flight,
    FlightAlreadyScheduled,
    FlightNotFound,
    ItineraryBooking,
    Money,
    NotEnoughSeats,
    PriceMismatch,
    SeatsAvailable,
    StaleVersion,
    ValidationFailed,
)
from seatledger_client.calls import Resource

from tests.client.callers import bearer, schedule
from tests.contract.program import ProgramUnderTest

COST = Money(900000, "INR")


def test_a_booking_is_held_paid_and_found(alice: Client, flight: Flight) -> None:
    booking = alice.bookings.create(flight_id=flight, user_id="alice", seats=2)
    assert (booking.total_cost, booking.status) == (COST, BookingStatus.INITIATED)
    assert datetime.now(UTC) < booking.expires_at < datetime.now(UTC) + timedelta(minutes=6)
    paid = alice.bookings.pay(booking)
    assert (paid.booking.id, paid.booking.status, paid.booking.extra) == (booking.id, "booked", {})
    assert alice.bookings.get(booking) == paid.booking
    history = alice.bookings.history(booking)
    assert [event.version for event in history.events] == [1, 2, 3]
    assert alice.bookings.get(booking, version=1) == booking
    assert alice.flights.availability(flight).booked == 2
    quote = alice.bookings.quote(booking)
    cancelled = alice.bookings.cancel(booking, reason="ill", if_version=quote.version)
    assert (quote.refund, cancelled.status) == (COST, "cancelled")


async def test_the_async_client_has_the_same_calls(alice_async: AsyncClient, flight: Flight) -> None:
    booking = await alice_async.bookings.create(flight_id=flight.id, user_id="alice", seats=2)
    paid = await alice_async.bookings.pay(booking, capture="manual")
    assert paid.booking.status is BookingStatus.PENDING
    rows = [row async for row in alice_async.bookings.list(flight_id=flight)]
    assert rows == [paid.booking]


def test_a_journey_a_waiting_party_and_a_refund(alice: Client, operator: Client, flight: Flight) -> None:
    onward = schedule(operator, seats=2, route="DEL-BOM")
    legs = [ItineraryBooking(flight, 2), ItineraryBooking(onward, 2)]
    itinerary = alice.itineraries.create(legs, user_id="alice")
    paid = alice.itineraries.pay(itinerary).itinerary
    assert [booking.status for booking in paid.bookings] == ["booked", "booked"]
    party = alice.waitlist.join(onward, user_id="alice", seats=1)
    assert (party.place, alice.waitlist.get(party)) == (1, party)
    assert alice.waitlist.leave(party).status == "left"
    alice.itineraries.cancel(itinerary, booking_ids=[paid.bookings[1]])
    (due,) = operator.refunds.list(booking_id=paid.bookings[1])
    assert operator.refunds.settle(due, reference="bank 7").status == "settled"
    with pytest.raises(SeatsAvailable):
        alice.waitlist.join(onward, user_id="alice", seats=1)


def test_many_holds_in_one_call_have_a_key_each(alice: Client, flight: Flight) -> None:
    result = alice.bookings.create_many([BulkHold(flight, "alice", 1), BulkHold(flight, "alice", 2)])
    assert [one.status for one in result.results] == [201, 201]
    assert len({one.key for one in result.results}) == 2


def test_the_log_is_read_and_verified(operator: Client, alice: Client, flight: Flight) -> None:
    alice.bookings.create(flight_id=flight, user_id="alice", seats=1)
    events = list(operator.audit.events(flight_id=flight))
    assert [event.type for event in events] == ["flight.scheduled", "booking.initiated"]
    head = operator.audit.head()
    assert head.position >= events[-1].position
    assert operator.audit.verify(from_=events[0].position, to=events[-1].position).ok
    assert operator.operations.info().position >= head.position


def test_a_refusal_has_its_own_class_and_its_facts(alice: Client, operator: Client, flight: Flight) -> None:
    operator.flights.change_seats(flight, seats=1)
    with pytest.raises(NotEnoughSeats) as caught:
        alice.bookings.create(flight_id=flight, user_id="alice", seats=2, key="two-of-one")
    refusal = caught.value
    assert (refusal.asked, refusal.free, refusal.status, refusal.code) == (2, 1, 409, "not-enough-seats")
    assert refusal.key == "two-of-one"
    assert len(refusal.request_id) >= 8
    with pytest.raises(AttributeError, match="no fact 'wings'"):
        _ = refusal.wings
    booking = alice.bookings.create(flight_id=flight, user_id="alice", seats=1)
    with pytest.raises(PriceMismatch) as caught_price:
        alice.bookings.pay(Booking(**{**vars(booking), "total_cost": Money(1, "INR")}))
    assert caught_price.value.expected == booking.total_cost
    with pytest.raises(ValidationFailed) as caught_fields:
        alice.bookings.create(flight_id=flight, user_id="alice", seats=10)
    assert caught_fields.value.errors[0].pointer == "/seats"


def test_a_stale_version_an_unknown_id_and_a_repeated_flight(operator: Client, flight: Flight) -> None:
    operator.flights.reprice(flight, price=Money(1, "INR"), if_version=flight.version)
    with pytest.raises(StaleVersion):
        operator.flights.reprice(flight, price=Money(2, "INR"), if_version=flight.version)
    with pytest.raises(FlightNotFound):
        operator.flights.get("01900000-0000-7000-8000-000000000000")
    again = {one.name: getattr(flight, one.name) for one in fields(flight)}
    names = ("number", "origin", "destination", "departs_at", "arrives_at", "seats", "price")
    with pytest.raises(FlightAlreadyScheduled):
        operator.flights.schedule(**{name: again[name] for name in names})


def test_a_time_without_an_offset_is_refused_before_it_is_sent(operator: Client) -> None:
    noon = datetime(2041, 1, 1, 12)  # noqa: DTZ001
    with pytest.raises(ValueError, match="no offset"):
        operator.flights.schedule(
            number="BA1",
            origin="LHR",
            destination="JFK",
            departs_at=noon,
            arrives_at=noon,
            seats=1,
            price=COST,
        )


def test_lists_are_iterated_over_all_pages_and_resume_after_one(alice: Client, flight: Flight) -> None:
    made = [alice.bookings.create(flight_id=flight, user_id="alice", seats=1).id for _ in range(5)]
    rows = alice.bookings.list(flight_id=flight, limit=2)
    assert [booking.id for booking in rows] == made[::-1]
    assert [booking.id for booking in rows] == made[::-1]
    first = next(rows.pages())
    rest = alice.bookings.list(flight_id=flight, limit=2, cursor=first.next_cursor)
    assert [booking.id for booking in [*first.data, *rest]] == made[::-1]


def test_a_dry_run_writes_nothing(alice: Client, flight: Flight) -> None:
    booking = alice.bookings.create(flight_id=flight, user_id="alice", seats=1, dry_run=True)
    assert booking.seats == 1
    assert list(alice.bookings.list(flight_id=flight)) == []


def test_a_query_waits_for_what_this_client_wrote(program: ProgramUnderTest, flight: Flight) -> None:
    sent: list[httpx.Request] = []
    token = bearer("alice", "client")
    with httpx.Client(event_hooks={"request": [sent.append]}) as http:
        client = Client(program.url, token, http=http)
        client.bookings.create(flight_id=flight, user_id="alice", seats=1)
        client.flights.availability(flight)
        least = sent[-1].url.params["min_position"]
        client.flights.availability(flight, min_position=1)
        assert sent[-1].url.params["min_position"] == "1"
        Client(program.url, token, http=http, read_your_writes=False).flights.availability(flight)
        assert "min_position" not in sent[-1].url.params
    ledger, _, position = least.partition("=")
    assert ledger == "main"
    assert int(position) > 1


def test_address_and_token_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, program: ProgramUnderTest, flight: Flight
) -> None:
    monkeypatch.delenv("SEATLEDGER_URL", raising=False)
    with pytest.raises(LookupError, match="SEATLEDGER_URL"):
        Client.from_env()
    with pytest.raises(ValueError, match="no address"):
        Client("localhost:8000")
    monkeypatch.setenv("SEATLEDGER_URL", program.url + "/")
    monkeypatch.setenv("SEATLEDGER_TOKEN", bearer("alice", "client") + "\n")
    with Client.from_env(deadline=5) as client:
        assert client.bookings.create(flight_id=flight, user_id="alice", seats=1).user_id == "alice"


def test_both_clients_have_every_resource_and_documented_methods(alice: Client) -> None:
    resources = [one for one in vars(alice).values() if isinstance(one, Resource)]
    assert len(resources) >= 7
    for resource in resources:
        for name, method in vars(type(resource)).items():
            assert name.startswith("_") or inspect.getdoc(method), (resource, name)
