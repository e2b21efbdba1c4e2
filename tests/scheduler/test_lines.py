"""Waiting lists over time: offers go on, and lists of departed flights are closed."""

import asyncio
import re
from uuid import UUID

import pytest

import ledger.sweeps
import projections.due_work
import scheduler.sweeper
from domain.commands.bookings import InitiateBooking
from domain.commands.flights import ChangeFlightSeats
from domain.commands.waiting import JoinWaitlist
from ledger.ledger import open_ledger
from ledger.sweeps import close_outwaited, expire_awaited
from projections.due_work import find_departed_parties, find_due_holds_with_queue
from runtime.settings import Settings
from scheduler.sweeper import Sweeper
from tests.scheduler.airline import Airline
from tests.waiting import await_until

STANDING = "select user_id, status from ledger.waiting order by joined_at, id"
OFFERED = "select count(*) from ledger.waiting where status = 'offered'"


@pytest.fixture
async def lines(airline: Airline, database_url: str) -> list[UUID]:
    """Make three flights full of expired holds, two of them with waiting parties."""
    async with open_ledger(database_url, Settings(hold_seconds=3600, offer_seconds=3600)) as patient:
        guest = Airline(patient)
        flights = [await airline.flight() for _ in range(3)]
        for flight in flights:
            await guest.do(InitiateBooking(flight, "alice", 9))
        for flight in flights[:2]:
            await guest.do(JoinWaitlist(flight, "bob", 2))
    await run_out(airline)
    return flights


async def run_out(airline: Airline) -> None:
    """Move the end of all holds into the past, in the log and in the view."""
    await airline.owner_says("set session_replication_role = replica")
    for statement in RUN_OUT:
        await airline.owner_says(statement)
    await airline.owner_says("set session_replication_role = origin")


RUN_OUT = (
    "update ledger.events set state = replace(state, state::json ->> 'expires_at',"
    " format('2026-01-01T00:00:%sZ', lpad(position::text, 2, '0'))) where topic = 'booking.initiated'",
    "update ledger.bookings as b set (held_until, expires_at) = (e.at, e.at) from ("
    " select originator_id as id, (state::json ->> 'expires_at')::timestamptz as at from ledger.events"
    " where topic = 'booking.initiated') as e where e.id = b.id",
)


async def test_only_holds_of_flights_with_waiting_parties_are_found(
    airline: Airline, lines: list[UUID]
) -> None:
    async with airline.ledger.read() as connection:
        found = await find_due_holds_with_queue(connection, 9)
        assert len(found) == 2
        assert found == sorted(found)
        assert await find_due_holds_with_queue(connection, 1) == found[:1]
        assert await find_due_holds_with_queue(connection, 9, after=found[0]) == found[1:]


async def test_holds_of_departed_flights_and_of_empty_lists_are_left_to_the_sweep(
    airline: Airline, lines: list[UUID]
) -> None:
    await airline.owner_says(f"update ledger.flights set departs_at = now() where id = '{lines[0]}'")
    await airline.owner_says(f"update ledger.waiting set status = 'left' where flight_id <> '{lines[0]}'")
    async with airline.ledger.read() as connection:
        assert await find_due_holds_with_queue(connection, 9) == []
        assert len(await find_departed_parties(connection, 9)) == 1


async def test_awaited_holds_expire_independent_of_the_cron(
    airline: Airline, lines: list[UUID], database_url: str
) -> None:
    await Sweeper(airline.ledger, database_url, "").expire_awaited_holds()
    assert await airline.ask(STANDING) == [("bob", "offered")] * 2
    assert await airline.expired() == 2
    assert await airline.runs() == []


