"""The ledger's interface: submit a command, read a view."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID

import psycopg
from loguru import logger
from msgspec import UNSET, UnsetType

from database.connection import Connection, Unusable, connect_as_owner, socket_deadline
from database.pool import Pools
from database.readers import Readers, TooManyReaders
from database.registry import ONLY_MAIN, LedgerEntry
from database.sandbox import check_kind
from ledger import histories
from ledger.batched_reads import BatchedReads
from ledger.ids import new_id, new_sandbox_id
from ledger.keyring import NO_KEYRING, Keyring
from ledger.master_key import find_keyring
from ledger.people import CURSOR_KEY, MASTER_KEY_CHECK, OtherMasterKey, is_in_clear, pseudonyms_of
from ledger.progress import Progress
from ledger.sandbox_store import SandboxStore
from ledger.store import Admission, Store, open_store
from ledger.submission import Answer, Overloaded, Submission, Unavailable
from ledger.writer import Writer
from projections import availability, bookings, flights
from runtime.settings import Settings

PSEUDONYM_SECONDS_MAX = 0.5
"""A log line does not wait longer for a pseudonym."""


class SecretsMissing(Unusable):
    """The table ledger.secrets was emptied."""

    def __init__(self) -> None:
        super().__init__("table secrets has no key for cursors: run `seatledger migrate`")


class Ledger:
    """One ledger in one process. A process can open several.

    Before `open`, commands wait in the queue until their deadline, and reads raise Unavailable. While `admit`
    refuses the log, the ledger answers queries, and commands are Unavailable. Ledgers that are given the same
    `pools` share the connections to each database.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        admit: Admission | None = None,
        entry: LedgerEntry = ONLY_MAIN[0],
        pools: Pools | None = None,
    ) -> None:
        self.url = url
        self.entry = entry
        self.settings = settings
        self.obstacle: str | None = None
        """The reason why the ledger is not open yet, for readiness."""
        self.keyring: Keyring = NO_KEYRING
        """The keyring that seals the ledger's names, known after `open`."""
        self.used_at = time.monotonic()
        """When a caller last submitted a command or read."""
        self._cursor_key: bytes | None = None
        self._admit = admit
        self.pools = pools or Pools(settings.connections_max, settings.sandbox)
        self.pool = self.pools.of(url)
        self.readers = Readers(url, self.pool)
        self._writer = Writer(self._open_store, settings, lambda: self.pool.is_wanted)
        seconds = settings.deadline_seconds
        self.bookings = BatchedReads(self.read, bookings.find_all, seconds)
        self.flights = BatchedReads(self.read, flights.find_all, seconds)
        self.availability = BatchedReads(self.read, availability.find_all, seconds)
        self.streams = BatchedReads(self.read, histories.find_all, seconds)

    async def open(self, compare: Admission | None = None) -> None:
        """Start to serve a migrated database, if `compare` raises nothing for its log.

        Raises psycopg.Error if the database does not answer or has no schema, OtherMasterKey if its names
        are sealed by a master key other than those of the settings, WrongKind for a sandbox unless the
        settings are for one.
        """
        async with (
            self.pool.place(self.settings.deadline_seconds),
            await connect_as_owner(self.url, "seatledger start") as connection,
        ):
            await check_kind(connection, self.settings.sandbox)
            row = await (await connection.execute(CURSOR_KEY)).fetchone()
            keyed = await (await connection.execute(MASTER_KEY_CHECK)).fetchone()
            if row is None:
                raise SecretsMissing
            if compare:
                await compare(connection)
        given = self.settings
        keys = [given.master_key, *(given.old_master_keys or ())] if given.master_key else []
        check = keyed[0] if keyed else None
        keyring = find_keyring([Keyring(key) for key in keys], check)
        if keyring.check != check or (keys and check is None):
            raise OtherMasterKey
        self.keyring = keyring
        self.readers.open()
        self.pool.yielding.add(self._writer)
        self._writer.start()
        self._cursor_key = row[0].encode()

    async def close(self) -> None:
        """Write the queued submissions, then disconnect."""
        await self._writer.close()
        self.pool.yielding.discard(self._writer)
        self.readers.close()

    async def rest(self) -> None:
        """Close the writer's connection if it is idle, and leave the others to other ledgers."""
        self.readers.rest()
        if self._writer.idle_since is not None:
            await self._writer.disconnect()

    async def _open_store(self) -> Store:
        """Connect the writer, which needs the keyring that `open` found. Raises psycopg.Error."""
        await self.pool.take_place(self.settings.deadline_seconds)
        try:
            return await open_store(
                self.url,
                self.settings,
                self.keyring,
                self._admit,
                self.entry.number,
                closed=self.pool.release_place,
                store_type=SandboxStore if self.settings.sandbox else None,
            )
        except BaseException:
            self.pool.release_place()
            raise

    @property
    def cursor_key(self) -> bytes:
        """Key that signs cursors of pages; all processes of the ledger share it. Raises Unavailable."""
        if self._cursor_key is None:
            raise Unavailable
        return self._cursor_key

    async def submit(self, submission: Submission) -> Answer:
        """Submit a command and return its answer after COMMIT. Raises Overloaded or Unavailable."""
        self.used_at = time.monotonic()
        return await self._writer.submit(submission)

    async def submit_all(self, submissions: Sequence[Submission], atomic: bool) -> list[Answer]:
        """Submit commands that share a block (`Writer.submit_all`). Raises as `submit` does."""
        self.used_at = time.monotonic()
        return await self._writer.submit_all(submissions, atomic)

    def new_id(self) -> UUID:
        """Return an id of this ledger, for what is beside the log; that of a sandbox is recognisable."""
        make = new_sandbox_id if self.settings.sandbox else new_id
        return make(self.entry.number)

    @property
    def livemode(self) -> Literal[False] | UnsetType:
        """False for a sandbox, UNSET for a live ledger: what its events say."""
        return False if self.settings.sandbox else UNSET

    @property
    def queued(self) -> int:
        """Number of queued submissions."""
        return self._writer.queued

    @property
    def writer_progress(self) -> Progress:
        return self._writer.progress

    @property
    def is_full(self) -> bool:
        """True if `submit` would raise Overloaded."""
        return self._writer.is_full

    def decrypt_names(self, body: bytes) -> bytes:
        """Return the JSON document with names and texts in place of their tokens."""
        return self.keyring.decrypt_tokens(body)

    def decrypt_name(self, token: str) -> str | None:
        """Return the name of a token; None for other strings, such as the pseudonym of an erased person."""
        return self.keyring.decrypt(token)

    async def find_pseudonym(self, name: str) -> str | None:
        """Return the pseudonym of a recorded person, for logs. Return None if it cannot be read at once."""
        with contextlib.suppress(Overloaded, Unavailable, TimeoutError):
            async with asyncio.timeout(PSEUDONYM_SECONDS_MAX), self.read() as connection:
                found = (await pseudonyms_of(connection, self.keyring, [name]))[name]
                return found if found and not is_in_clear(found) else None
        return None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Lend a connection for queries.

        Raises Overloaded if too many callers wait for one, Unavailable if the database does not answer or no
        longer has the ledger.
        """
        self.used_at = time.monotonic()
        seconds = self.settings.deadline_seconds
        try:
            lent = await self.readers.take(seconds)
        except TooManyReaders as error:
            raise Overloaded from error
        except psycopg.Error as error:
            raise Unavailable from error
        try:
            with socket_deadline(lent.connection, seconds):
                yield lent.connection
        except psycopg.errors.UndefinedTable as error:
            logger.bind(error=str(error)).warning("ledger.gone")
            raise Unavailable from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable from error
        finally:
            self.readers.give_back(lent)


@asynccontextmanager
async def open_ledger(
    database_url: str, settings: Settings, admit: Admission | None = None
) -> AsyncIterator[Ledger]:
    """Open the ledger in a migrated database. On exit, write the queued submissions.

    Raises as `Ledger.open` does.
    """
    ledger = Ledger(database_url, settings, admit)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()
