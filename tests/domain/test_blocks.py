"""Blocks of several commands in memory: what is decided together, and which seat counts are written."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from domain.booking_state import Status
from domain.caller import Caller
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.flights import CancelFlight, ChangeFlightSeats, RepriceFlight
from domain.commands.payments import CapturePayment, PayBooking
from domain.money import Money
from domain.payments import Capture, PaymentOutcome, PaymentStatus
from domain.refusals.flights import NotEnoughSeats
from ledger.submission import Submission, render_plain
from tests.domain.conftest import BA117
from tests.domain.scenario import NOON, Scenario
from tests.domain.till import Till

COST = Money(900_00, "GBP")
SOON = msgspec.structs.replace(BA117, departs_at=NOON + timedelta(minutes=10))
"""Departs after the hold, and before an authorised payment has to be captured."""


def test_the_seats_of_every_flight_in_a_block_are_written(scenario: Scenario, flight_id: UUID) -> None:
    other = scenario.when(msgspec.structs.replace(BA117, number="BA119")).id
    third = msgspec.structs.replace(BA117, number="BA121")
    block = scenario.block([ChangeFlightSeats(flight_id, 5), InitiateBooking(other, "bob", 1), third])
    scheduled = next(id for id, flight in scenario.flights.items() if flight.number == "BA121")
    assert block.touched_seats == {flight_id, other, scheduled}


@pytest.mark.parametrize("command", ["change", "cancel", "reprice"])
def test_the_seats_of_a_flight_that_changes_alone_are_written(
    scenario: Scenario, flight_id: UUID, command: str
) -> None:
    commands = {
        "change": ChangeFlightSeats(flight_id, 5),
        "cancel": CancelFlight(flight_id, "fog"),
        "reprice": RepriceFlight(flight_id, BA117.price),
    }
    assert scenario.block([commands[command]]).touched_seats == {flight_id}


def test_due_holds_make_room_for_holds_that_are_granted_all_or_none(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    holds = [InitiateBooking(flight_id, user, 1) for user in ("bob", "carol")]
    scenario.block(holds, atomic=True)
    scenario.then_refused(NotEnoughSeats, asked=2, free=0)
    scenario.later(minutes=5).block(holds, atomic=True)
    assert isinstance(scenario.decision, Booking)
    assert scenario.bookings[alices].status is Status.CANCELLED
    scenario.then_seats(flight_id, held=2, booked=0)


def test_a_party_may_take_the_seats_of_due_holds_only(scenario: Scenario, flight_id: UUID) -> None:
    first = scenario.when(InitiateBooking(flight_id, "alice", 1)).id
    scenario.later(minutes=1).when(InitiateBooking(flight_id, "bob", 1))
    holds = [InitiateBooking(flight_id, user, 1) for user in ("carol", "dave")]
    scenario.later(minutes=4).block(holds, atomic=True)
    scenario.then_refused(NotEnoughSeats, asked=2, free=1)
    assert scenario.bookings[first].status is Status.CANCELLED


def test_late_money_is_not_seated_again_on_a_flight_that_departed(scenario: Scenario) -> None:
    flight_id = scenario.when(SOON).id
    booking_id = scenario.when(InitiateBooking(flight_id, "alice", 2)).id
    scenario.when(PayBooking(booking_id, "alice", COST, Capture.MANUAL))
    late = scenario.later(minutes=15).when(CapturePayment(booking_id))
    assert (late.status, late.payment.status) == (Status.CANCELLED, PaymentStatus.REFUND_DUE)
    assert scenario.events == ["booking.cancelled", "booking.refund_due"]
    scenario.then_seats(flight_id, held=0, booked=0)


@pytest.mark.parametrize("outcome", [PaymentOutcome.AUTHORISED, PaymentOutcome.CAPTURED])
def test_late_money_of_a_gateway_is_not_seated_again_on_a_flight_that_departed(
    outcome: PaymentOutcome,
) -> None:
    till = Till()
    till.flight_id = till.scenario.when(msgspec.structs.replace(SOON, number="BA119")).id
    till.id = till.scenario.when(InitiateBooking(till.flight_id, "alice", 2)).id
    till.pay(Capture.MANUAL)
    till.scenario.later(minutes=15)
    late = {
        PaymentOutcome.AUTHORISED: ["payment_authorised", "cancelled"],
        PaymentOutcome.CAPTURED: ["payment_authorised", "cancelled", "refund_due"],
    }
    assert till.report(outcome) == late[outcome]
    till.scenario.then_seats(till.flight_id, held=0, booked=0)


def test_late_money_is_seated_again_while_the_flight_has_not_departed(scenario: Scenario) -> None:
    flight_id = scenario.when(
        msgspec.structs.replace(SOON, departs_at=NOON + timedelta(minutes=15, microseconds=1))
    ).id
    booking_id = scenario.when(InitiateBooking(flight_id, "alice", 2)).id
    scenario.when(PayBooking(booking_id, "alice", COST, Capture.MANUAL))
    assert scenario.later(minutes=15).when(CapturePayment(booking_id)).status is Status.BOOKED


def test_a_block_that_is_decided_again_compares_the_fingerprint_of_the_new_pseudonyms() -> None:
    """Another process may store the person first; the submission then gets that pseudonym."""
    flight_id = UUID(int=7)
    alice = InitiateBooking(flight_id, "alice", 1)
    again = Submission(alice, Caller("alice"), render_plain)
    fingerprints = [again.fingerprint]
    for pseudonym in ("psn_a", "psn_b"):
        again.pseudonymise({"alice": pseudonym}, None)
        expected = replace_user(alice, pseudonym)
        assert again.fingerprint == Submission(expected, Caller(pseudonym), render_plain).fingerprint
        fingerprints.append(again.fingerprint)
    assert len(set(fingerprints)) == 3


def test_a_block_that_is_decided_again_seals_the_text_again() -> None:
    command = CancelBooking(UUID(int=7), "private")
    again = Submission(command, Caller("alice"), render_plain)
    for seal in ("one", "two"):
        again.pseudonymise({"alice": "psn_a"}, lambda text, seal=seal: f"{seal} {text}")  # type: ignore[misc]
        assert again.command == CancelBooking(UUID(int=7), f"{seal} private")
        assert again.fingerprint == Submission(again.command, Caller("psn_a"), render_plain).fingerprint
        assert again.older_fingerprint == Submission(command, Caller("psn_a"), render_plain).fingerprint


def replace_user(command: InitiateBooking, user: str) -> InitiateBooking:
    return msgspec.structs.replace(command, user_id=user)
