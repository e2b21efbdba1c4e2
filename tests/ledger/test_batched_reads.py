"""Reads by id that arrive together: one statement, one position, and isolated errors."""

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
    """Reads bookings from the database and records each batch. A batch that contains POISON fails."""

    def __init__(self, desk: Desk) -> None:
        self.batches: list[set[UUID]] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: type[Exception] | None = None
        self.rows = BatchedReads(desk.ledger.read, self.find_all, seconds=5)

    async def find_all(
        self, connection: Connection, ids: Sequence[UUID]
    ) -> QueryResult[dict[UUID, BookingRow]]:
        self.batches.append(set(ids))
        self.started.set()
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        if POISON in ids:
            raise ValueError("an unreadable row")
        return await bookings.find_all(connection, ids)

    async def start_first(self, id: UUID) -> "asyncio.Task[QueryResult[BookingRow | None]]":
        """Start a read and stop at the gate, so that later reads form the next batch."""
        self.gate.clear()
        first = asyncio.create_task(self.rows.find(id))
        await self.started.wait()
        return first

    async def queue(self, *ids: UUID) -> list["asyncio.Task[QueryResult[BookingRow | None]]"]:
        """Start reads that wait for the next batch."""
        tasks = [asyncio.create_task(self.rows.find(id)) for id in ids]
        while len(self.rows._waiting) < len(ids):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def held(desk: Desk) -> list[UUID]:
    flight = await desk.schedule()
    answers = [await desk.hold(flight, "alice") for _ in range(3)]
    return [answer.subject_id for answer in answers if answer.subject_id]


async def test_reads_that_arrive_during_a_read_share_one_statement(desk: Desk, held: list[UUID]) -> None:
    reads, unknown = Reads(desk), new_id()
    first = await reads.start_first(held[0])
    others = await reads.queue(*held, held[1], unknown)
    reads.gate.set()
    seen = await asyncio.gather(first, *others)
    assert reads.batches == [{held[0]}, {*held, unknown}]
    assert [found.value and found.value.id for found in seen] == [held[0], *held, held[1], None]
    assert {found.position for found in seen} == {4}


async def test_a_read_after_a_commit_returns_it(desk: Desk, held: list[UUID]) -> None:
    """Even if a batch that started before the commit is still running."""
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    answer = await desk.cancel(held[0], "alice")
    (after,) = await reads.queue(held[0])
    reads.gate.set()
    assert (await after).position >= answer.position
    row = (await after).value
    assert row is not None
    assert row.version == 2
    await first


async def test_a_failing_read_does_not_affect_others_in_its_batch(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    others = await reads.queue(held[1], POISON, held[2])
    reads.gate.set()
    seen = await asyncio.gather(first, *others, return_exceptions=True)
    assert isinstance(seen[0], QueryResult)
    assert isinstance(seen[1], QueryResult)
    assert isinstance(seen[2], ValueError)
    assert isinstance(seen[3], QueryResult)


async def test_a_cancelled_read_does_not_affect_others_in_its_batch(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    left, stayed = await reads.queue(*held[1:])
    first.cancel()
    left.cancel()
    reads.gate.set()
    row = (await stayed).value
    assert row is not None
    assert row.id == held[2]


async def test_reads_beyond_the_queue_limit_fail_at_once(
    desk: Desk, held: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_reads, "WAITING_MAX", 2)
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    waiting = await reads.queue(held[0], held[0])
    with pytest.raises(Overloaded):
        await reads.rows.find(held[0])
    reads.gate.set()
    assert {found.position for found in await asyncio.gather(first, *waiting)} == {4}


async def test_a_batch_has_a_maximum_size(
    desk: Desk, held: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_reads, "BATCH_MAX", 2)
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    others = await reads.queue(*held)
    reads.gate.set()
    await asyncio.gather(first, *others)
    assert reads.batches == [{held[0]}, {held[0], held[1]}, {held[2]}]


async def test_an_unavailable_database_is_queried_once_for_a_batch(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    first = await reads.start_first(held[0])
    others = await reads.queue(*held)
    reads.trouble = Unavailable
    reads.gate.set()
    seen = await asyncio.gather(first, *others, return_exceptions=True)
    assert [type(one) for one in seen] == [Unavailable] * 4
    assert len(reads.batches) == 2


async def test_a_read_fails_at_the_deadline(desk: Desk, held: list[UUID]) -> None:
    reads = Reads(desk)
    reads.rows = BatchedReads(desk.ledger.read, reads.find_all, seconds=0.05)
    first = await reads.start_first(held[0])
    with pytest.raises(Unavailable):
        await reads.rows.find(held[1])
    with pytest.raises(Unavailable):
        await first
    reads.gate.set()
