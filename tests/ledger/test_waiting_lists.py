"""Waiting lists on a real database: rushes, repeated blocks, and forgeries that verify finds."""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
import pytest

import ledger.block
from domain.commands.bookings import InitiateBooking
from domain.commands.flights import CancelFlight, ChangeFlightSeats
from domain.commands.waiting import JoinWaitlist, LeaveWaitlist
from domain.working_set import WorkingSet
from ledger.ledger import open_ledger
from ledger.store import Store
from ledger.submission import Answer, Submission, render_plain
from runtime.settings import Settings
from tests.audit.verify.test_forged_chains import RELINK
from tests.audit.verify.test_verify import ZEROES
from tests.audit.verify.verified import verify
from tests.desk import OPERATOR, Desk
from tests.waiting import await_until

STANDING = "select user_id, status from ledger.waiting order by joined_at, id"


async def join(desk: Desk, flight_id: UUID, user: str, seats: int = 1) -> Answer:
    return await desk.submit(JoinWaitlist(flight_id, user, seats), user)


async def test_a_rush_passes_no_party_over_and_oversells_nothing(
    desk: Desk, other_desk: Desk, rows: Any, database_url: str
) -> None:
    """Bookings, cancellations, joins and leaves at once, through the ledgers of two processes."""
    flight = await desk.schedule(seats=64)
    held = [(await desk.hold(flight, f"holder-{n}", seats=2)).subject_id for n in range(32)]
    joined = await asyncio.gather(*(join(desk, flight, f"early-{n}", 1 + n % 4) for n in range(40)))
    desks = [desk, other_desk]
    answers = await asyncio.gather(
        *(desks[n % 2].cancel(booking, f"holder-{n}") for n, booking in enumerate(held)),
        *(desks[n % 2].hold(flight, f"newcomer-{n}", seats=1 + n % 3) for n in range(64)),
        *(join(desks[n % 2], flight, f"late-{n}", 1 + n % 3) for n in range(32)),
        *(
            desks[n % 2].submit(LeaveWaitlist(joined[n].subject_id or flight), f"early-{n}")
            for n in range(0, 40, 5)
        ),
    )
    assert {answer.status for answer in answers} <= {200, 409}
    result = verify(database_url)
    assert result.ok, result
    ((seats, in_use),) = rows("select seats, held + booked from ledger.seats")
    smallest = rows("select min(seats) from ledger.waiting where status = 'waiting'")[0][0]
    assert in_use <= seats
    assert smallest is None or smallest > seats - in_use
    offered = rows("select count(*) from ledger.waiting where status = 'offered'")[0][0]
    assert offered == rows("select count(*) from ledger.events where operation = 'hold_offer'")[0][0] > 10


