"""A thousand payments at the end of their holds: exactly one of payment and expiry wins."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest

from audit.verify import verify
from ledger.ledger import open_ledger
from ledger.submission import Answer
from ledger.system_commands import expiry_of
from projections.due_work import DueHold
from runtime.settings import Settings
from tests.desk import Desk
from tests.repetitions import times

WAVES = times(1, 5)
FLIGHTS, SEATS = 50, 20
HOLD_SECONDS = 2
JITTER_SECONDS = 1.5
"""Longer than a busy machine takes for a thousand holds, so that some payments are in time."""

Rival = Callable[[Desk, UUID, UUID], Awaitable[Answer]]


async def sweeps(desk: Desk, flight: UUID, booking: UUID) -> Answer:
    return await desk.ledger.submit(expiry_of(DueHold(datetime.now(UTC), booking)))


async def wants_the_seat(desk: Desk, flight: UUID, booking: UUID) -> Answer:
    """Open a ledger without a sweeper: a booking that needs the seats of due holds expires them."""
    return await desk.hold(flight, "rival")


@pytest.mark.parametrize("rival", [sweeps, wants_the_seat])
async def test_exactly_one_of_payment_and_expiry_wins(database_url: str, rows: Any, rival: Rival) -> None:
    settings = Settings(hold_seconds=HOLD_SECONDS, deadline_seconds=20)
    won = {True: 0, False: 0}
    async with open_ledger(database_url, settings) as one, open_ledger(database_url, settings) as other:
        for wave in range(WAVES):
            for paid in await _wave(Desk(one), Desk(other), rival, wave):
                won[paid] += 1
    assert won[True] + won[False] == WAVES * FLIGHTS * SEATS
    assert min(won.values()) > 0, won
    booked = rows("select sum(booked) from ledger.seats")[0][0]
    assert booked == won[True]
    assert rows("select count(*) from ledger.events where topic = 'booking.booked'")[0][0] == won[True]
    assert verify(database_url).ok


async def _wave(buyers: Desk, rivals: Desk, rival: Rival, wave: int) -> list[bool]:
    """Race payments and new bookings at the end of the holds; return whether each payment won."""
    flights = [await buyers.schedule(f"BA{wave * FLIGHTS + number + 1}", SEATS) for number in range(FLIGHTS)]
    random, clock = Random(wave), asyncio.get_running_loop().time

    async def meet(flight: UUID) -> bool:
        booking = (await buyers.hold(flight, "alice")).subject_id
        assert booking is not None
        ends = clock() + HOLD_SECONDS

        async def at_about(moment: float, ask: Awaitable[Answer]) -> Answer:
            jitter = random.uniform(-JITTER_SECONDS, 0)
            await asyncio.sleep(max(0.0, moment + jitter - clock()))
            return await ask

        paid, _ = await asyncio.gather(
            at_about(ends, buyers.pay(booking, "alice")), at_about(ends, rival(rivals, flight, booking))
        )
        assert paid.status == 200 or b"hold-expired" in paid.body
        # Both commands have answers. Whatever the other one got, a second payment is refused now.
        again = await buyers.pay(booking, "alice")
        assert (b"already-paid" if paid.status == 200 else b"hold-expired") in again.body
        return paid.status == 200

    return await asyncio.gather(*(meet(flight) for flight in flights for _ in range(SEATS)))
