"""Pages of bookings read a limited number of rows, by an index, and go on where they stopped."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from database.head import stop_of
from domain.booking_state import Status
from domain.payments import PaymentStatus
from ledger.ids import new_id
from projections import booking_lists
from projections.booking_lists import BookingSearch, BookingSort, first_id_at
from tests.projections.conftest import LedgerDriver

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"user_id": "alice"},
    {"owner": "alice", "payment_status": (PaymentStatus.CAPTURED,)},
    {"flight_id": new_id()},
    {"flight_number": "BA117", "departure_day": NOW.date(), "status": (Status.BOOKED, Status.PENDING)},
    {"created_after": NOW, "created_before": NOW, "updated_after": NOW, "updated_before": NOW},
    {"status": (Status.INITIATED,), "owner": "alice", "flight_id": new_id()},
    {"reference": "VHRN26"},
]


@pytest.mark.parametrize("sort", BookingSort)
@pytest.mark.parametrize("conditions", CONDITIONS, ids=lambda one: "+".join(one) or "none")
async def test_every_search_is_answered_by_an_index(
    driver: LedgerDriver, conditions: dict[str, Any], sort: BookingSort, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[str] = []

    async def explain(connection: Any, statement: Any, values: Any) -> Any:
        cursor = await connection.execute(b"explain " + statement.encode(), values)
        plans.extend(row[0] for row in await cursor.fetchall())
        return [(0, *[None] * 40)]

    monkeypatch.setattr(booking_lists, "rows", explain)
    key = (NOW, new_id()) if sort in (BookingSort.FIRST_CHANGED, BookingSort.LAST_CHANGED) else new_id()
    async with driver.ledger.read() as connection:
        await connection.execute("set enable_seqscan = off")
        await booking_lists.page(connection, BookingSearch(**conditions, sort=sort), key, 51)
    plan = "\n".join(plans)
    assert "Index" in plan
    assert "Seq Scan on bookings" not in plan


async def test_a_page_stops_after_the_rows_that_it_may_read_and_goes_on_there(
    driver: LedgerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_lists, "SCANNED_MAX", 2)
    flight = await driver.schedule()
    ids = [await driver.hold(flight) for _ in range(5)]
    await driver.pay(ids[0], 100)
    for sort in BookingSort:
        search, after, found, pages = BookingSearch(status=(Status.BOOKED,), sort=sort), None, [], 0
        async with driver.ledger.read() as connection:
            while True:
                rows = (await booking_lists.page(connection, search, after, 3)).value
                found, pages = found + [row.id for row in rows], pages + 1
                if (after := stop_of(rows)) is None:
                    break
        assert (found, pages) == ([ids[0]], 3), sort


@pytest.mark.parametrize("scanned_max", [3, 2])
@pytest.mark.parametrize("condition", ["user_id", "owner"])
async def test_changes_of_a_user_are_in_order_however_many_bookings_it_has(
    driver: LedgerDriver, monkeypatch: pytest.MonkeyPatch, scanned_max: int, condition: str
) -> None:
    """Up to a limit all bookings of the user are read and sorted; beyond it, those of all users in order."""
    monkeypatch.setattr(booking_lists, "SCANNED_MAX", scanned_max)
    flight = await driver.schedule()
    ids = [await driver.hold(flight, user="agency") for _ in range(3)]
    for _ in range(3):
        await driver.hold(flight, user="alice")
    await driver.pay(ids[1], 100, user="agency")
    async with driver.ledger.read() as connection:
        for sort in (BookingSort.FIRST_CHANGED, BookingSort.LAST_CHANGED):
            search = msgspec.structs.replace(BookingSearch(sort=sort), **{condition: "agency"})
            found: list[UUID] = []
            after: Any = None
            while True:
                rows = (await booking_lists.page(connection, search, after, 2)).value
                found += [row.id for row in rows]
                after = search.sort_key(rows[-1]) if len(rows) == 2 else stop_of(rows)
                if after is None:
                    break
            expected = [ids[0], ids[2], ids[1]]
            assert found == (expected if sort is BookingSort.FIRST_CHANGED else expected[::-1])


def test_the_first_id_of_a_time_is_before_all_ids_made_then() -> None:
    now = datetime.now(UTC)
    before, after = (first_id_at(now, sign * booking_lists.CLOCK_DIFFERENCE) for sign in (-1, 1))
    assert before < new_id() < after
    for edge in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        assert isinstance(first_id_at(edge, booking_lists.CLOCK_DIFFERENCE), UUID)
