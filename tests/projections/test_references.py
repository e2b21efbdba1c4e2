"""References in SQL equal those of the domain, and find their booking by its first event."""

from uuid import UUID

import psycopg

from domain.booking_state import Status
from domain.reference import BASE, reference_of
from ledger.log import read_stream
from projections import booking_lists
from projections.booking_lists import BookingSearch
from projections.references import reference_sql
from tests.projections.conftest import LedgerDriver


def test_sql_computes_the_references_of_the_domain(database_url: str) -> None:
    edges = [BASE**length + more for length in range(6, 12) for more in (-1, 0, 1)]
    positions = [*range(1, 300), 887_503_680, 2**31, *edges]
    numbered = "unnest(%s::bigint[]) with ordinality as n (p, place)"
    statement = f"select {reference_sql('p')} from {numbered} order by place"
    with psycopg.connect(database_url) as connection:
        found = connection.execute(statement.encode(), (positions,)).fetchall()
    assert [row[0] for row in found] == [reference_of(position) for position in positions]


async def test_a_reference_finds_its_booking_and_no_event_of_another_kind(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    booking, other = await driver.hold(flight), await driver.hold(flight)
    async with driver.ledger.read() as connection:
        first = (await read_stream(connection, booking))[0].position

        async def find(reference: str, status: Status | None = None) -> list[UUID]:
            search = BookingSearch(reference=reference, status=status and (status,))
            return [row.id for row in (await booking_lists.page(connection, search, None, 10)).value]

        assert await find(reference_of(first)) == [booking]
        assert await find(reference_of(first).lower(), Status.INITIATED) == [booking]
        assert await find(reference_of(first), Status.BOOKED) == []
        for position in (1, 0, first + 100):
            assert await find(reference_of(position)) == []
        rows = (await booking_lists.page(connection, BookingSearch(), None, 10)).value
    assert {row.id: row.reference for row in rows}[booking] == reference_of(first)
    assert {row.id for row in rows} == {booking, other}