async def test_a_repeated_block_offers_once(desk: Desk, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The COMMIT succeeds, but its answer is lost."""
    flight = await desk.schedule(seats=1)
    held = (await desk.hold(flight, "alice")).subject_id
    for user in ("bob", "carol"):
        await join(desk, flight, user)
    write, lost = Store.write, [True]

    async def loses_the_answer(store: Store, block: Any) -> None:
        await write(store, block)
        if lost.pop() if lost else False:
            raise psycopg.OperationalError("the answer is lost")

    monkeypatch.setattr(Store, "write", loses_the_answer)
    answer = await desk.cancel(held, "alice")
    assert (answer.status, lost) == (200, [])
    assert rows(STANDING) == [("bob", "offered"), ("carol", "waiting")]


async def test_a_full_list_of_a_cancelled_flight_closes_in_its_block(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=2)
    await desk.hold(flight, "alice", seats=2)
    await asyncio.gather(*(join(desk, flight, f"u{n}") for n in range(201)))
    assert rows("select count(*) from ledger.waiting") == [(200,)]
    assert (await desk.submit(CancelFlight(flight, "fog"))).status == 200
    assert rows("select distinct status from ledger.waiting") == [("closed",)]
    assert verify(database_url).ok


async def test_atomic_holds_come_after_the_waiting_list(database_url: str, rows: Any) -> None:
    """The hold is already due: its seats are offered before the atomic holds are decided."""
    async with open_ledger(database_url, Settings(hold_seconds=0)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule(seats=4)
        async with open_ledger(database_url, Settings(hold_seconds=1)) as slow:
            await Desk(slow).hold(flight, "alice", seats=4)
            await join(desk, flight, "bob", 2)
            await await_until(lambda: rows("select id from ledger.bookings where held_until <= now()"))
        answers = await ledger.submit_all([party(flight), party(flight), party(flight)], atomic=True)
        assert [answer.status for answer in answers] == [409] * 3
        assert b'"asked":3,"free":2' in answers[0].body
    assert rows(STANDING) == [("bob", "offered")]


def party(flight: UUID) -> Submission:
    return Submission(InitiateBooking(flight, "dave", 1), OPERATOR, render_plain)


async def test_the_database_rejects_a_second_waiting_party_of_a_user(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=1)
    await desk.hold(flight, "alice")
    await join(desk, flight, "bob")
    with pytest.raises(psycopg.errors.UniqueViolation):
        rows(
            "insert into ledger.waiting select gen_random_uuid(), flight_id, user_id, seats, status, null,"
            " null, joined_at, version from ledger.waiting"
        )


@pytest.fixture
async def log(desk: Desk) -> UUID:
    """Create a log of nine events and return the flight.

    Positions: 1 a flight of two seats, 2 a hold, 3 to 5 bob, carol and dave wait, 6 alice cancels,
    7 and 8 bob's offer, 9 dave leaves.
    """
    flight = await desk.schedule(seats=2)
    held = (await desk.hold(flight, "alice", seats=2)).subject_id
    _, _, dave = [await join(desk, flight, user, 2) for user in ("bob", "carol", "dave")]
    await desk.cancel(held, "alice")
    await desk.submit(LeaveWaitlist(dave.subject_id or flight), "dave")
    return flight


async def test_all_holds_after_real_work(log: UUID, database_url: str) -> None:
    assert (verify(database_url).ok, verify(database_url).checked) == (True, 9)


BESIDE = [
    ("update ledger.waiting set status = 'offered' where user_id = 'carol'", 4),
    ("update ledger.waiting set seats = 1 where user_id = 'carol'", 4),
    ("update ledger.waiting set joined_at = joined_at - interval '1 hour' where user_id = 'carol'", 4),
    ("update ledger.waiting set booking_id = null where user_id = 'bob'", 7),
    ("update ledger.waiting set offer_expires_at = now() where user_id = 'bob'", 7),
    ("delete from ledger.waiting where user_id = 'dave'", 9),
    (
        f"insert into ledger.waiting select '{ZEROES}', flight_id, 'eve', 1, 'waiting', null, null,"
        " joined_at, 1 from ledger.waiting limit 1",
        10,
    ),
]


@pytest.mark.parametrize(("statement", "position"), BESIDE)
async def test_a_view_that_differs_from_the_log_is_found(
    log: UUID, tamper: Any, database_url: str, statement: str, position: int
) -> None:
    tamper(statement)
    assert verify(database_url).first_bad_position == position


HOLD = "update ledger.events set state = replace(state, {}) where position = 8;"
FORGED = [
    (HOLD.format("'bob', 'eve'") + "update ledger.bookings set user_id = 'eve' where user_id = 'bob';", 7),
    (
        HOLD.format("'\"seats\":2', '\"seats\":1'")
        + "update ledger.bookings set seats = 1 where user_id = 'bob'; update ledger.seats set held = 1;",
        7,
    ),
    (
        "update ledger.events set state = replace(state, (select booking_id::text from ledger.waiting where"
        f" user_id = 'bob'), '{ZEROES}') where position = 7;"
        f"update ledger.waiting set booking_id = '{ZEROES}' where user_id = 'bob';",
        7,
    ),
    (
        "update ledger.events set operation = 'initiate_booking' where position = 8;"
        "update ledger.commands set operation = 'initiate_booking' where first_position = 8;",
        7,
    ),
]
"""Forged offers that differ from their hold; views, seats, commands and the chain are forged to match."""


@pytest.mark.parametrize(("edit", "position"), FORGED)
async def test_an_offer_that_differs_from_its_hold_is_found(
    log: UUID, tamper: Any, database_url: str, edit: str, position: int
) -> None:
    tamper(edit + RELINK)
    result = verify(database_url)
    assert result.first_bad_position == position, result
    assert "which is no such hold" in (result.reason or ""), result


async def test_a_hold_without_an_offer_is_found(log: UUID, tamper: Any, database_url: str) -> None:
    """The event of the offer is replaced by the party's leaving."""
    tamper(
        "update ledger.events set topic = 'waiting.left', state = '{}' where position = 7;"
        "update ledger.waiting set status = 'left', booking_id = null, offer_expires_at = null"
        " where user_id = 'bob';" + RELINK
    )
    result = verify(database_url)
    assert (result.first_bad_position, "nobody had" in (result.reason or "")) == (8, True), result


async def test_a_party_that_was_passed_over_is_found(
    desk: Desk, rows: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken ledger serves the last party first: log, views and seats agree, but the order is wrong."""
    line = WorkingSet.waiting_list
    flight = await desk.schedule(seats=3)
    held = (await desk.hold(flight, "alice", seats=3)).subject_id
    for user, seats in (("bob", 3), ("carol", 1), ("dave", 1), ("erin", 1)):
        await join(desk, flight, user, seats)
    monkeypatch.setattr(WorkingSet, "waiting_list", lambda self, flight: [*reversed(line(self, flight))])
    await desk.submit(ChangeFlightSeats(flight, 4))
    assert rows(STANDING)[-1] == ("erin", "offered")
    result = verify(database_url)
    assert (result.ok, result.first_bad_position) == (False, 8)
    assert "passed over" in (result.reason or "")
    monkeypatch.undo()
    await desk.cancel(held, "alice")
    assert verify(database_url).first_bad_position == 8


async def test_skipped_larger_parties_and_parties_that_left_are_valid(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule(seats=3)
    held = (await desk.hold(flight, "alice", seats=3)).subject_id
    bob = await join(desk, flight, "bob", 3)
    await join(desk, flight, "carol", 2)
    left = await join(desk, flight, "dave", 1)
    await join(desk, flight, "erin", 1)
    await desk.submit(LeaveWaitlist(left.subject_id or flight), "dave")
    await desk.submit(ChangeFlightSeats(flight, 4))
    await desk.submit(ChangeFlightSeats(flight, 5))
    await desk.cancel(held, "alice")
    await desk.submit(LeaveWaitlist(bob.subject_id or flight), "bob")
    assert verify(database_url).ok


async def test_an_open_waiting_list_of_a_cancelled_flight_is_found(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule(seats=1)
    await desk.hold(flight, "alice")
    await join(desk, flight, "bob")
    monkeypatch.setattr(
        ledger.block, "closing_of", lambda _, correlation_id: party_that_is_refused(flight, correlation_id)
    )
    await desk.submit(CancelFlight(flight, "fog"))
    result = verify(database_url)
    assert (result.first_bad_position, "waits for it" in (result.reason or "")) == (3, True), result


def party_that_is_refused(flight: UUID, correlation_id: str) -> Submission:
    return Submission(
        JoinWaitlist(flight, "eve", 1), OPERATOR, render_plain, key="refused", correlation_id=correlation_id
    )


async def test_two_ledgers_agree_on_the_waiting_list(desk: Desk, other_desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=1)
    held = (await desk.hold(flight, "alice")).subject_id
    for number in range(6):
        await join((desk, other_desk)[number % 2], flight, f"u{number}")
    await other_desk.cancel(held, "alice")
    assert rows(STANDING)[:2] == [("u0", "offered"), ("u1", "waiting")]
