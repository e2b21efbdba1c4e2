"""Programs and databases that break one rule each on purpose: the checks must catch every one."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

import domain.booking
import domain.departure_handlers
import domain.itinerary_handlers
import domain.move_handlers
import domain.payment_handlers
import ledger.block
import trials.simulation.database
from domain.booking import Booking
from domain.booking_state import CancelReason
from domain.itinerary import Itinerary
from domain.money import Money
from domain.reference import reference_of
from domain.refunds import RefundReason
from domain.refusals.bookings import HoldNotDue
from domain.schedule import Retiming
from domain.seats import Seats, SeatUse
from domain.waiting import WaitingParty
from domain.working_set import WorkingSet
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.submission import Submission
from trials.simulation.database import Database, Session
from trials.simulation.program import Parts
from trials.simulation.store import TwinStore

Patch = pytest.MonkeyPatch
Control = Callable[[Patch], Parts]


def ignores_cancellation_policies(patch: Patch) -> Parts:
    patch.setattr(Booking, "refund_of", lambda booking, paid, now: paid)
    return Parts()


def answers_before_commit(patch: Patch) -> Parts:
    class Hasty(TwinStore):
        under_way: asyncio.Future[None] | None = None

        async def load(self, submissions: Sequence[Submission]) -> BlockInput:
            if self.under_way is not None:
                await self.under_way
            return await super().load(submissions)

        async def write(self, block: Block) -> None:
            self.under_way = asyncio.ensure_future(super().write(block))

    return Parts(store=Hasty)


def commits_without_the_lock(patch: Patch) -> Parts:
    class Unlocked(Database):
        async def lock(self, session: Session) -> None:
            pass

    return Parts(database=Unlocked)


def commits_without_lock_or_constraints(patch: Patch) -> Parts:
    class Lawless(Database):
        async def lock(self, session: Session) -> None:
            pass

        def check(self, block: Block, seats: dict[UUID, Seats]) -> None:
            pass

    return Parts(database=Lawless)


def looks_no_key_up_on_a_new_connection(patch: Patch) -> Parts:
    class Forgetful(TwinStore):
        async def load(self, submissions: Sequence[Submission]) -> BlockInput:
            loaded = await super().load(submissions)
            if not hasattr(self, "loaded_before"):
                self.loaded_before = True
                loaded.commands.clear()
            return loaded

    return Parts(store=Forgetful)


def looks_no_key_up_and_nothing_rejects_it(patch: Patch) -> Parts:
    class Lax(Database):
        def check(self, block: Block, seats: dict[UUID, Seats]) -> None:
            pass

    return Parts(database=Lax, store=looks_no_key_up_on_a_new_connection(patch).store)


def expires_without_looking_again(patch: Patch) -> Parts:
    def expire(booking: Booking, now: datetime) -> None:
        booking.cancel(CancelReason.HOLD_EXPIRED, None, booking.id, now)

    patch.setattr(Booking, "expire", expire)
    return Parts()


def records_hold_not_due(patch: Patch) -> Parts:
    patch.setattr(HoldNotDue, "is_recorded", True)
    return Parts()


def takes_money_for_a_hold_that_ran_out(patch: Patch) -> Parts:
    require_payable = Booking.require_payable

    def at_its_beginning(booking: Booking, amount: Money, now: datetime) -> None:
        require_payable(booking, amount, booking.created_on)

    patch.setattr(Booking, "require_payable", at_its_beginning)
    return Parts()


def lets_due_holds_block_seats(patch: Patch) -> Parts:
    class Blind(Database):
        def due_holds(self, seats_needed: Mapping[UUID, int], now: datetime) -> Iterable[UUID]:
            return ()

    return Parts(database=Blind)


def lets_time_go_back(patch: Patch) -> Parts:
    class Unsteady(Database):
        def now(self) -> datetime:
            return self.clock()

    return Parts(database=Unsteady)


def never_takes_the_lock_from_a_frozen_writer(patch: Patch) -> Parts:
    class Patient(Database):
        def connect(self, transaction_seconds: float) -> Session:
            return super().connect(math.inf)

    patch.setattr(trials.simulation.database, "IDLE_SECONDS_MAX", math.inf)
    return Parts(database=Patient)


def keeps_seats_of_ended_bookings(patch: Patch) -> Parts:
    follow = Seats.replace_use

    def forget(seats: Seats, before: SeatUse, after: SeatUse) -> None:
        if sum(after) >= sum(before):
            follow(seats, before, after)

    patch.setattr(Seats, "replace_use", forget)
    return Parts()


def keeps_the_money_of_a_cancelled_booking(patch: Patch) -> Parts:
    def keep(
        booking: Booking,
        reason: CancelReason,
        note: str | None,
        refund_id: UUID,
        now: datetime,
        *,
        refund: Money | None = None,
    ) -> None:
        booking.trigger_event(Booking.Cancelled, reason=reason, note=note, timestamp=now)

    patch.setattr(Booking, "cancel", keep)
    return Parts()


def seats_late_money_without_looking(patch: Patch) -> Parts:
    patch.setattr(domain.payment_handlers, "_has_seats", lambda booking, working_set: True)
    return Parts()


def returns_nothing_for_seats_given_back(patch: Patch) -> Parts:
    owe = Booking._owe

    def forget(booking: Booking, refund_id: UUID, amount: Money, reason: RefundReason, now: datetime) -> None:
        owe(
            booking,
            refund_id,
            Money(0, "INR") if reason is RefundReason.SEATS_REDUCED else amount,
            reason,
            now,
        )

    patch.setattr(Booking, "_owe", forget)
    return Parts()


def leaves_bookings_on_a_cancelled_flight(patch: Patch) -> Parts:
    patch.setattr(WorkingSet, "live_bookings", lambda working_set, flight_id: [])
    return Parts()


def serves_the_last_first(patch: Patch) -> Parts:
    line = WorkingSet.waiting_list
    patch.setattr(WorkingSet, "waiting_list", lambda self, flight_id: [*reversed(line(self, flight_id))])
    return Parts()


def sells_to_newcomers_before_waiting_parties(patch: Patch) -> Parts:
    """Load waiting parties only after a command, when the newcomer has the seats."""
    serve, make_room_for = Block._serve_waiting_list, Block._make_room_for

    def in_a_hurry(block: Block, submission: Submission) -> None:
        with pytest.MonkeyPatch.context() as hurry:
            hurry.setattr(Block, "_serve_waiting_list", lambda *_: None)
            make_room_for(block, submission)

    patch.setattr(Block, "_make_room_for", in_a_hurry)
    patch.setattr(Block, "_serve_waiting_list", serve)
    return Parts()


def serves_no_waiting_party(patch: Patch) -> Parts:
    patch.setattr(ledger.block, "has_open_waiting_list", lambda working_set, flight_id: False)
    return Parts()


def loads_no_waiting_party(patch: Patch) -> Parts:
    class Blind(Database):
        def lines(self, *read_set: Any) -> Iterable[UUID]:
            return ()

    return Parts(database=Blind)


def keeps_parties_waiting_for_a_cancelled_flight(patch: Patch) -> Parts:
    line = WorkingSet.waiting_list

    def of_flights_to_come(working_set: WorkingSet, flight_id: UUID) -> Sequence[WaitingParty]:
        flight = working_set.flights.get(flight_id)
        return () if flight and flight.cancelled else line(working_set, flight_id)

    patch.setattr(WorkingSet, "waiting_list", of_flights_to_come)
    return Parts()


def gives_two_bookings_one_reference(patch: Patch) -> Parts:
    patch.setattr(Booking, "reference", property(lambda booking: reference_of(booking.first_position & ~1)))
    return Parts()


def pays_for_one_booking_of_an_itinerary(patch: Patch) -> Parts:
    live = Itinerary.live.fget
    assert live is not None

    def pay(itinerary: Itinerary, payment_id: UUID, amount: Money, now: datetime) -> None:
        itinerary.require_payable(amount, now)
        first = live(itinerary)[0]
        first.pay(payment_id, first.total_cost, now)

    patch.setattr(Itinerary, "pay", pay)
    return Parts()


def charges_each_booking_of_an_itinerary_apart(patch: Patch) -> Parts:
    pay = Booking.pay

    def apart(booking: Booking, payment_id: UUID, amount: Money, now: datetime) -> None:
        pay(booking, UUID(int=payment_id.int ^ booking.id.int), amount, now)

    patch.setattr(Booking, "pay", apart)
    return Parts()


def forgets_a_flight_of_an_itinerary(patch: Patch) -> Parts:
    add = WorkingSet.add

    def add_less(working_set: WorkingSet, new: Any) -> None:
        if isinstance(new, Itinerary):
            new.bookings = new.bookings[:1]
        add(working_set, new)

    patch.setattr(WorkingSet, "add", add_less)
    return Parts()


def owes_late_money_for_an_itinerary_that_has_seats(patch: Patch) -> Parts:
    patch.setattr(domain.itinerary_handlers, "_have_seats", lambda paying, working_set: False)
    return Parts()


def forgets_departures(patch: Patch) -> Parts:
    patch.setattr(WorkingSet, "has_departed", lambda working_set, flight_id: False)
    return Parts()


def ignores_stated_refunds(patch: Patch) -> Parts:
    patch.setattr(domain.departure_handlers, "_stated_refund", lambda command, booking: None)
    return Parts()


def sells_the_overbooking_twice(patch: Patch) -> Parts:
    class Lawless(Database):
        def check(self, block: Block, seats: dict[UUID, Seats]) -> None:
            pass

    free = Seats.free.fget
    assert free is not None
    patch.setattr(Seats, "free", property(lambda seats: free(seats) + seats.overbooking))
    return Parts(database=Lawless)


def denies_boarding_without_a_refund(patch: Patch) -> Parts:
    def deny(booking: Booking, note: str, refund_ids: Any, compensation: Any, now: datetime) -> None:
        reason = CancelReason.DENIED_BOARDING
        booking.trigger_event(Booking.Cancelled, reason=reason, note=note, timestamp=now)

    patch.setattr(Booking, "deny_boarding", deny)
    return Parts()


def tells_no_booking_of_new_times(patch: Patch) -> Parts:
    patch.setattr(Booking, "change_schedule", lambda booking, retiming, now: None)
    return Parts()


def asks_about_small_changes(patch: Patch) -> Parts:
    patch.setattr(Retiming, "needs_answer", lambda retiming, agreed: True)
    return Parts()


def counts_moved_seats_on_the_flight_left(patch: Patch) -> Parts:
    patch.setattr(WorkingSet, "move_seats", lambda working_set, booking, flight_id: None)
    return Parts()


def moves_bookings_to_full_flights(patch: Patch) -> Parts:
    class Lawless(Database):
        def check(self, block: Block, seats: dict[UUID, Seats]) -> None:
            pass

    patch.setattr(domain.move_handlers, "_require_place", lambda booking, target, working_set: None)
    return Parts(database=Lawless)


def keeps_the_money_of_a_split(patch: Patch) -> Parts:
    trigger = Booking.trigger_event

    def keep(booking: Booking, event: Any, **fields: Any) -> None:
        if event is Booking.Split:
            fields["total_cost"] = booking.total_cost
        trigger(booking, event, **fields)

    patch.setattr(Booking, "trigger_event", keep)
    return Parts()


def leaves_all_passengers_in_a_split_booking(patch: Patch) -> Parts:
    trigger = Booking.trigger_event

    def leave(booking: Booking, event: Any, **fields: Any) -> None:
        if event is Booking.PassengersNamed and isinstance(booking.pending_events[-1], Booking.Split):
            fields["passengers"] = booking.passengers
        trigger(booking, event, **fields)

    patch.setattr(Booking, "trigger_event", leave)
    return Parts()


def counts_no_passengers(patch: Patch) -> Parts:
    patch.setattr(domain.booking, "require_party", lambda passengers, seats: None)
    return Parts()


CONTROLS: dict[Control, int] = {
    answers_before_commit: 5,
    commits_without_the_lock: 20,
    commits_without_lock_or_constraints: 20,
    looks_no_key_up_on_a_new_connection: 20,
    looks_no_key_up_and_nothing_rejects_it: 20,
    expires_without_looking_again: 5,
    records_hold_not_due: 20,
    takes_money_for_a_hold_that_ran_out: 10,
    lets_due_holds_block_seats: 20,
    lets_time_go_back: 50,
    never_takes_the_lock_from_a_frozen_writer: 100,
    keeps_seats_of_ended_bookings: 5,
    keeps_the_money_of_a_cancelled_booking: 20,
    seats_late_money_without_looking: 100,
    returns_nothing_for_seats_given_back: 20,
    leaves_bookings_on_a_cancelled_flight: 100,
    serves_the_last_first: 60,
    sells_to_newcomers_before_waiting_parties: 100,
    serves_no_waiting_party: 20,
    loads_no_waiting_party: 20,
    keeps_parties_waiting_for_a_cancelled_flight: 100,
    gives_two_bookings_one_reference: 5,
    pays_for_one_booking_of_an_itinerary: 20,
    charges_each_booking_of_an_itinerary_apart: 20,
    forgets_a_flight_of_an_itinerary: 20,
    owes_late_money_for_an_itinerary_that_has_seats: 200,
    forgets_departures: 20,
    ignores_stated_refunds: 60,
    sells_the_overbooking_twice: 60,
    denies_boarding_without_a_refund: 60,
    ignores_cancellation_policies: 20,
    tells_no_booking_of_new_times: 20,
    asks_about_small_changes: 20,
    counts_moved_seats_on_the_flight_left: 20,
    moves_bookings_to_full_flights: 60,
    keeps_the_money_of_a_split: 40,
    leaves_all_passengers_in_a_split_booking: 40,
    counts_no_passengers: 60,
}
