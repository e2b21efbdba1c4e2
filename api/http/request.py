"""Request class of all handlers: caller, ledger, and strict parsing of path, query string and body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request

from api.http import bodies, parameters
from api.http.http_errors import CarrierNotHere, LedgerMoving, LedgerNotFound, LedgerRetired, wrong_parameter
from api.http.request_context import context_of
from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.flights import ScheduleFlight
from domain.commands.sandbox import AdvanceClock
from domain.refusals.base import Refusal
from ledger.submission import Unavailable

if TYPE_CHECKING:
    from litestar.types import Receive, Scope

    from api.http.routes import Route
    from api.http.served_ledgers import ServedLedgers
    from api.http.shared import Shared
    from database.registry import LedgerEntry
    from gateways.payment_processor import PaymentProcessor
    from ledger.ledger import Ledger

T = TypeVar("T", bound=msgspec.Struct)


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class ApiRequest(Request[Caller, Any, Any]):
    def __init__(self, scope: Scope, receive: Receive, shared: Shared) -> None:
        # Litestar's constructor prepares parsing of its own, which no handler uses.
        self.scope: Any = scope
        self.receive = receive
        self.shared = shared
        self.context = context_of(scope)
        self._ledger: Ledger | None = None
        self.is_for_all_ledgers = False
        """True for a list that asks all ledgers."""

    @property
    def route(self) -> Route:
        """Description of the route that the dispatch found."""
        route: Route = self.scope["route_handler"].opt["route"]
        return route

    @property
    def caller(self) -> Caller:
        """Caller authenticated by the guard."""
        caller: Caller = self.scope["user"]
        return caller

    @property
    def ledgers(self) -> ServedLedgers:
        return self.shared.ledgers

    @property
    def ledger(self) -> Ledger:
        """The ledger of the request: `main` unless `choose_ledger` or `use_ledger_of` has chosen another."""
        return self._ledger or self.shared.ledgers.main

    @property
    def may_choose_ledger(self) -> bool:
        """False if the ledger can only be `main`."""
        caller: Caller | None = self.scope.get("user")
        is_limited = caller is not None and caller.ledgers
        return (
            self.ledgers.are_several
            or bool(is_limited)
            or b"ledger=" in self.scope["query_string"]
            or not self.shared.registry_read.is_set()
        )

    async def choose_ledger(self) -> None:
        """Choose the ledger by parameter `ledger`, or by the id in the path.

        Raises LedgerNotFound, LedgerUnavailable, Unavailable, and ValidationFailed if the route needs a name.
        """
        route = self.route
        if not self.shared.registry_read.is_set() and self.scope.get("user") is not None:
            await self._wait_for_registry()
        takes_name = route.query is not None or route.one_ledger or route.is_page
        name = parameters.ledger_name(self.scope["query_string"]) if takes_name else None
        if name is not None:
            entry = self.ledgers.named(name)
            if entry is None:
                raise LedgerNotFound
        elif id := _id_in(self.scope["path_params"]):
            entry = self.ledgers.of_id(id)
        elif route.one_ledger:
            names = ", ".join(entry.name for entry in self.visible_ledgers)
            raise wrong_parameter("ledger", f"Required, because there are several ledgers: {names}")
        elif route.all_ledgers:
            self.is_for_all_ledgers = True
            return
        elif self.context.method == "POST" and not route.is_page:
            return  # the command names its ledger
        else:
            entry = self.ledgers.main.entry
        await self.use(entry)

    async def _wait_for_registry(self) -> None:
        """Wait until the registry was read: nothing else tells the ledger of an id. Raises Unavailable."""
        try:
            async with asyncio.timeout(self.ledgers.main.settings.deadline_seconds):
                await self.shared.registry_read.wait()
        except TimeoutError:
            raise Unavailable from None

    async def use_ledger_of(self, command: Command) -> None:
        """Choose the ledger that decides the command, and require that it takes commands.

        Raises CarrierNotHere, LedgerMoving, LedgerRetired, LedgerNotFound, LedgerUnavailable.
        """
        if self.ledgers.are_several or self.caller.ledgers:
            if isinstance(command, ScheduleFlight):
                entry = self.ledgers.of_flight(command.number)
                if entry is None:
                    raise CarrierNotHere(f"No ledger takes flights of {command.number[:2]}.")
            elif isinstance(command, AdvanceClock):
                entry = self.ledger.entry  # its parameter names the ledger
            else:
                assert command.target_id is not None
                entry = self.ledgers.of_id(command.target_id)
            await self.use(entry)
        if self.ledger.entry.is_paused:
            raise LedgerMoving(ledger=self.ledger.entry.name)
        if self.ledger.entry.is_retired:
            raise LedgerRetired(ledger=self.ledger.entry.name)

    async def use(self, entry: LedgerEntry) -> None:
        """Use this ledger for the request. Raises LedgerNotFound, LedgerUnavailable."""
        if not self._allows(entry):
            raise LedgerNotFound
        self._ledger = await self.ledgers.open(entry)
        self.context.ledger_names = entry.name

    @property
    def visible_ledgers(self) -> tuple[LedgerEntry, ...]:
        """The ledgers that the token allows."""
        return tuple(filter(self._allows, self.ledgers.entries))

    def _allows(self, entry: LedgerEntry) -> bool:
        caller: Caller | None = self.scope.get("user")
        return caller is None or not caller.ledgers or entry.name in caller.ledgers

    async def of_ledger(self, entry: LedgerEntry) -> ApiRequest:
        """Return the same request to this ledger. Raises LedgerNotFound, LedgerUnavailable."""
        request = ApiRequest(self.scope, self.receive, self.shared)
        await request.use(entry)
        return request

    @property
    def reads_all(self) -> bool:
        """True if the caller reads the bookings, waiting parties and outcomes of all users."""
        return not self.caller.roles.isdisjoint({Role.AUDITOR, Role.OPERATOR})

    @property
    def owner_filter(self) -> str | None:
        """Owner that lists are restricted to, or None for all owners."""
        return None if self.reads_all else self.caller.subject

    def may_read(self, owner: str) -> bool:
        """Return true if the caller may read rows of this owner, given as a name or token."""
        return self.caller.may_read(self.ledger.decrypt_name(owner))

    @property
    def processor(self) -> PaymentProcessor | None:
        """Payment processor, or None if no payment gateway is configured."""
        return self.shared.processor_of(self.ledger)

    def id(self, not_found: type[Refusal]) -> UUID:
        """Return the id in the path. Raises `not_found` if it is not a UUID."""
        text = self.scope["path_params"]["id"]
        try:
            # The length excludes UUIDs without dashes, which msgspec accepts. UUID() accepts more forms and
            # takes three times as long.
            return msgspec.convert(text if len(text) == 36 else "", UUID)
        except msgspec.ValidationError:
            raise not_found() from None

    def query(self, kind: type[T]) -> T:
        """Decode the query string. Raises ValidationFailed."""
        return parameters.decode(self.scope["query_string"], kind)

    async def read(self, kind: type[T], optional: bool = False) -> T:
        """Decode the body. Raises the exceptions of `bodies.read`, `require_json` and `decode`.

        If `optional`, an empty body gives the struct's defaults.
        """
        fields = self.context.fields
        content_headers = fields.get(b"content-type"), fields.get(b"content-encoding")
        if not optional:
            bodies.require_json(*content_headers)
        body = await self.read_bytes()
        if optional and not body:
            return kind()
        bodies.require_json(*content_headers)
        return bodies.decode(body, kind)

    async def read_bytes(self) -> bytes:
        """Read the body. Raises as `bodies.read` does."""
        length = self.context.fields.get(b"content-length")
        return await bodies.read(self.receive, length, self.shared.body_timers)


def _id_in(path_params: dict[str, Any]) -> UUID | None:
    """Return the id in the path; None without one, or if it is no UUID, which the handler refuses."""
    text = path_params.get("id", "")
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
