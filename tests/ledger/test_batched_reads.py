"""Point reads that arrive together: one statement, one position, and nobody hurt by a neighbour."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from database.connection import Connection
from database.head import QueryResult
from ledger import batched_reads
from ledger.batched_reads import BatchedReads
from ledger.ids import new_id
from ledger.submission import Overloaded, Unavailable
from projections import bookings
from projections.bookings import BookingRow
from tests.desk import Desk

POISON = new_id()


class Reads:
    """Bookings read for real, in groups that are written down; a group with POISON in it fails."""

    def __init__(self, desk: Desk) -> None:
        self.groups: list[set[UUID]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: type[Exception] | None = None
        self.rows = BatchedReads(desk.ledger.read, self.find_all, seconds=5)

    async def find_all(
        self, connection: Connection, ids: Sequence[UUID]
    ) -> QueryResult[dict[UUID, BookingRow]]:
        self.groups.append(set(ids))
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        if POISON in ids:
            raise ValueError("a row that nobody can read")
        return await bookings.find_all(connection, ids)

    async def first_is_asked(self, id: UUID) -> "asyncio.Task[QueryResult[BookingRow | None]]":
        """From now on the others gather."""
        self.gate.clear()
        first = asyncio.create_task(self.rows.find(id))
        while not self.groups:
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
        return first


@pytest.fixture
async def held(desk: Desk) -> list[UUID]:
    flight = await desk.schedule()
    answers = [await desk.hold(flight, "alice") for _ in range(3)]
    return [answer.subject_id for answer in answers if answer.subject_id]


async def test_those_who_come_while_others_are_asked_for_share_a_statement(
    desk: Desk, held: list[UUID]
) -> None:
    reads, unknown = Reads(desk), new_id()
    first = await reads.first_is_asked(held[0])
    asked = [asyncio.create_task(reads.rows.find(id)) for id in (*held, held[1], unknown)]
    await asyncio.sleep(0)
    reads.gate.set()
    seen = await asyncio.gather(first, *asked)
    assert reads.groups == [{held[0]}, {*held, unknown}]
    assert [found.value and found.value.id for found in seen] == [held[0], *held, held[1], None]
    assert {found.position for found in seen} == {4}


async def test_who_asks_after_a_commit_sees_it(desk: Desk, held: list[UUID]) -> None:
    """Also while a group is under way that began before: the next one is asked for."""
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    answer = await desk.cancel(held[0], "alice")
    after = asyncio.create_task(reads.rows.find(held[0]))
    await asyncio.sleep(0)
    reads.gate.set()
    assert (await after).position >= answer.position
    row = (await after).value
    assert row is not None
    assert row.version == 2
    await first


async def test_a_read_that_fails_hurts_no_neighbour(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    asked = [asyncio.create_task(reads.rows.find(id)) for id in (held[1], POISON, held[2])]
    await asyncio.sleep(0)
    reads.gate.set()
    seen = await asyncio.gather(first, *asked, return_exceptions=True)
    assert isinstance(seen[0], QueryResult)
    assert isinstance(seen[1], QueryResult)
    assert isinstance(seen[2], ValueError)
    assert isinstance(seen[3], QueryResult)


async def test_a_caller_who_leaves_hurts_no_neighbour(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    left, stayed = [asyncio.create_task(reads.rows.find(id)) for id in held[1:]]
    await asyncio.sleep(0)
    first.cancel()
    left.cancel()
    reads.gate.set()
    row = (await stayed).value
    assert row is not None
    assert row.id == held[2]


async def test_more_than_may_wait_are_told_at_once(
    desk: Desk, held: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_reads, "WAITING_MAX", 2)
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    waiting = [asyncio.create_task(reads.rows.find(held[0])) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await reads.rows.find(held[0])
    reads.gate.set()
    assert {found.position for found in await asyncio.gather(first, *waiting)} == {4}


async def test_a_group_is_only_so_large(
    desk: Desk, held: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_reads, "BATCH_MAX", 2)
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    others = [asyncio.create_task(reads.rows.find(id)) for id in held]
    await asyncio.sleep(0)
    reads.gate.set()
    await asyncio.gather(first, *others)
    assert reads.groups == [{held[0]}, {held[0], held[1]}, {held[2]}]


async def test_a_database_that_does_not_answer_is_asked_once_for_all(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.first_is_asked(held[0])
    others = [asyncio.create_task(reads.rows.find(id)) for id in held]
    await asyncio.sleep(0)
    reads.trouble = Unavailable
    reads.gate.set()
    seen = await asyncio.gather(first, *others, return_exceptions=True)
    assert [type(one) for one in seen] == [Unavailable] * 4
    assert len(reads.groups) == 2


async def test_nobody_waits_longer_than_the_deadline(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    reads.rows = BatchedReads(desk.ledger.read, reads.find_all, seconds=0.05)
    first = await reads.first_is_asked(held[0])
    with pytest.raises(Unavailable):
        await reads.rows.find(held[1])
    with pytest.raises(Unavailable):
        await first
    reads.gate.set()
