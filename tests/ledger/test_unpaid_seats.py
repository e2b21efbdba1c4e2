"""The limit of unpaid seats that a user holds at a time, decided in the block."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, InitiateBooking, ReduceSeats
from domain.commands.itineraries import InitiateItinerary, ItineraryBooking
from domain.commands.payments import PayBooking, VoidPayment
from domain.commands.waiting import JoinWaitlist
from domain.money import Money
from domain.payments import Capture
from domain.working_set import Terms
from ledger.block import Block
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from ledger.master_key import key_ledger
from ledger.store import open_store
from ledger.submission import Answer, Submission, render_plain
from ledger.writer import BlockStore
from runtime.settings import Settings
from tests.desk import OPERATOR, SEAT, Desk
from tests.ledger.test_blocks import _make_due
from tests.trials.simulation.conftest import scheduling
from trials.simulation.database import Database
from trials.simulation.store import open_twin

KEY = bytes(range(32))
LIMIT = Settings(unpaid_seats_per_user=5, master_key=KEY)


@pytest.fixture
async def strict(database_url: str) -> AsyncIterator[Desk]:
    """A desk with a limit of 5 unpaid seats. It has a master key, because the limit is for known persons."""
    key_ledger(database_url, Keyring(KEY))
    async with open_ledger(database_url, LIMIT) as ledger:
        yield Desk(ledger)


def is_refused(answer: Answer) -> bool:
    return b'"code":"too-many-holds"' in answer.body


async def test_holds_of_one_block_count_for_each_other(strict: Desk, rows: Any) -> None:
    flight = await strict.schedule(seats=30)
    answers = await asyncio.gather(*(strict.hold(flight, "alice", seats=2) for _ in range(10)))
    assert sorted(is_refused(answer) for answer in answers) == [False] * 2 + [True] * 8
    assert rows("select count(distinct xmin::text) from ledger.events where position > 1") == [(1,)]
    assert not is_refused(await strict.hold(flight, "alice", seats=1))
    assert not is_refused(await strict.hold(flight, "bob", seats=5))


async def test_processes_count_together(database_url: str, strict: Desk, rows: Any) -> None:
    flight = await strict.schedule(seats=30)
    async with open_ledger(database_url, LIMIT) as ledger:
        other = Desk(ledger)
        answers = await asyncio.gather(*((strict, other)[n % 2].hold(flight, "alice") for n in range(20)))
    assert sum(not is_refused(answer) for answer in answers) == 5
    assert rows("select held from ledger.seats") == [(5,)]


async def test_only_seats_that_are_held_and_unpaid_count(strict: Desk, rows: Any) -> None:
    flight = await strict.schedule(seats=100)

    async def is_full() -> bool:
        return is_refused(await strict.submit(InitiateBooking(flight, "alice", 1), "alice", dry_run=True))

    paid = (await strict.hold(flight, "alice", seats=5)).subject_id
    assert await is_full()
    await strict.pay(paid, "alice", seats=5)
    assert not await is_full()

    authorised = (await strict.hold(flight, "alice", seats=5)).subject_id
    assert authorised
    cost = Money(SEAT.amount * 5, SEAT.currency)
    await strict.submit(PayBooking(authorised, "alice", cost, Capture.MANUAL), "alice")
    assert not await is_full()
    await strict.submit(VoidPayment(authorised, "no money"))
    assert await is_full()
    await strict.submit(ReduceSeats(authorised, 4), "alice")
    assert not await is_full()
    await strict.hold(flight, "alice")
    assert await is_full()
    await strict.cancel(authorised, "alice")
    assert not await is_full()

    await strict.hold(flight, "alice", seats=4)
    assert await is_full()
    ((person,),) = rows("select distinct user_id from ledger.bookings")
    _make_due(rows, person)
    assert not await is_full()


async def test_payments_and_cancellations_earlier_in_the_block_count(strict: Desk, rows: Any) -> None:
    flight = await strict.schedule(seats=30)
    first = (await strict.hold(flight, "alice", seats=3)).subject_id
    second = (await strict.hold(flight, "alice", seats=2)).subject_id
    *_, full, fits = await asyncio.gather(
        strict.pay(first, "alice", seats=3),
        strict.cancel(second, "alice"),
        strict.hold(flight, "alice", seats=6),
        strict.hold(flight, "alice", seats=5),
    )
    assert (is_refused(full), fits.status) == (True, 200)
    assert rows("select count(distinct xmin::text) from ledger.events where position > 3") == [(1,)]


async def test_an_operator_may_hold_more_and_an_offer_is_not_refused_but_counts(strict: Desk) -> None:
    flight, other = await strict.schedule(seats=9), await strict.schedule("BA118")
    filling = (await strict.hold(flight, "bob", seats=5)).subject_id
    assert (await strict.submit(InitiateBooking(flight, "carol", 4))).status == 200
    assert (await strict.submit(JoinWaitlist(flight, "alice", 5), "alice")).status == 200
    assert (await strict.hold(other, "alice", seats=2)).status == 200
    await strict.cancel(filling, "bob")
    assert is_refused(await strict.hold(other, "alice"))
    assert (await strict.submit(InitiateBooking(other, "alice", 3))).status == 200


async def test_an_operator_may_hold_more_even_beside_the_users_own_hold(strict: Desk, rows: Any) -> None:
    flight = await strict.schedule(seats=30)
    answers = await asyncio.gather(
        strict.hold(flight, "alice", seats=5), strict.submit(InitiateBooking(flight, "alice", 5))
    )
    assert [answer.status for answer in answers] == [200, 200]
    assert rows("select count(distinct xmin::text) from ledger.events where position > 1") == [(1,)]


async def test_an_atomic_party_counts_as_a_whole_over_all_its_flights(strict: Desk, rows: Any) -> None:
    flights = [await strict.schedule("BA1"), await strict.schedule("BA2")]
    caller = Caller("alice", frozenset({Role.CLIENT}))
    party = [Submission(InitiateBooking(flight, "alice", 3), caller, render_plain) for flight in flights]
    answers = await strict.ledger.submit_all(party, atomic=True)
    assert [is_refused(answer) for answer in answers] == [True, True]
    assert rows("select sum(held) from ledger.seats") == [(0,)]


async def test_an_itinerary_counts_as_a_whole_and_for_the_next_command(strict: Desk, rows: Any) -> None:
    flights = [await strict.schedule("BA1"), await strict.schedule("BA2")]
    large, small = (tuple(ItineraryBooking(flight, seats) for flight in flights) for seats in (3, 2))
    assert is_refused(await strict.submit(InitiateItinerary("alice", large), "alice"))
    answers = await asyncio.gather(
        strict.submit(InitiateItinerary("alice", small), "alice"), strict.hold(flights[0], "alice", seats=2)
    )
    assert [is_refused(answer) for answer in answers] == [False, True]
    assert rows("select sum(held) from ledger.seats") == [(4,)]


async def count_unpaid(store: BlockStore) -> list[int]:
    """Hold seats, pay and cancel; return the counts that the store loads for alice, bob and carol."""
    alice, bob, carol = (Caller(name, frozenset({Role.CLIENT})) for name in ("alice", "bob", "carol"))

    async def commit(*submissions: Submission) -> list[Any]:
        block = Block(await store.load(submissions))
        answers = [block.decide(submission) for submission in submissions]
        await store.write(block)
        return [answer.subject_id for answer in answers]

    def by(caller: Caller, command: Command) -> Submission:
        return Submission(command, caller, render_plain)

    (flight,) = await commit(by(OPERATOR, scheduling(seats=30)))

    def hold(caller: Caller, seats: int) -> Submission:
        return by(caller, InitiateBooking(flight, caller.subject, seats))

    paid, cancelled, *_ = await commit(hold(alice, 1), hold(alice, 2), hold(alice, 3), hold(bob, 4))
    price = scheduling().price
    await commit(by(alice, PayBooking(paid, "alice", Money(price.amount, price.currency))))
    await commit(by(alice, CancelBooking(cancelled)))
    operators = by(OPERATOR, InitiateBooking(flight, "dave", 1))
    loaded = await store.load([hold(alice, 1), hold(bob, 1), hold(carol, 1), operators])
    return list(loaded.working_set.unpaid_seats.values())


async def test_the_simulated_store_counts_like_the_real_one(database_url: str) -> None:
    key_ledger(database_url, Keyring(KEY))
    real = await open_store(database_url, Settings(unpaid_seats_per_user=9), Keyring(KEY))
    try:
        assert await count_unpaid(real) == [3, 4, 0]
    finally:
        await real.close()
    twin = open_twin(Database(), Terms(*[timedelta(minutes=5)] * 3, unpaid_seats_max=9), 5.0)
    assert await count_unpaid(twin) == [3, 4, 0]
