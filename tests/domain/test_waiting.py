"""Scenarios about waiting lists: which parties are served, and in which order."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.booking_state import CancelReason, Status
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.fields import Price
from domain.commands.flights import CancelFlight, ChangeFlightSeats, RepriceFlight
from domain.commands.payments import CapturePayment, PayBooking, VoidPayment
from domain.commands.waiting import CloseWaiting, HoldOffer, JoinWaitlist, LeaveWaitlist
from domain.handlers import HANDLERS
from domain.money import AMOUNT_MAX, Money
from domain.payments import Capture, PaymentStatus
from domain.refusals.flights import FlightNotBookable, FlightNotFound, NotEnoughSeats, SeatsInUse
from domain.refusals.requests import NotYourAccount
from domain.refusals.waiting import (
    AlreadyWaiting,
    NotWaiting,
    PartyLargerThanFlight,
    SeatsAvailable,
    WaitingListFull,
    WaitingNotOver,
    WaitingPartyNotFound,
)
from domain.waiting import WAITING_MAX, WaitingStatus, next_party_id
from ledger.block import HandlerFailed
from tests.domain.scenario import ALICE, BOB, NOON, OFFER_WINDOW, OPERATOR, Scenario

OFFER = ["waiting.offered", "booking.initiated"]
COST = Money(900_00, "GBP")


def join(scenario: Scenario, flight_id: UUID, user: str, seats: int = 1) -> UUID:
    """Join the waiting list one microsecond later, so that every party has its own time."""
    scenario.later(microseconds=1)
    return scenario.when(JoinWaitlist(flight_id, user, seats)).id  # type: ignore[no-any-return]


def statuses(scenario: Scenario, *parties: UUID) -> list[str]:
    return [scenario.parties[id].status.value for id in parties]


@pytest.fixture
def full(scenario: Scenario, flight_id: UUID) -> list[UUID]:
    """Six seats, each held by a booking of its own for one seat."""
    scenario.when(ChangeFlightSeats(flight_id, 6))
    return [scenario.when(InitiateBooking(flight_id, f"u{n}", 1)).id for n in range(6)]


def test_seats_that_come_free_are_offered_in_the_same_block(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bobs = join(scenario, flight_id, "bob", 2)
    scenario.later(minutes=1).when(CancelBooking(alices), ALICE)
    assert scenario.events == ["booking.cancelled", *OFFER]
    assert [event.actor for event in scenario.recorded] == ["alice", "seatledger", "seatledger"]
    assert {event.causation_id for event in scenario.recorded[1:]} == {str(bobs)}
    party = scenario.parties[bobs]
    assert (party.status, party.offer_expires_at) == (WaitingStatus.OFFERED, scenario.now + OFFER_WINDOW)
    hold = scenario.bookings[party.booking_id or uuid4()]
    assert (hold.user_id, hold.seats, hold.flight_id, hold.status) == ("bob", 2, flight_id, Status.INITIATED)
    assert (hold.expires_at, hold.total_cost) == (party.offer_expires_at, COST)
    scenario.then_seats(flight_id, held=2, booked=0)


def test_parties_are_served_in_order_and_a_party_that_does_not_fit_keeps_its_place(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    names = [("ann", 2), ("ben", 4), ("cid", 1), ("dan", 2)]
    ann, ben, cid, dan = (join(scenario, flight_id, name, seats) for name, seats in names)
    scenario.when(CancelBooking(full[0]))
    assert statuses(scenario, ann, ben, cid, dan) == ["waiting", "waiting", "offered", "waiting"]
    scenario.when(ChangeFlightSeats(flight_id, 10))
    assert statuses(scenario, ann, ben, cid, dan) == ["offered", "waiting", "offered", "offered"]
    scenario.when(ChangeFlightSeats(flight_id, 14))
    assert statuses(scenario, ben) == ["offered"]


def test_parties_of_one_instant_are_served_in_the_order_they_joined(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.later(seconds=1)
    parties = [scenario.when(JoinWaitlist(flight_id, f"u{n}", 1)).id for n in range(20)]
    assert [scenario.parties[id].place for id in parties] == list(range(1, 21))
    assert parties == sorted(parties)
    scenario.when(CancelBooking(alices))
    assert statuses(scenario, *parties) == ["offered"] * 2 + ["waiting"] * 18


def test_an_id_of_the_same_instant_sorts_after_the_last_and_a_later_one_is_unchanged(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    last = scenario.parties[join(scenario, flight_id, "bob")]
    low, high = UUID(int=last.id.int - 1), UUID(int=last.id.int + 9)
    assert next_party_id(last, low, last.created_on) == UUID(int=last.id.int + 1)
    assert next_party_id(last, high, last.created_on) == high
    assert next_party_id(last, low, last.created_on + timedelta(microseconds=1)) == low
    assert next_party_id(None, low, NOON) == low


def test_a_declined_offer_goes_to_the_next(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    first, second = join(scenario, flight_id, "bob", 2), join(scenario, flight_id, "carol", 2)
    scenario.when(CancelBooking(alices), ALICE)
    offered = scenario.parties[first].booking_id
    scenario.when(CancelBooking(offered or uuid4()), BOB)
    assert scenario.events == ["booking.cancelled", *OFFER]
    assert statuses(scenario, second) == ["offered"]


def test_an_expired_offer_goes_to_the_next_party_at_the_next_command(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob, carol = join(scenario, flight_id, "bob", 2), join(scenario, flight_id, "carol", 2)
    scenario.when(CancelBooking(alices), ALICE)
    scenario.later(minutes=10).when(InitiateBooking(flight_id, "newcomer", 1))
    scenario.then_refused(NotEnoughSeats, asked=1, free=0)
    assert scenario.events == ["booking.cancelled", *OFFER]
    assert statuses(scenario, carol) == ["offered"]
    offered = scenario.bookings[scenario.parties[bob].booking_id or uuid4()]
    assert offered.cancel_reason is CancelReason.HOLD_EXPIRED


def test_an_accepted_offer_is_a_booking_like_any_other(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = scenario.parties[join(scenario, flight_id, "bob", 2)]
    scenario.when(CancelBooking(alices), ALICE)
    paid = scenario.when(PayBooking(bob.booking_id or uuid4(), "bob", COST), BOB)
    assert paid.status is Status.BOOKED
    scenario.then_seats(flight_id, held=0, booked=2)


def test_a_new_booking_takes_no_seats_that_fit_a_waiting_party(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = join(scenario, flight_id, "bob", 2)
    scenario.later(minutes=5).when(InitiateBooking(flight_id, "carol", 1))
    scenario.then_refused(NotEnoughSeats, asked=1, free=0)
    assert statuses(scenario, bob) == ["offered"]


def test_a_new_booking_can_take_seats_that_fit_no_waiting_party(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    big = join(scenario, flight_id, "bob", 3)
    scenario.when(CancelBooking(full[0]))
    assert scenario.events == ["booking.cancelled"]
    scenario.when(InitiateBooking(flight_id, "carol", 1))
    assert scenario.events == ["booking.initiated"]
    assert statuses(scenario, big) == ["waiting"]


def test_all_due_holds_are_expired_before_a_party_is_skipped(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    big, small = join(scenario, flight_id, "big", 4), join(scenario, flight_id, "small")
    scenario.when(PayBooking(full[0], "u0", Money(450_00, "GBP")))
    scenario.later(minutes=5).when(CancelBooking(full[0]))
    assert scenario.events.count("booking.cancelled") == 5
    assert statuses(scenario, big, small) == ["offered", "offered"]
    scenario.then_seats(flight_id, held=6, booked=0)


FREEING = {
    "cancel": lambda id: CancelBooking(id),
    "give back": lambda id: ReduceSeats(id, 1),
    "expire": lambda id: ExpireHold(id),
}


@pytest.mark.parametrize("how", FREEING)
def test_every_command_that_frees_seats_serves_the_waiting_list(
    scenario: Scenario, alices: UUID, flight_id: UUID, how: str
) -> None:
    bob = join(scenario, flight_id, "bob")
    scenario.later(minutes=5 if how == "expire" else 1).when(FREEING[how](alices))
    assert statuses(scenario, bob) == ["offered"]


def test_a_void_after_the_hold_serves_the_waiting_list(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.when(PayBooking(alices, "alice", COST, Capture.MANUAL))
    bob = join(scenario, flight_id, "bob")
    scenario.later(minutes=6).when(VoidPayment(alices, "declined"))
    assert scenario.events == ["booking.payment_voided", "booking.cancelled", *OFFER]
    assert statuses(scenario, bob) == ["offered"]


def test_waiting_parties_come_before_late_payments(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    scenario.when(PayBooking(alices, "alice", COST, Capture.MANUAL))
    bob = join(scenario, flight_id, "bob", 2)
    late = scenario.later(minutes=15).when(CapturePayment(alices))
    assert statuses(scenario, bob) == ["offered"]
    assert (late.status, late.payment.status) == (Status.CANCELLED, PaymentStatus.REFUND_DUE)
    assert scenario.events == ["booking.cancelled", *OFFER, "booking.refund_due"]


def test_a_late_payment_is_seated_if_no_waiting_party_fits(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    scenario.when(PayBooking(full[0], "u0", Money(450_00, "GBP"), Capture.MANUAL))
    for booking_id in full[1:]:
        scenario.when(PayBooking(booking_id, scenario.bookings[booking_id].user_id, Money(450_00, "GBP")))
    big = join(scenario, flight_id, "big", 2)
    late = scenario.later(minutes=15).when(CapturePayment(full[0]))
    assert late.status is Status.BOOKED
    assert statuses(scenario, big) == ["waiting"]


def test_a_reduction_of_seats_comes_before_waiting_parties(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    """Due holds make room for the smaller aircraft first; remaining seats are offered."""
    bob = join(scenario, flight_id, "bob", 3)
    scenario.later(minutes=5).when(ChangeFlightSeats(flight_id, 2))
    assert statuses(scenario, bob) == ["waiting"]
    scenario.then_seats(flight_id, held=0, booked=0)


def test_a_refused_change_of_seats_still_serves_the_waiting_list(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    scenario.when(PayBooking(full[0], "u0", Money(450_00, "GBP")))
    for user in ("bob", "carol"):
        join(scenario, flight_id, user, 3)
    scenario.when(PayBooking(full[1], "u1", Money(450_00, "GBP")))
    # Two seats are paid for; expiring all four due holds does not free enough seats.
    scenario.later(minutes=5).when(ChangeFlightSeats(flight_id, 1))
    scenario.then_refused(SeatsInUse, asked=1, in_use=2)
    assert [party.status.value for party in scenario.parties.values()] == ["offered", "waiting"]


def test_a_cancelled_flight_closes_its_list_and_offers_nothing(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    parties = [join(scenario, flight_id, user, 2) for user in ("bob", "carol")]
    scenario.when(CancelFlight(flight_id, "fog"))
    assert scenario.events == ["flight.cancelled", "booking.cancelled", "waiting.closed", "waiting.closed"]
    assert scenario.recorded[-1].state == '{"reason":"flight_cancelled"}'
    assert statuses(scenario, *parties) == ["closed", "closed"]
    scenario.when(JoinWaitlist(flight_id, "dave", 1))
    scenario.then_refused(FlightNotBookable)


def test_nothing_is_offered_on_a_flight_that_has_departed(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = join(scenario, flight_id, "bob")
    scenario.later(days=1).when(CancelBooking(alices))
    assert scenario.events == ["booking.cancelled"]
    assert statuses(scenario, bob) == ["waiting"]
    scenario.when(LeaveWaitlist(bob), BOB)
    scenario.then_refused(NotWaiting, was=WaitingStatus.CLOSED)
    scenario.when(CloseWaiting(bob))
    assert scenario.recorded[-1].state == '{"reason":"flight_departed"}'
    scenario.when(CloseWaiting(bob))
    scenario.then_refused(WaitingNotOver)


def test_a_party_of_a_scheduled_flight_is_not_closed(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    scenario.when(CloseWaiting(join(scenario, flight_id, "bob")))
    scenario.then_refused(WaitingNotOver)
    scenario.when(CloseWaiting(uuid4()))
    scenario.then_refused(WaitingPartyNotFound)


def test_other_flights_are_not_affected(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    join(scenario, flight_id, "bob")
    other = scenario.parties[join(scenario, flight_id, "carol")]
    other.flight_id = uuid4()
    scenario.when(CancelBooking(alices))
    assert other.is_waiting


def test_parties_that_cannot_join_are_refused(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    bobs = join(scenario, flight_id, "bob", 2)
    scenario.when(JoinWaitlist(flight_id, "bob", 1), BOB)
    scenario.then_refused(AlreadyWaiting, waiting_id=bobs)
    scenario.when(JoinWaitlist(flight_id, "bob", 1), ALICE)
    scenario.then_refused(NotYourAccount)
    scenario.when(JoinWaitlist(uuid4(), "alice", 1), ALICE)
    scenario.then_refused(FlightNotFound)
    scenario.when(JoinWaitlist(flight_id, "alice", 3), ALICE)
    scenario.then_refused(PartyLargerThanFlight, asked=3, seats=2)
    scenario.later(days=1).when(JoinWaitlist(flight_id, "alice", 1), ALICE)
    scenario.then_refused(FlightNotBookable)


def test_a_party_that_fits_the_free_seats_cannot_join(
    scenario: Scenario, full: list[UUID], flight_id: UUID
) -> None:
    scenario.when(CancelBooking(full[0]))
    scenario.when(JoinWaitlist(flight_id, "bob", 1))
    scenario.then_refused(SeatsAvailable, asked=1, free=1)
    scenario.when(JoinWaitlist(flight_id, "bob", 2))
    assert scenario.decision.is_waiting


def test_due_holds_count_as_free_seats(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    scenario.later(minutes=5).when(JoinWaitlist(flight_id, "bob", 2))
    scenario.then_refused(SeatsAvailable, asked=2, free=2)
    scenario.when(JoinWaitlist(flight_id, "bob", 9))
    scenario.then_refused(PartyLargerThanFlight)


def test_seats_of_due_holds_go_to_waiting_parties_before_a_new_party(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = join(scenario, flight_id, "bob", 2)
    carol = scenario.later(minutes=5).when(JoinWaitlist(flight_id, "carol", 1))
    assert carol.place == 1
    assert scenario.events == ["booking.cancelled", *OFFER, "waiting.joined"]
    assert statuses(scenario, bob) == ["offered"]


def test_a_waiting_list_has_a_maximum_length(scenario: Scenario, alices: UUID, flight_id: UUID) -> None:
    for number in range(WAITING_MAX):
        join(scenario, flight_id, f"u{number}")
    scenario.when(JoinWaitlist(flight_id, "bob", 1))
    scenario.then_refused(WaitingListFull, waiting=WAITING_MAX)


def test_a_party_that_left_is_not_served_and_can_join_again_at_the_end(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob, carol = join(scenario, flight_id, "bob"), join(scenario, flight_id, "carol", 2)
    scenario.when(LeaveWaitlist(bob), BOB)
    assert scenario.events == ["waiting.left"]
    again = join(scenario, flight_id, "bob")
    assert scenario.parties[again].place == 2
    scenario.when(CancelBooking(alices))
    assert statuses(scenario, bob, carol, again) == ["left", "offered", "waiting"]


def test_only_a_waiting_party_of_the_caller_can_leave(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob, carol = join(scenario, flight_id, "bob", 2), join(scenario, flight_id, "carol", 2)
    scenario.when(LeaveWaitlist(carol), BOB)
    scenario.then_refused(WaitingPartyNotFound, waiting_id=carol)
    unknown = uuid4()
    scenario.when(LeaveWaitlist(unknown), BOB)
    scenario.then_refused(WaitingPartyNotFound, waiting_id=unknown)
    scenario.when(LeaveWaitlist(carol), OPERATOR)
    scenario.when(LeaveWaitlist(carol))
    scenario.then_refused(NotWaiting, waiting_id=carol)
    scenario.when(CancelBooking(alices))
    scenario.when(LeaveWaitlist(bob), BOB)
    scenario.then_refused(NotWaiting, was=WaitingStatus.OFFERED)


def test_a_user_with_an_open_offer_can_join_the_list_again(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    join(scenario, flight_id, "bob", 2)
    scenario.when(CancelBooking(alices))
    assert scenario.when(JoinWaitlist(flight_id, "bob", 1)).place == 1


def test_a_party_whose_total_cost_is_too_large_keeps_its_place(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob, carol = join(scenario, flight_id, "bob", 2), join(scenario, flight_id, "carol")
    scenario.when(RepriceFlight(flight_id, Price(AMOUNT_MAX, "GBP")))
    scenario.when(CancelBooking(alices))
    assert statuses(scenario, bob, carol) == ["waiting", "offered"]


def test_a_lower_price_serves_the_parties_whose_total_cost_was_too_large(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob, carol = join(scenario, flight_id, "bob", 2), join(scenario, flight_id, "carol", 2)
    scenario.when(RepriceFlight(flight_id, Price(AMOUNT_MAX, "GBP")))
    scenario.when(CancelBooking(alices))
    assert statuses(scenario, bob, carol) == ["waiting", "waiting"]
    scenario.when(RepriceFlight(flight_id, Price(AMOUNT_MAX // 2 + 1, "GBP")))
    assert statuses(scenario, bob, carol) == ["waiting", "waiting"]
    scenario.when(RepriceFlight(flight_id, Price(AMOUNT_MAX // 2, "GBP")))
    assert scenario.events == ["flight.repriced", *OFFER]
    assert statuses(scenario, bob, carol) == ["offered", "waiting"]
    offered = scenario.parties[bob].booking_id
    assert offered
    assert scenario.bookings[offered].total_cost == Money(AMOUNT_MAX // 2 * 2, "GBP")


def test_a_lower_price_offers_the_seats_of_due_holds(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = join(scenario, flight_id, "bob", 2)
    scenario.later(minutes=5).when(RepriceFlight(flight_id, Price(1, "GBP")))
    assert scenario.events == ["flight.repriced", "booking.cancelled", *OFFER]
    assert statuses(scenario, bob) == ["offered"]


def test_a_refused_price_of_a_departed_flight_offers_nothing(
    scenario: Scenario, alices: UUID, flight_id: UUID
) -> None:
    bob = join(scenario, flight_id, "bob", 2)
    scenario.later(days=2).when(RepriceFlight(flight_id, Price(1, "GBP")))
    scenario.then_refused(FlightNotBookable)
    assert (scenario.events, statuses(scenario, bob)) == ([], ["waiting"])


def test_an_offer_that_is_refused_fails_the_command_that_caused_it(
    scenario: Scenario, alices: UUID, flight_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorded refusal under the party's only key would block the party for ever."""
    join(scenario, flight_id, "bob")

    def refuse(*_: object) -> None:
        raise NotWaiting

    monkeypatch.setitem(HANDLERS, HoldOffer, refuse)
    with pytest.raises(HandlerFailed):
        scenario.when(CancelBooking(alices))
