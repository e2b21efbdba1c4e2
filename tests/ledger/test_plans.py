"""PostgreSQL keeps one plan for each statement of a block, without settings that a cluster refuses."""

import asyncio
from typing import Any

import pytest

import ledger.ledger
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
)
from domain.money import Money
from ledger.ledger import open_ledger
from ledger.store import Store
from runtime.settings import Settings
from tests.desk import SEAT, Desk

CUSTOM_MAX = 5
"""PostgreSQL makes this many plans for given values before it compares them with one for all values."""

PLANS = "select statement, custom_plans from pg_prepared_statements where custom_plans > generic_plans"


async def test_no_statement_of_a_block_is_planned_again_and_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores: list[Store] = []

    async def keep(*arguments: Any, **options: Any) -> Store:
        stores.append(await open_store(*arguments, **options))
        return stores[-1]

    open_store = ledger.ledger.open_store
    monkeypatch.setattr(ledger.ledger, "open_store", keep)
    async with open_ledger(database_url, Settings()) as opened:
        desk = Desk(opened)
        flights = [await desk.schedule(f"BA{number}", seats=500) for number in range(20)]
        for round in range(20):
            answers = [await desk.hold(flight, f"user-{round}") for flight in flights[:5]]
            for answer in answers:
                await desk.pay(answer.subject_id, f"user-{round}")
                await desk.cancel(answer.subject_id, f"user-{round}")
            parts = tuple(ItineraryBooking(flight, 1) for flight in flights[5:7])
            made = await desk.submit(InitiateItinerary(f"user-{round}", parts))
            async with opened.read() as connection:
                query = "select itinerary_id from bookings where id = %s"
                row = await (await connection.execute(query, [made.subject_id])).fetchone()
            assert row is not None
            cost = Money(2 * SEAT.amount, SEAT.currency)
            await desk.submit(PayItinerary(row[0], f"user-{round}", cost))
            await desk.submit(CaptureItinerary(row[0]))
            await desk.submit(CancelItinerary(row[0]))
            await asyncio.gather(*(desk.hold(flight, f"user-{round}") for flight in flights))
        sent = stores[0]._send(PLANS)
        await stores[0]._sync()
        found = {text: count for text, count in sent.rows() if count > CUSTOM_MAX}
    assert found == {}
