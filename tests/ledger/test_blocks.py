"""Blocks on the real database: one transaction, one order, one outcome for each key."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from audit.verify import verify
from database.connection import connect
from domain.commands.bookings import InitiateBooking
from domain.commands.flights import ChangeFlightSeats, ScheduleFlight
from domain.commands.payments import SettleRefund
from domain.commands.waiting import JoinWaitlist, LeaveWaitlist
from ledger.statements import HEAD_LOCK
from ledger.store import open_store
from ledger.submission import Submission, render_plain
from runtime.settings import Settings
from tests.desk import OPERATOR, SEAT, Desk
from tests.waiting import await_until

REUSED = b'{"code":"idempotency-key-reused"}'


async def test_many_concurrent_commands_are_one_transaction(desk: Desk, rows: Any) -> None:
    flights = [await desk.schedule(f"BA{n}") for n in range(64)]
    answers = await asyncio.gather(*(desk.hold(flight, "alice") for flight in flights))
    assert {answer.status for answer in answers} == {200}
    blocks = rows("select xmin::text, count(*) from ledger.events where position > 64 group by 1")
    assert [count for _, count in blocks] == [64]


async def test_commands_that_arrive_during_the_wait_for_the_lock_join_the_block(
    desk: Desk, database_url: str, rows: Any
) -> None:
    flights = [await desk.schedule(f"BA{n}") for n in range(6)]
    async with await connect(database_url, "test") as other:
        await other.execute("begin")
        await other.execute(HEAD_LOCK)
        early = [asyncio.create_task(desk.hold(flight, "alice")) for flight in flights[:2]]
        await await_until(
            lambda: rows("select pid from pg_locks where locktype = 'transactionid' and not granted")
        )
        late = [asyncio.create_task(desk.hold(flight, "alice")) for flight in flights[2:]]
        await await_until(lambda: desk.ledger.queued == len(late))
        await other.rollback()
    await asyncio.gather(*early, *late)
    blocks = rows("select xmin::text, count(*) from ledger.events where position > 6 group by 1")
    assert [count for _, count in blocks] == [6]


async def test_positions_are_dense_and_answers_name_them(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule()
    answers = await asyncio.gather(*(desk.hold(flight, f"user-{n}") for n in range(10)))
    assert [answer.position for answer in answers] == list(range(2, 12))
    assert rows("select array_agg(position order by position) from ledger.events") == [(list(range(1, 12)),)]


async def test_a_repeated_key_is_answered_with_the_first_outcome(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule()
    held = await desk.hold(flight, "alice", key="k-1")
    paid = await desk.pay(held.subject_id, "alice", key="k-1")
    assert (held.version, paid.version) == (1, 3)
    for first, again in (
        (held, await desk.hold(flight, "alice", key="k-1")),
        (paid, await desk.pay(held.subject_id, "alice", key="k-1")),
    ):
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.status, again.body, again.position) == (first.status, first.body, first.position)
        assert (again.subject_id, again.version) == (first.subject_id, first.version)
    assert rows("select count(*) from ledger.events") == [(4,)]


async def test_the_same_key_twice_in_one_block_happens_once(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule()
    one, two = await asyncio.gather(*(desk.hold(flight, "alice", key="k-1") for _ in range(2)))
    assert (one.replayed, two.replayed) == (False, True)
    assert one.body == two.body
    assert rows("select count(*) from ledger.events") == [(2,)]


async def test_a_refusal_is_recorded_and_replayed(desk: Desk) -> None:
    flight = await desk.schedule(seats=1)
    alices = await desk.hold(flight, "alice")
    refused = await desk.hold(flight, "bob", key="k-1")
    await desk.cancel(alices.subject_id, "alice")
    again = await desk.hold(flight, "bob", key="k-1")
    assert refused.status == 409
    assert again.replayed
    assert again.body == refused.body
    assert (await desk.hold(flight, "bob", key="k-2")).status == 200


async def test_a_refusal_about_nothing_leaves_no_trace(desk: Desk, rows: Any) -> None:
    """Its block has nothing to write, and its key is free for another command."""
    await desk.schedule()
    before = rows("select count(*), (select count(*) from ledger.people) from ledger.commands")
    for _ in range(2):
        answers = await asyncio.gather(
            desk.hold(uuid4(), "alice", key="k-1"),
            desk.pay(uuid4(), "alice", key="k-1"),
            desk.cancel(uuid4(), "alice", key="k-1"),
            desk.submit(JoinWaitlist(uuid4(), "alice", 1), "alice", key="k-1"),
            desk.submit(LeaveWaitlist(uuid4()), "alice", key="k-1"),
            desk.submit(SettleRefund(uuid4()), key="k-1"),
        )
        assert all(b"-not-found" in answer.body for answer in answers)
        assert {(answer.position, answer.replayed) for answer in answers} == {(1, False)}
    assert rows("select count(*), (select count(*) from ledger.people) from ledger.commands") == before


async def test_a_key_with_another_body_writes_nothing(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule()
    await desk.hold(flight, "alice", key="k-1")
    before = rows("select count(*) from ledger.commands")
    answer = await desk.hold(flight, "alice", seats=2, key="k-1")
    assert answer.body == REUSED
    assert rows("select count(*) from ledger.commands") == before


async def test_a_key_belongs_to_its_caller_and_operation(desk: Desk) -> None:
    flight = await desk.schedule()
    alices = await desk.hold(flight, "alice", key="k-1")
    bobs = await desk.hold(flight, "bob", key="k-1")
    paid = await desk.pay(alices.subject_id, "alice", key="k-1")
    assert [alices.status, bobs.status, paid.status] == [200, 200, 200]
    assert alices.subject_id != bobs.subject_id


async def test_fifty_repeats_through_two_processes_charge_once(
    desk: Desk, other_desk: Desk, rows: Any
) -> None:
    flight = await desk.schedule()
    booking = (await desk.hold(flight, "alice")).subject_id
    answers = await asyncio.gather(
        *(d.pay(booking, "alice", key="k-1") for _ in range(25) for d in (desk, other_desk))
    )
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({(answer.status, answer.body, answer.position) for answer in answers}) == 1
    assert rows("select count(*) from ledger.events where topic = 'booking.booked'") == [(1,)]


async def test_a_key_with_two_bodies_at_once_has_one_winner(desk: Desk, other_desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=1000)
    for n in range(20):
        one, two = await asyncio.gather(
            desk.hold(flight, "alice", seats=1, key=f"k-{n}"),
            other_desk.hold(flight, "alice", seats=2, key=f"k-{n}"),
        )
        assert (one.body == REUSED) != (two.body == REUSED)
    assert rows("select count(*) from ledger.events where topic = 'booking.initiated'") == [(20,)]


async def test_two_processes_never_oversell(desk: Desk, other_desk: Desk, database_url: str) -> None:
    flight = await desk.schedule(seats=10)
    answers = await asyncio.gather(
        *(d.hold(flight, f"user-{n}") for n in range(50) for d in (desk, other_desk))
    )
    assert sum(answer.status == 200 for answer in answers) == 10
    assert verify(database_url).ok


async def test_a_due_hold_is_given_back_by_the_block_that_needs_it(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=1)
    alices = await desk.hold(flight, "alice")
    _make_due(rows, "alice")
    bobs = await desk.hold(flight, "bob", correlation_id="request-1")
    assert bobs.status == 200
    columns = "actor, operation, left(causation_id, 36), correlation_id"
    (expiry,) = rows(f"select {columns} from ledger.events where position = 3")
    assert expiry == ("seatledger", "expire_hold", str(alices.subject_id), "request-1")
    assert (await desk.pay(alices.subject_id, "alice")).body.startswith(b'{"code":"hold-expired"')


async def test_only_as_many_due_holds_are_expired_as_seats_are_needed(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=100)
    await asyncio.gather(*(desk.hold(flight, "alice") for _ in range(100)))
    _make_due(rows, "alice")
    assert await _loaded_for(database_url, flight, seats=1) == 1
    assert [(await desk.hold(flight, "bob", seats=seats)).status for seats in (1, 9)] == [200, 200]
    assert rows("select count(*) from ledger.events where topic = 'booking.cancelled'") == [(10,)]


async def test_due_holds_of_a_flight_with_enough_free_seats_are_not_loaded(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=10)
    await desk.hold(flight, "alice")
    _make_due(rows, "alice")
    assert await _loaded_for(database_url, flight, seats=9) == 0


async def test_the_hold_that_ended_first_is_expired_first(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=2)
    for user in ("alice", "carol"):
        await desk.hold(flight, user)
    _make_due(rows, "alice", "2020-01-02")
    _make_due(rows, "carol", "2020-01-01")
    assert (await desk.hold(flight, "bob")).status == 200
    assert rows("select user_id from ledger.bookings where status = 'cancelled'") == [("carol",)]


async def test_a_cancelled_hold_does_not_hide_a_due_hold(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=1)
    await desk.cancel((await desk.hold(flight, "alice")).subject_id, "alice")
    await desk.hold(flight, "carol")
    _make_due(rows, "alice", "2020-01-01")
    _make_due(rows, "carol", "2020-01-02")
    assert (await desk.hold(flight, "bob")).status == 200


async def test_due_holds_make_room_for_every_booking_in_the_block(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=3)
    await asyncio.gather(*(desk.hold(flight, "alice") for _ in range(3)))
    _make_due(rows, "alice")
    answers = await asyncio.gather(*(desk.hold(flight, user) for user in ("bob", "carol", "dave")))
    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_due_holds_make_room_for_a_smaller_aeroplane(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule(seats=3)
    await asyncio.gather(*(desk.hold(flight, "alice") for _ in range(3)))
    _make_due(rows, "alice")
    assert (await desk.submit(ChangeFlightSeats(flight, 1))).status == 200
    assert rows("select seats, held, booked from ledger.seats") == [(1, 1, 0)]


async def test_a_hold_that_ended_before_the_last_event_is_due_whatever_the_clock_says(
    desk: Desk, rows: Any
) -> None:
    flight = await desk.schedule(seats=1)
    await desk.hold(flight, "alice")
    _edit_log(rows, "update ledger.events set recorded_at = recorded_at + interval '1 hour'")
    assert (await desk.hold(flight, "bob")).status == 200


async def test_a_flight_that_already_exists_is_refused(desk: Desk) -> None:
    departs = datetime(2040, 5, 17, 12, tzinfo=UTC)
    twice = ScheduleFlight("BA117", "LHR", "JFK", departs, departs + timedelta(hours=8), 9, SEAT)
    assert [(await desk.submit(twice)).status for _ in range(2)] == [200, 409]


async def test_time_in_the_log_never_goes_backwards(desk: Desk, rows: Any) -> None:
    flight = await desk.schedule()
    # The server's clock seems to have been an hour ahead at the last event.
    _edit_log(rows, "update ledger.events set recorded_at = recorded_at + interval '1 hour'")
    await desk.hold(flight, "alice")
    times = rows("select recorded_at from ledger.events order by position")
    assert times[0] == times[1]
    assert rows("select max(recorded_at) from ledger.commands") == times[:1]


def _make_due(rows: Any, user: str, expired_at: str = "2020-01-01") -> None:
    _edit_log(
        rows,
        f"update ledger.bookings set expires_at = '{expired_at}Z',"
        f" held_until = case when held_until is not null then timestamptz '{expired_at}Z' end"
        f" where user_id = '{user}';"
        "update ledger.events e set state ="
        f" jsonb_set(state::jsonb, '{{expires_at}}', '\"{expired_at}T00:00:00Z\"')"
        " from ledger.bookings b"
        f" where b.id = originator_id and b.user_id = '{user}' and topic = 'booking.initiated'",
    )


async def _loaded_for(database_url: str, flight: UUID, seats: int) -> int:
    """Return the number of bookings that a block loads for a hold of so many seats."""
    store = await open_store(database_url, Settings())
    loaded = await store.load([Submission(InitiateBooking(flight, "bob", seats), OPERATOR, render_plain)])
    await store.close()
    return len(loaded.working_set.bookings)


def _edit_log(rows: Any, statement: str) -> None:
    rows(
        "alter table ledger.events disable trigger append_only;"
        + statement
        + "; alter table ledger.events enable trigger append_only"
    )