async def test_payments_in_progress_are_settled_before_their_holds_expire(
    airline: Airline, lines: list[UUID]
) -> None:
    asked: list[UUID] = []

    class PaymentReconciler:
        async def settle_due(self, booking_ids: list[UUID]) -> None:
            asked.extend(booking_ids)
            assert await airline.expired() == 0

    await airline.owner_says(
        f"update ledger.bookings set gateway_task = 'authorise' where flight_id = '{lines[0]}'"
    )
    paying = await airline.ask("select id from ledger.bookings where gateway_task is not null")
    assert await expire_awaited(airline.ledger, PaymentReconciler()) == 2  # type: ignore[arg-type]
    assert [(id,) for id in asked] == paying


async def test_many_schedulers_move_each_line_once(airline: Airline, lines: list[UUID]) -> None:
    assert sum(await asyncio.gather(*(expire_awaited(airline.ledger) for _ in range(4)))) == 2
    assert await airline.expired() == 2


async def test_a_pulse_does_so_much_and_the_next_one_goes_on(
    airline: Airline, lines: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.sweeps, "BATCH_MAX", 1)
    monkeypatch.setattr(ledger.sweeps, "BATCHES_MAX", 1)
    assert [await expire_awaited(airline.ledger) for _ in range(3)] == [1, 1, 0]


async def test_a_database_that_is_away_does_no_harm(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(ledger: object) -> int:
        raise scheduler.sweeper.Unavailable

    monkeypatch.setattr(scheduler.sweeper, "expire_awaited", fails)
    await Sweeper(airline.ledger, database_url, "").expire_awaited_holds()


async def test_entries_of_departed_flights_are_closed_by_a_sweep(
    airline: Airline, lines: list[UUID], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger decides again: a view with a wrong departure closes nothing."""
    monkeypatch.setattr(ledger.sweeps, "BATCHES_MAX", 2)
    await airline.owner_says("update ledger.bookings set held_until = 'infinity'")
    await airline.owner_says("update ledger.flights set departs_at = now()")
    assert await close_outwaited(airline.ledger) == 0
    departs = (
        "update ledger.events set state = replace(state, '{0}', '2020-01-01T00:00:00Z') where position = 1"
    )
    ((state,),) = await airline.ask(
        "select state::json ->> 'departs_at' from ledger.events where position = 1"
    )
    await airline.owner_says("set session_replication_role = replica")
    await airline.owner_says(departs.format(state))
    sweeper = Sweeper(airline.ledger, database_url, "*/30 * * * *")
    await sweeper.heartbeat()
    await sweeper.sweep()
    assert sorted(await airline.ask(STANDING)) == [("bob", "closed"), ("bob", "waiting")]
    assert await airline.ask("select state from ledger.events where topic = 'waiting.closed'") == [
        ('{"reason":"flight_departed"}',)
    ]


async def test_an_expired_offer_goes_to_the_next_party_without_a_sweep(
    airline: Airline, database_url: str
) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=3600, offer_seconds=1)) as short:
        guest = Airline(short)
        flight = await guest.flight()
        await guest.do(ChangeFlightSeats(flight, 1))
        await guest.do(InitiateBooking(flight, "alice", 1))
        for user in ("bob", "carol", "dave"):
            await guest.do(JoinWaitlist(flight, user, 1))
        sweeper = Sweeper(short, database_url, "")
        await sweeper.expire_awaited_holds()
        assert await airline.ask(OFFERED) == [(0,)]
        await run_out(airline)
        seen: list[int] = []

        async def all_were_offered() -> bool:
            await sweeper.expire_awaited_holds()
            seen.extend(count for (count,) in await airline.ask(OFFERED))
            return seen[-1] == 3

        await await_until(all_were_offered)
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3}


async def test_awaited_holds_are_found_by_index(airline: Airline) -> None:
    await airline.ask("select set_config('enable_seqscan', 'off', false)")
    plan = await airline.ask("explain " + projections.due_work._AWAITED, "2026-03-01", "0" * 32, 9)
    text = "\n".join(line for (line,) in plan)
    assert re.search("Index (Only )?Scan (using|on) waiting_", text)
    assert "holds_by_flight" in text
    assert "Seq Scan" not in text
