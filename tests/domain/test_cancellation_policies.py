"""Prices with parts and cancellation policies: what a booking keeps, and what its end gives back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from domain.cancellation_policy import CancellationPolicy
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    DenyBoarding,
    InitiateBooking,
    ReduceSeats,
    RefundAmount,
)
from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import CancelFlight, ChangeCancellationPolicy, RepriceFlight, RetimeFlight
from domain.commands.itineraries import CancelItinerary, InitiateItinerary, ItineraryBooking, PayItinerary
from domain.commands.payments import CapturePayment, PayBooking
from domain.commands.waiting import JoinWaitlist
from domain.money import Money
from domain.payments import Capture
from domain.refusals.flights import FlightNotBookable
from domain.refusals.payments import PriceMismatch
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, BOB, NOON, Scenario

PARTS = {"fare": 401, "fee:booking": 9, "tax:GB": 40}
HALF = {"fare": 200, "fee:booking": 0, "tax:GB": 40}
UNTIL = NOON + timedelta(hours=1)
POLICY = NewPolicy(UNTIL, {"fare": 50, "tax:*": 100}, {"tax:*": 100})
FLIGHT = msgspec.structs.replace(BA117, seats=4, price=Price(450, "GBP", PARTS), cancellation_policy=POLICY)


@pytest.fixture
def flight_id(scenario: Scenario) -> UUID:
    return scenario.when(FLIGHT).id  # type: ignore[no-any-return]


@pytest.fixture
def booked(scenario: Scenario, flight_id: UUID) -> UUID:
    return book(scenario, flight_id, 2)


def book(scenario: Scenario, flight_id: UUID, seats: int) -> UUID:
    booking = scenario.when(InitiateBooking(flight_id, "alice", seats), ALICE)
    scenario.when(PayBooking(booking.id, "alice", booking.total_cost), ALICE)
    return booking.id  # type: ignore[no-any-return]


def refunds(booking: Booking) -> list[tuple[int, Any]]:
    return [(refund.amount.amount, refund.amount.parts) for refund in booking.refunds.values()]


def doubled(parts: dict[str, int]) -> dict[str, int]:
    return {code: 2 * amount for code, amount in parts.items()}


def test_a_booking_keeps_its_parts_and_its_policy(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.when(InitiateBooking(flight_id, "alice", 2), ALICE)
    scenario.when(RepriceFlight(flight_id, Price(1, "GBP")))
    flight = scenario.when(ChangeCancellationPolicy(flight_id, None))
    assert (flight.price, flight.cancellation_policy) == (Money(1, "GBP"), None)
    assert booking.total_cost == Money(900, "GBP", doubled(PARTS))
    assert booking.cancellation_policy == CancellationPolicy(
        UNTIL, POLICY.percentages, POLICY.percentages_after
    )
    assert scenario.when(InitiateBooking(flight_id, "bob", 1), BOB).cancellation_policy is None


def test_a_payment_has_the_amount_without_parts(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.when(PayBooking(booking.id, "alice", Money(450, "GBP", {"fare": 450})), ALICE)
    scenario.then_refused(PriceMismatch, expected=Money(450, "GBP", PARTS))
    paid = scenario.when(PayBooking(booking.id, "alice", Money(450, "GBP")), ALICE)
    assert paid.current_payment.amount == Money(450, "GBP")
    assert paid.paid == Money(450, "GBP", PARTS)


@pytest.mark.parametrize(
    ("minutes", "refund"),
    [(59, (481, doubled(HALF) | {"fare": 401})), (60, (80, {"fare": 0, "fee:booking": 0, "tax:GB": 80}))],
)
def test_a_cancellation_gives_back_what_the_policy_says(
    scenario: Scenario, booked: UUID, minutes: int, refund: tuple[int, Any]
) -> None:
    scenario.later(minutes=minutes)
    assert refunds(scenario.when(CancelBooking(booked), ALICE)) == [refund]


def test_a_cancellation_that_gives_nothing_back_owes_no_refund(scenario: Scenario) -> None:
    strict = msgspec.structs.replace(FLIGHT, cancellation_policy=NewPolicy(NOON))
    booking = book(scenario, scenario.when(strict).id, 1)
    cancelled = scenario.when(CancelBooking(booking), ALICE)
    assert scenario.events == ["booking.cancelled"]
    assert (cancelled.refunds, cancelled.paid) == ({}, Money(0, "GBP"))


def test_seats_given_back_are_refunded_like_a_cancellation(scenario: Scenario, booked: UUID) -> None:
    fewer = scenario.when(ReduceSeats(booked, 1), ALICE)
    assert fewer.total_cost == Money(450, "GBP", PARTS)
    assert refunds(fewer) == [(240, HALF)]
    scenario.later(hours=1)
    last = {"fare": 0, "fee:booking": 0, "tax:GB": 40}
    assert refunds(scenario.when(CancelBooking(booked), ALICE)) == [(240, HALF), (40, last)]


def test_seats_are_given_back_without_a_refund_if_the_policy_says_so(
    scenario: Scenario, flight_id: UUID
) -> None:
    scenario.when(ChangeCancellationPolicy(flight_id, NewPolicy(None, {})))
    booked = book(scenario, flight_id, 2)
    scenario.when(ReduceSeats(booked, 1), ALICE)
    assert scenario.events == ["booking.seats_reduced"]


def test_a_stated_refund_overrides_the_policy(scenario: Scenario, booked: UUID) -> None:
    scenario.later(hours=2)
    stated = scenario.when(CancelBooking(booked, "goodwill", RefundAmount(451)))
    assert refunds(stated) == [(451, {"fare": 402, "fee:booking": 9, "tax:GB": 40})]


@pytest.mark.parametrize("end", ["flight", "boarding"])
def test_the_airline_gives_all_money_back(
    scenario: Scenario, flight_id: UUID, booked: UUID, end: str
) -> None:
    scenario.later(hours=2)
    scenario.when(CancelFlight(flight_id, "fog") if end == "flight" else DenyBoarding(booked, "full"))
    assert refunds(scenario.bookings[booked]) == [(900, doubled(PARTS))]


def test_a_customer_of_a_retimed_flight_may_withdraw_until_the_answer_is_due(
    scenario: Scenario, flight_id: UUID
) -> None:
    first, second, accepted = (book(scenario, flight_id, 1) for _ in range(3))
    scenario.later(hours=2)
    times = FLIGHT.departs_at + timedelta(days=30), FLIGHT.arrives_at + timedelta(days=30)
    scenario.when(RetimeFlight(flight_id, *times, "aircraft"))
    scenario.when(AcceptChange(accepted), ALICE)
    tax = {"fare": 0, "fee:booking": 0, "tax:GB": 40}
    assert refunds(scenario.when(CancelBooking(accepted), ALICE)) == [(40, tax)]
    change = scenario.bookings[first].schedule_change
    assert change is not None
    assert change.accept_before is not None
    scenario.now = change.accept_before - timedelta(microseconds=1)
    assert refunds(scenario.when(CancelBooking(first), ALICE)) == [(450, PARTS)]
    scenario.later(microseconds=1)
    assert refunds(scenario.when(CancelBooking(second), ALICE)) == [(40, tax)]


def test_late_money_goes_back_whole(scenario: Scenario, flight_id: UUID) -> None:
    booking = scenario.when(InitiateBooking(flight_id, "alice", 1), ALICE)
    scenario.when(PayBooking(booking.id, "alice", booking.total_cost, Capture.MANUAL), ALICE)
    scenario.later(hours=2)
    scenario.when(CancelBooking(booking.id), ALICE)
    assert refunds(scenario.when(CapturePayment(booking.id))) == [(450, PARTS)]


def test_each_booking_of_an_itinerary_has_the_policy_of_its_flight(
    scenario: Scenario, flight_id: UUID
) -> None:
    other = scenario.when(msgspec.structs.replace(BA117, number="BA118", price=Price(100, "GBP")))
    both = (ItineraryBooking(flight_id, 1), ItineraryBooking(other.id, 1))
    itinerary = scenario.when(InitiateItinerary("alice", both), ALICE)
    assert itinerary.total_cost == Money(550, "GBP")
    scenario.when(PayItinerary(itinerary.id, "alice", Money(550, "GBP")), ALICE)
    cancelled = scenario.when(CancelItinerary(itinerary.id), ALICE)
    assert sorted(map(str, map(refunds, cancelled.bookings))) == sorted(
        [str([(240, HALF)]), str([(100, None)])]
    )


def test_an_offered_booking_has_the_policy_of_the_time_of_the_offer(
    scenario: Scenario, flight_id: UUID
) -> None:
    booked = book(scenario, flight_id, 4)
    scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    scenario.when(ChangeCancellationPolicy(flight_id, NewPolicy(UNTIL)))
    scenario.when(CancelBooking(booked), ALICE)
    (offered,) = [one for one in scenario.bookings.values() if one.user_id == "bob"]
    assert offered.cancellation_policy == CancellationPolicy(UNTIL)
    assert offered.total_cost == Money(450, "GBP", PARTS)


def test_the_policy_of_a_departed_flight_cannot_be_changed(scenario: Scenario, flight_id: UUID) -> None:
    scenario.later(days=1)
    scenario.when(ChangeCancellationPolicy(flight_id, POLICY))
    scenario.then_refused(FlightNotBookable, flight_id=flight_id)
