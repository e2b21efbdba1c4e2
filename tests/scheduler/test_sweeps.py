"""Sweeps expire due holds in batches; late, concurrent or interrupted sweeps do no harm."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

import ledger.sweeps
import projections.due_work
from audit.verify import verify
from domain.caller import SYSTEM
from domain.commands.bookings import InitiateBooking
from domain.commands.payments import CapturePayment, PayBooking, RecordPayment
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from ledger.ledger import Ledger, open_ledger
from ledger.log import read_stream
from ledger.submission import Submission, render_plain
from ledger.sweeps import expire_holds
from ledger.system_commands import expiry_of
from projections.due_work import DueHold, find_due_holds
from runtime.settings import Settings
from tests.scheduler.airline import OLGA, Airline
from tests.waiting import await_until

SLOT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def test_a_due_hold_is_expired_and_its_seats_are_free(airline: Airline) -> None:
    (booking,) = await airline.due_holds(1)
    assert await expire_holds(airline.ledger) == 1
    assert await airline.ask("select id, status, cancel_reason from ledger.bookings") == [
        (booking, "cancelled", "hold_expired")
    ]
    assert await airline.ask("select held, booked from ledger.seats") == [(0, 0)]


async def test_a_sweep_goes_through_all_holds_one_batch_at_a_time(
    airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.sweeps, "BATCH_MAX", 3)
    await airline.due_holds(10)
    at_once, submit = [0], airline.ledger.submit

    async def watched(submission: Any) -> Any:
        at_once.append(at_once[-1] + 1)
        answer = await submit(submission)
        at_once.append(at_once[-1] - 1)
        return answer

    monkeypatch.setattr(airline.ledger, "submit", watched)
    assert await expire_holds(airline.ledger) == 10
    assert max(at_once) == 3


async def test_sweeps_at_the_same_time_expire_each_hold_once(airline: Airline) -> None:
    await airline.due_holds(20)
    assert sum(await asyncio.gather(*(expire_holds(airline.ledger) for _ in range(4)))) == 20
    assert await airline.expired() == 20


async def test_a_hold_that_the_ledger_refuses_to_expire_delays_no_other(
    airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.sweeps, "BATCH_MAX", 2)
    wrong = await airline.due_holds(2)
    await expire_holds(airline.ledger)
    # A view that is wrong about the two oldest: they look due and are not.
    await airline.owner.execute(
        "update ledger.bookings set held_until = '2020-01-01Z' where id = any(%s)", (wrong,)
    )
    await airline.due_holds(3)
    assert await expire_holds(airline.ledger) == 3


async def test_a_hold_that_a_sweep_tried_too_early_is_expired_by_a_later_one(database_url: str) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=1)) as ledger:
        (booking,) = await Airline(ledger).due_holds(1)
        (initiated,) = await _events(ledger, booking)
        early = await ledger.submit(expiry_of(DueHold(initiated.expires_at, booking)))
        assert b"hold-not-due" in early.body
        await _until(lambda: expire_holds(ledger))


async def test_holds_that_still_run_are_not_due(airline: Airline) -> None:
    bookings = await airline.due_holds(2)
    hour = "update ledger.bookings set held_until = now() + interval '1 hour' where id = %s"
    await airline.owner.execute(hour, (bookings[0],))
    async with airline.ledger.read() as connection:
        assert [hold.id for hold in await find_due_holds(connection, 10)] == [bookings[1]]


async def test_due_holds_are_listed_from_behind_the_last_one_seen(airline: Airline) -> None:
    bookings = await airline.due_holds(3)
    async with airline.ledger.read() as connection:
        first = await find_due_holds(connection, 2)
        rest = await find_due_holds(connection, 2, after=first[-1])
    assert [hold.id for hold in first + rest] == bookings


async def test_a_hold_that_expired_by_the_log_is_due_by_any_clock(airline: Airline) -> None:
    await airline.due_holds(1)
    await airline.owner.execute("update ledger.bookings set held_until = '2045-01-01Z'")
    await airline.owner.execute("alter table ledger.events disable trigger append_only")
    async with airline.ledger.read() as connection:
        assert await find_due_holds(connection, 10) == []
        await airline.owner.execute("update ledger.events set recorded_at = '2045-01-01Z' where position = 2")
        assert len(await find_due_holds(connection, 10)) == 1


async def test_due_holds_are_found_by_index_however_many_still_run(airline: Airline) -> None:
    await airline.owner.execute("set enable_seqscan = off")
    plan = await airline.ask("explain " + projections.due_work._DUE, SLOT, "0" * 32, 9)
    assert any("Index Cond" in line and "held_until <=" in line for (line,) in plan)


async def test_an_uncaptured_payment_is_swept_with_the_holds(database_url: str) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=1, capture_seconds=1)) as ledger:
        (booking,) = await Airline(ledger).due_holds(1)
        payment = PayBooking(booking, "alice", Money(900_000, "INR"), Capture.MANUAL)
        assert (await ledger.submit(Submission(payment, OLGA, render_plain))).status == 200
        assert await expire_holds(ledger) == 0
        await _until(lambda: expire_holds(ledger))
        late = await ledger.submit(Submission(CapturePayment(booking), OLGA, render_plain))
        assert late.status == 200
        async with ledger.read() as connection:
            recorded = await read_stream(connection, booking)
    assert [event.topic for event in recorded][-3:] == [
        "booking.cancelled",
        "booking.reseated",
        "booking.booked",
    ]


async def sweep(ledger: Ledger, flight: UUID) -> bool:
    return await expire_holds(ledger) == 1


async def want_the_seats(ledger: Ledger, flight: UUID) -> bool:
    answer = await ledger.submit(Submission(InitiateBooking(flight, "bob", 9), OLGA, render_plain))
    return answer.status == 200


@pytest.mark.parametrize("rival", [sweep, want_the_seats])
async def test_seats_that_late_money_took_again_are_given_back_again(database_url: str, rival: Any) -> None:
    """Let the hold of one booking expire twice."""
    settings = Settings(hold_seconds=1, capture_seconds=1, gateway="simulator")
    async with open_ledger(database_url, settings) as ledger:
        (booking,) = await Airline(ledger).due_holds(1)
        card = PayBooking(booking, "alice", Money(900_000, "INR"), Capture.MANUAL, "pm_card_visa")
        await ledger.submit(Submission(card, OLGA, render_plain))
        await _until(lambda: expire_holds(ledger))
        initiated, requested, *_ = await _events(ledger, booking)
        told = RecordPayment(booking, requested.payment_id, PaymentOutcome.AUTHORISED, "pi_1")
        await ledger.submit(Submission(told, SYSTEM, render_plain))
        await _until(lambda: rival(ledger, initiated.flight_id))
        last = [event.TOPIC for event in await _events(ledger, booking)][-4:]
    assert last == [
        "booking.cancelled",
        "booking.payment_authorised",
        "booking.reseated",
        "booking.cancelled",
    ]
    assert verify(database_url).ok


async def _events(ledger: Ledger, booking: UUID) -> list[Any]:
    async with ledger.read() as connection:
        return [event.decoded() for event in await read_stream(connection, booking)]


async def _until(happens: Callable[[], Awaitable[object]]) -> None:
    async def happened() -> bool:
        return bool(await happens())

    await await_until(happened)
