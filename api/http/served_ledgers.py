"""The ledgers that a process serves: `main` all the time, others from their first use until they are idle."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, TypeVar, cast
from uuid import UUID

from loguru import logger

from api.http.http_errors import LedgerUnavailable
from database import registry
from database.registry import LedgerEntry
from ledger.ids import milliseconds_in, number_in
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable

REFRESH_SECONDS = 2.0
IDLE_SECONDS = 300.0
"""A ledger other than `main` that no request has used for this long is closed, with its connections."""

P = TypeVar("P")

OpenOther = Callable[[LedgerEntry], AbstractAsyncContextManager[Ledger]]
"""Opens another ledger, now or as soon as its database answers. Raises RegistryError."""


class ServedLedgers:
    """The entries of the registry, and the ledgers of them that are open in this process."""

    def __init__(self, main: Ledger, open_other: OpenOther) -> None:
        self.main = main
        self._hold((main.entry,))
        self._open_other = open_other
        self._numbered_from = 0
        self._opened: dict[str, asyncio.Task[Ledger]] = {}
        self._stacks: dict[str, AsyncExitStack] = {}
        self._parts: dict[tuple[str, type[Any]], tuple[Ledger, Any]] = {}

    @property
    def are_several(self) -> bool:
        return len(self.entries) > 1

    @property
    def others(self) -> list[Ledger]:
        """The ledgers besides `main` that are open in this process."""
        done = [opening for opening in self._opened.values() if opening.done() and not opening.exception()]
        return [opening.result() for opening in done]

    def _hold(self, entries: tuple[LedgerEntry, ...]) -> None:
        self.entries = entries
        self._by_name = {entry.name: entry for entry in entries}
        self._by_number = {entry.number: entry for entry in entries}
        self._by_carrier = {carrier: entry for entry in entries for carrier in entry.carriers}

    def named(self, name: str) -> LedgerEntry | None:
        return self._by_name.get(name)

    def of_id(self, id: UUID) -> LedgerEntry:
        """Return the entry of the ledger that made the id; `main` for a number that no ledger has."""
        number = number_in(id) if milliseconds_in(id) >= self._numbered_from else 0
        return self._by_number.get(number, self.main.entry)

    def of_flight(self, number: str) -> LedgerEntry | None:
        """Return the entry of the ledger for a new flight with this number, None if no ledger takes it."""
        main = self.main.entry
        return self._by_carrier.get(number[:2]) or (None if main.carriers else main)

    async def open(self, entry: LedgerEntry) -> Ledger:
        """Return the ledger, which may still wait for its database. Raises LedgerUnavailable."""
        if entry.name == registry.MAIN:
            return self.main
        opening = self._opened.get(entry.name)
        if opening is None:
            opening = self._opened[entry.name] = asyncio.create_task(self._enter(entry))
        try:
            return await asyncio.shield(opening)
        except Exception as problem:
            # The next request tries again.
            self._opened.pop(entry.name, None)
            logger.bind(ledger=entry.name, error=repr(problem)).error("ledger.not_opened")
            raise LedgerUnavailable(entry.name) from problem

    async def _enter(self, entry: LedgerEntry) -> Ledger:
        stack = AsyncExitStack()
        ledger = await stack.enter_async_context(self._open_other(entry))
        self._stacks[entry.name] = stack
        logger.bind(ledger=entry.name).info("ledger.opened")
        return ledger

    def part(self, ledger: Ledger, kind: type[P], make: Callable[[Ledger], P]) -> P:
        """Return the part of this kind of the ledger as it is open now, made by `make` if there is none."""
        owner, part = self._parts.get((ledger.entry.name, kind), (None, None))
        if owner is not ledger:
            part = make(ledger)
            self._parts[ledger.entry.name, kind] = ledger, part
        return cast(P, part)

    async def keep_up(self) -> None:
        """Follow the registry and close idle ledgers, until cancelled."""
        while True:
            try:
                await self.refresh()
            except (Unavailable, Overloaded):
                pass
            except Exception as error:  # the task goes on: requests depend on it
                logger.bind(error=repr(error)).error("registry.unreadable")
            for name, opening in list(self._opened.items()):
                if (
                    opening.done()
                    and not opening.exception()
                    and time.monotonic() - opening.result().used_at > IDLE_SECONDS
                ):
                    await self._close(name)
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Read the registry. Raises Unavailable and Overloaded."""
        async with self.main.read() as connection:
            self._hold(await registry.read(connection))
            if self.are_several and not self._numbered_from:
                self._numbered_from = await registry.read_numbered_from(connection)
        self.main.entry = self.named(registry.MAIN) or self.main.entry
        for name, opening in list(self._opened.items()):
            entry = self.named(name)
            if entry and opening.done() and not opening.exception():
                was, opening.result().entry = opening.result().entry, entry
                if was.url_variable != entry.url_variable:
                    # The ledger was moved: the next request opens it on its new server.
                    await self._close(name)

    async def close(self) -> None:
        """Close all ledgers but `main`."""
        for name in list(self._opened):
            await self._close(name)

    async def _close(self, name: str) -> None:
        opening = self._opened.pop(name, None)
        if opening is not None:
            with suppress(Exception):
                await opening
        stack = self._stacks.pop(name, None)
        if stack is not None:
            await stack.aclose()
            logger.bind(ledger=name).info("ledger.closed")
