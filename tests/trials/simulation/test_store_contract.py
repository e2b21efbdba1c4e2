"""The contract between a writer and its store, held by the real store and by its twin."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.flights import CancelFlight, ChangeFlightSeats, RepriceFlight
from domain.commands.itineraries import CaptureItinerary, InitiateItinerary, ItineraryBooking, PayItinerary
from domain.commands.payments import CapturePayment, PayBooking, SettleRefund, VoidPayment
from domain.commands.waiting import CloseWaiting, JoinWaitlist, LeaveWaitlist
from domain.money import Money
from ledger.block import Block
from ledger.chain import GENESIS
from tests.trials.simulation.conftest import OPERATOR, Bench, asks, scheduling
from tests.waiting import await_until

SOCKET_SECONDS = 0.15


async def test_an_empty_log_is_at_its_beginning(bench: Bench) -> None:
    store = await bench.open()
    loaded = await store.load([asks(RepriceFlight(uuid4(), scheduling().price))])
    assert (loaded.position, loaded.hash, loaded.commands) == (0, GENESIS, {})
    assert (loaded.working_set.flights, loaded.working_set.bookings, loaded.working_set.seats) == ({}, {}, {})


async def test_committed_rows_are_loaded(bench: Bench) -> None:
    flight_id = await bench.flight(seats=5)
    hold = asks(InitiateBooking(flight_id, "alice", 2))
    store = await bench.open()
    block = Block(await store.load([hold]))
    answer = block.decide(hold)
    await store.write(block)

    loaded = await (await bench.open()).load([hold, asks(CancelBooking(answer.subject_id or uuid4()))])
    assert (loaded.position, loaded.hash) == (2, block.hash)
    assert loaded.commands == {hold.command_key: block.commands[0]}
    (booking,) = loaded.working_set.bookings.values()
    assert (booking.id, booking.version, booking.seats) == (answer.subject_id, 1, 2)
    assert list(loaded.working_set.flights) == [flight_id]
    assert loaded.working_set.seats == block.input.working_set.seats


async def test_all_bookings_of_an_itinerary_are_loaded_by_its_id(bench: Bench) -> None:
    flights = [await bench.flight(number=f"BA{number}", seats=1) for number in (1, 2)]
    parts = tuple(ItineraryBooking(flight, 1) for flight in flights)
    made, store = asks(InitiateItinerary("alice", parts)), await bench.open()
    block = Block(await store.load([made]))
    block.decide(made)
    await store.write(block)
    bookings = block.input.working_set.bookings
    (itinerary_id,) = {booking.itinerary_id for booking in bookings.values()}
    assert itinerary_id is not None

    paid = asks(PayItinerary(itinerary_id, "alice", Money(2 * scheduling().price.amount, "INR")))
    loaded = (await (await bench.open()).load([paid])).working_set
    assert loaded.bookings.keys() == bookings.keys()
    assert loaded.seats.keys() == set(flights)
    assert loaded.flights == {}


async def test_a_capture_of_an_itinerary_loads_flights_due_holds_and_waiting_parties(bench: Bench) -> None:
    flights = [await bench.flight(number=f"BA{number}", seats=1) for number in (1, 2)]
    parts = tuple(ItineraryBooking(flight, 1) for flight in flights)
    made, waits = asks(InitiateItinerary("alice", parts)), asks(JoinWaitlist(flights[0], "bob", 1))
    store = await bench.open()
    block = Block(await store.load([made, waits]))
    for submission in (made, waits):
        assert block.decide(submission).status == 200
    await store.write(block)
    (itinerary_id,) = {booking.itinerary_id for booking in block.input.working_set.bookings.values()}
    assert itinerary_id is not None

    loaded = (await (await bench.open()).load([asks(CaptureItinerary(itinerary_id))])).working_set
    assert (loaded.flights.keys(), len(loaded.bookings)) == (set(flights), 2)
    assert [party.user_id for party in loaded.parties.values()] == ["bob"]


async def test_a_refusal_is_loaded_with_every_field_as_it_was_recorded(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    too_many = asks(InitiateBooking(flight_id, "alice", 2), correlation_id="request-1")
    store = await bench.open()
    block = Block(await store.load([too_many]))
    assert block.decide(too_many).status == 409
    await store.write(block)
    loaded = await (await bench.open()).load([too_many])
    assert loaded.commands == {too_many.command_key: block.commands[0]}
    assert loaded.position == 1


async def test_the_same_store_goes_on_with_the_next_block(bench: Bench) -> None:
    flight_id = await bench.flight()
    store = await bench.open()
    for expected in (1, 2, 3):
        hold = asks(InitiateBooking(flight_id, "alice", 1))
        block = Block(await store.load([hold]))
        assert block.position == expected
        block.decide(hold)
        await store.write(block)


async def test_a_second_load_waits_for_the_first_to_commit_and_then_sees_it(bench: Bench) -> None:
    first, second, schedule = await bench.open(), await bench.open(), asks(scheduling())
    block = Block(await first.load([schedule]))
    block.decide(schedule)
    waiting = asyncio.create_task(second.load([schedule]))
    await bench.wait_for_lock_waiter()
    assert not waiting.done()
    await first.write(block)
    loaded = await waiting
    assert loaded.position == 1
    assert schedule.command_key in loaded.commands


async def test_a_lock_taken_first_is_kept_until_the_block_is_written(bench: Bench) -> None:
    first, second, schedule = await bench.open(), await bench.open(), asks(scheduling())
    await first.lock()
    waiting = asyncio.create_task(second.lock())
    block = Block(await first.load([schedule]))
    block.decide(schedule)
    await bench.wait_for_lock_waiter()
    assert not waiting.done()
    await first.write(block)
    await waiting
    assert (await second.load([schedule])).position == 1
    await second.abandon()
    assert (await first.load([schedule])).position == 1


async def test_uncommitted_rows_are_gone_with_their_connection(bench: Bench) -> None:
    first, second, schedule = await bench.open(), await bench.open(), asks(scheduling())
    Block(await first.load([schedule])).decide(schedule)
    waiting = asyncio.create_task(second.load([schedule]))
    await bench.wait_for_lock_waiter()
    await first.close()
    loaded = await waiting
    assert (loaded.position, loaded.commands) == (0, {})


async def test_a_wait_for_the_lock_ends_at_its_time_limit(bench: Bench) -> None:
    first, second = await bench.open(), await bench.open(transaction_seconds=0.2)
    await first.load([asks(scheduling())])
    with pytest.raises(psycopg.OperationalError):
        await second.load([asks(scheduling())])


async def test_a_severed_store_fails_and_leaves_the_lock_to_others(bench: Bench) -> None:
    first, second, third = await bench.open(), await bench.open(), await bench.open()
    await first.load([asks(scheduling())])
    async with asyncio.timeout(1):
        with pytest.raises(psycopg.OperationalError), second.socket_deadline(SOCKET_SECONDS):
            await second.load([asks(scheduling())])
    await second.close()
    await first.close()
    assert (await third.load([asks(scheduling())])).position == 0


async def test_a_writer_that_stops_in_mid_block_loses_the_lock_and_cannot_commit(bench: Bench) -> None:
    frozen, other, schedule = (
        await bench.open(transaction_seconds=0.3),
        await bench.open(),
        asks(scheduling()),
    )
    block = Block(await frozen.load([schedule]))
    block.decide(schedule)
    assert (await other.load([schedule])).position == 0
    with pytest.raises(psycopg.Error):
        await frozen.write(block)
    await other.close()
    assert (await (await bench.open()).load([schedule])).position == 0


async def test_a_key_is_recorded_once_even_by_a_writer_that_did_not_look(bench: Bench) -> None:
    flight_id = await bench.flight()
    hold = asks(InitiateBooking(flight_id, "alice", 1))
    await bench.commit(hold)
    store = await bench.open()
    loaded = await store.load([hold])
    loaded.commands.clear()
    block = Block(loaded)
    block.decide(hold)
    with pytest.raises(psycopg.IntegrityError):
        await store.write(block)
    await store.close()
    assert (await (await bench.open()).load([hold])).position == 2


async def test_a_position_is_handed_out_once(bench: Bench) -> None:
    flight_id = await bench.flight()
    await bench.hold(flight_id)
    store, hold = await bench.open(), asks(InitiateBooking(flight_id, "bob", 1))
    loaded = await store.load([hold])
    loaded.position -= 1
    block = Block(loaded)
    block.decide(hold)
    with pytest.raises(errors.UniqueViolation):
        await store.write(block)


async def test_seats_that_are_not_there_cannot_be_written(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    await bench.hold(flight_id)
    store, hold = await bench.open(), asks(InitiateBooking(flight_id, "bob", 1))
    loaded = await store.load([hold])
    loaded.working_set.seats[flight_id].held = 0
    block = Block(loaded)
    block.decide(hold)
    loaded.working_set.seats[flight_id].held = 2
    with pytest.raises(errors.CheckViolation):
        await store.write(block)


async def test_a_statement_that_the_database_refuses_leaves_the_lock_to_others(bench: Bench) -> None:
    await bench.flight()
    store, again = await bench.open(), asks(scheduling())
    loaded = await store.load([again])
    loaded.working_set.scheduled.clear()
    block = Block(loaded)
    block.decide(again)
    with pytest.raises(errors.UniqueViolation):
        await store.write(block)
    assert (await (await bench.open()).load([again])).position == 1


async def test_text_with_a_nul_is_refused_for_good(bench: Bench) -> None:
    store, poison = await bench.open(), asks(scheduling(), correlation_id="\0")
    block = Block(await store.load([poison]))
    block.decide(poison)
    with pytest.raises(psycopg.DataError):
        await store.write(block)


async def test_a_flight_is_found_by_its_number_place_and_day(bench: Bench) -> None:
    flight_id = await bench.flight(number="BA117")
    await bench.flight(number="BA118")
    loaded = await (await bench.open()).load([asks(scheduling("BA117")), asks(scheduling("BA119"))])
    flight = scheduling("BA117")
    assert loaded.working_set.scheduled == {("BA117", flight.origin, flight.departure_day): flight_id}


async def test_a_booking_brings_the_seats_of_its_flight(bench: Bench) -> None:
    flight_id = await bench.flight(seats=5)
    booking_id = await bench.hold(flight_id, seats=2)
    loaded = await (await bench.open()).load([asks(CancelBooking(booking_id))])
    assert {id: (s.seats, s.held, s.booked) for id, s in loaded.working_set.seats.items()} == {
        flight_id: (5, 2, 0)
    }
    assert loaded.working_set.flights == {}


async def test_due_holds_come_oldest_first_and_no_more_than_seats_needed(bench: Bench) -> None:
    flight_id = await bench.flight(seats=5)
    await bench.hold(flight_id)
    middle, oldest, _ = [await bench.hold(flight_id, due_for=seconds) for seconds in (20, 30, 10)]
    loaded = await (await bench.open()).load([asks(InitiateBooking(flight_id, "bob", 2))])
    assert set(loaded.working_set.bookings) == {oldest, middle}


async def test_due_holds_stay_where_they_are_while_there_are_seats(bench: Bench) -> None:
    flight_id = await bench.flight(seats=5)
    await bench.hold(flight_id, due_for=10)
    loaded = await (await bench.open()).load([asks(InitiateBooking(flight_id, "bob", 4))])
    assert loaded.working_set.bookings == {}


async def test_seats_needed_add_up_over_a_block(bench: Bench) -> None:
    flight_id = await bench.flight(seats=3)
    due = {await bench.hold(flight_id, due_for=seconds) for seconds in (10, 20, 30)}
    holds = [asks(InitiateBooking(flight_id, "bob", 1)) for _ in range(3)]
    assert set((await (await bench.open()).load(holds)).working_set.bookings) == due


async def test_other_flights_and_other_states_are_no_due_holds(bench: Bench) -> None:
    flight_id, other_id = await bench.flight(seats=4), await bench.flight(seats=4, number="BA118")
    paid, cancelled = await bench.hold(flight_id), await bench.hold(flight_id, due_for=20)
    await bench.commit(asks(PayBooking(paid, "alice", Money(100, "INR"))), asks(CancelBooking(cancelled)))
    await bench.hold(other_id, due_for=30)
    due = await bench.hold(flight_id, due_for=10)
    loaded = await (await bench.open()).load([asks(ChangeFlightSeats(flight_id, 1))])
    assert set(loaded.working_set.bookings) == {due}


async def test_time_does_not_go_back_behind_the_log(bench: Bench) -> None:
    store, schedule = await bench.open(), asks(scheduling())
    loaded = await store.load([schedule])
    later = loaded.working_set.now = loaded.working_set.now + timedelta(hours=1)
    block = Block(loaded)
    block.decide(schedule)
    await store.write(block)
    assert (await (await bench.open()).load([schedule])).working_set.now == later


async def test_the_views_show_the_written_rows(bench: Bench) -> None:
    flight_id = await bench.flight()
    paid, due = await bench.hold(flight_id), await bench.hold(flight_id, due_for=10)
    await bench.commit(asks(PayBooking(paid, "alice", Money(100, "INR"))))
    await bench.commit(asks(CancelBooking(paid)), asks(RepriceFlight(flight_id, scheduling().price)))
    store = await bench.open()
    submissions = [asks(CancelBooking(id), key="none") for id in (paid, due)]
    working_set = (await store.load([*submissions, asks(InitiateBooking(flight_id, "alice", 1))])).working_set
    await store.close()
    flights, bookings, refunds, _ = bench.views()
    bookings_expected = sorted(working_set.bookings.values(), key=lambda booking: booking.id)
    assert bookings == list(zip(*projections.bookings.upsert(bookings_expected)[1], strict=True))
    assert refunds == list(zip(*projections.refunds.upsert(bookings_expected)[1], strict=True))
    assert len(refunds) == 1
    assert flights == list(
        zip(*projections.flights.upsert(list(working_set.flights.values()))[1], strict=True)
    )
    assert OPERATOR.subject not in {row[2] for row in bookings}


async def test_a_cancelled_flight_comes_with_its_live_bookings(bench: Bench) -> None:
    flight_id = await bench.flight()
    live, gone = await bench.hold(flight_id), await bench.hold(flight_id)
    await bench.commit(asks(CancelBooking(gone)))
    loaded = await (await bench.open()).load([asks(CancelFlight(flight_id, "fog"))])
    assert list(loaded.working_set.bookings) == [live]
    assert flight_id in loaded.working_set.seats


async def test_a_capture_comes_with_its_flight_and_with_the_due_holds_that_a_lost_seat_needs(
    bench: Bench,
) -> None:
    flight_id = await bench.flight(seats=2)
    lapsed = await bench.hold(flight_id, due_for=60)
    await bench.commit(asks(ExpireHold(lapsed)))
    await bench.hold(flight_id)
    due = await bench.hold(flight_id, due_for=10)
    loaded = await (await bench.open()).load([asks(CapturePayment(lapsed))])
    assert set(loaded.working_set.bookings) == {lapsed, due}
    assert list(loaded.working_set.flights) == [flight_id]
    assert loaded.working_set.seats[flight_id].free == 0


async def test_a_refund_comes_with_its_booking(bench: Bench) -> None:
    flight_id = await bench.flight()
    paid = await bench.hold(flight_id)
    await bench.commit(asks(PayBooking(paid, "alice", Money(100, "INR"))))
    await bench.commit(asks(CancelBooking(paid)))
    (refund,) = bench.views()[2]
    loaded = await (await bench.open()).load([asks(SettleRefund(refund[0]))])
    assert list(loaded.working_set.bookings[paid].refunds) == [refund[0]]
    assert flight_id in loaded.working_set.seats


async def test_an_abandoned_block_leaves_nothing_and_lets_the_next_one_in(bench: Bench) -> None:
    first, second, schedule = await bench.open(), await bench.open(), asks(scheduling())
    for _ in range(2):
        Block(await first.load([schedule])).decide(schedule)
        await first.abandon()
    async with asyncio.timeout(1):
        loaded = await second.load([schedule])
    assert (loaded.position, loaded.commands) == (0, {})


async def test_commands_that_may_move_seats_load_the_waiting_parties(bench: Bench) -> None:
    flight_id, other_id = await bench.flight(seats=2), await bench.flight(seats=1, number="BA118")
    held, others = await bench.hold(flight_id, seats=2), await bench.hold(other_id)
    first, second = await bench.wait(flight_id, "bob", 1), await bench.wait(flight_id, "carol", 2)
    left, _ = await bench.wait(flight_id, "dave", 2), await bench.wait(other_id, "bob", 1)
    await bench.commit(asks(LeaveWaitlist(left)))
    for command in (
        InitiateBooking(flight_id, "erin", 1),
        JoinWaitlist(flight_id, "erin", 1),
        ChangeFlightSeats(flight_id, 3),
        RepriceFlight(flight_id, scheduling().price),
        CancelFlight(flight_id, "fog"),
        CancelBooking(held),
        ReduceSeats(held, 1),
        VoidPayment(held, "declined"),
        CapturePayment(held),
        ExpireHold(held),
        LeaveWaitlist(first),
        CloseWaiting(first),
    ):
        store = await bench.open()
        working_set = (await store.load([asks(command)])).working_set
        await store.close()
        assert [party.id for party in working_set.waiting_list(flight_id)] == [first, second], command
        assert list(working_set.flights) == [flight_id], command
        assert left not in working_set.parties
        assert others not in working_set.bookings


async def test_a_payment_loads_no_waiting_party(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    held = await bench.hold(flight_id)
    await bench.wait(flight_id, "bob", 1)
    payment = PayBooking(held, "alice", Money(100, "INR"))
    store = await bench.open()
    assert (await store.load([asks(payment)])).working_set.parties == {}
    await store.close()


async def test_waiting_parties_are_loaded_with_all_due_holds(bench: Bench) -> None:
    flight_id, other_id = await bench.flight(seats=4), await bench.flight(seats=1, number="BA118")
    held, _ = await bench.hold(flight_id), await bench.hold(flight_id)
    soon = [await bench.hold(flight_id, due_for=-1) for _ in range(2)]
    await bench.hold(other_id, due_for=10)
    await bench.wait(flight_id, "bob", 3)

    async def due_holds(command: Command) -> set[UUID]:
        store = await bench.open()
        working_set = (await store.load([asks(command)])).working_set
        await store.close()
        return {each.id for each in working_set.bookings.values() if each.hold_is_due(working_set.now)}

    async def both_are_due() -> bool:
        return await due_holds(CancelBooking(held)) == set(soon)

    await await_until(both_are_due)
    for command in (CancelBooking(held), InitiateBooking(flight_id, "carol", 1)):
        assert await due_holds(command) == set(soon)


async def test_an_entry_that_waits_no_more_comes_alone(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    await bench.hold(flight_id)
    bob = await bench.wait(flight_id, "bob", 1)
    await bench.commit(asks(LeaveWaitlist(bob)))
    working_set = (await (await bench.open()).load([asks(LeaveWaitlist(bob))])).working_set
    assert list(working_set.parties) == [bob]
    assert working_set.flights == {}


async def test_a_joining_party_is_loaded_with_the_due_holds_that_would_serve_it(bench: Bench) -> None:
    flight_id = await bench.flight(seats=3)
    _, due, oldest = [await bench.hold(flight_id, due_for=seconds) for seconds in (10, 20, 30)]
    loaded = await (await bench.open()).load([asks(JoinWaitlist(flight_id, "bob", 2))])
    assert set(loaded.working_set.bookings) == {due, oldest}


async def test_offers_are_written_with_their_holds_and_shown(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    held = await bench.hold(flight_id)
    bob = await bench.wait(flight_id, "bob", 1)
    await bench.commit(asks(CancelBooking(held)))
    store = await bench.open()
    working_set = (await store.load([asks(LeaveWaitlist(bob), key="none")])).working_set
    await store.close()
    _, bookings, _, waiting = bench.views()
    assert waiting == list(zip(*projections.waiting.upsert([working_set.parties[bob]])[1], strict=True))
    assert waiting[0][4:6] == ("offered", bookings[-1][0])
    assert bookings[-1][2] == "bob"


async def test_a_user_waits_once_for_a_flight_even_by_a_writer_that_did_not_look(bench: Bench) -> None:
    flight_id = await bench.flight(seats=1)
    await bench.hold(flight_id)
    await bench.wait(flight_id, "bob", 1)
    store, again = await bench.open(), asks(JoinWaitlist(flight_id, "bob", 1))
    loaded = await store.load([again])
    loaded.working_set.parties.clear()
    block = Block(loaded)
    block.decide(again)
    with pytest.raises(errors.UniqueViolation):
        await store.write(block)
