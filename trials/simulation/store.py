"""The twin of `ledger.store.Store`, on the twin of the database, over a wire that may break anywhere."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import psycopg

from domain.read_set import ReadSet
from domain.working_set import Terms, WorkingSet
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.block_people import BlockPeople
from ledger.keyring import NO_KEYRING
from ledger.loading import fill, users_with_limit
from ledger.submission import Submission
from trials.simulation.database import Database, Session

T = TypeVar("T")


class Wire(Protocol):
    """Carries a request to the server and its answer back. Raises psycopg.OperationalError when it breaks."""

    session: Session

    async def request(self, what: str, request: Callable[[], Awaitable[T]], /) -> T: ...

    def sever(self) -> None: ...


class PerfectWire:
    """A wire that loses nothing and takes no time."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._severed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def request(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
        work = asyncio.ensure_future(request())
        await asyncio.wait((work, self._severed), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            # The server continues, and its result is discarded.
            work.add_done_callback(asyncio.Future.exception)
            raise psycopg.OperationalError("the connection was shut down")
        return work.result()

    def sever(self) -> None:
        if not self._severed.done():
            self._severed.set_result(None)
            self.session.hang_up()


class TwinStore:
    """The interface of the store that a writer uses."""

    def __init__(self, wire: Wire, terms: Terms) -> None:
        self._wire = wire
        self._terms = terms

    async def lock(self) -> None:
        await self._wire.request("lock", self._wire.session.lock)

    async def load(self, submissions: Sequence[Submission]) -> BlockInput:
        read_set = ReadSet.of(one.command for one in submissions)
        keys = [one.command_key for one in submissions]
        keys += [(*one.command_key[:2], one.older_key) for one in submissions if one.older_key]
        found = await self._wire.request("load", lambda: self._wire.session.load(read_set, keys))
        working_set = WorkingSet(found.now, self._terms, self._wire.session.database.new_id)
        fill(working_set, found.events)
        working_set.seats = found.seats
        working_set.departures = found.departures
        working_set.scheduled = found.scheduled
        users = users_with_limit(submissions, self._terms)
        working_set.unpaid_seats = self._wire.session.database.unpaid_seats(users, found.now)
        people = BlockPeople(NO_KEYRING, (), working_set)
        return BlockInput(found.position, found.hash, found.commands, working_set, people)

    def send_ahead(self, block: Block) -> None:
        """Do nothing: the twin writes a block in one step, like a transaction."""

    async def write(self, block: Block) -> None:
        if any("\0" in command.correlation_id for command in block.commands):
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        await self._wire.request("write", lambda: self._wire.session.write(block))

    async def abandon(self) -> None:
        await self._wire.request("abandon", self._wire.session.abandon)

    async def close(self) -> None:
        self._wire.sever()

    @contextlib.contextmanager
    def socket_deadline(self, seconds: float) -> Iterator[None]:
        handle = asyncio.get_running_loop().call_later(seconds, self._wire.sever)
        try:
            yield
        finally:
            handle.cancel()


def open_twin(database: Database, terms: Terms, transaction_seconds: float) -> TwinStore:
    """Open a store on a wire that never breaks."""
    return TwinStore(PerfectWire(database.connect(transaction_seconds)), terms)
