"""Request class of all handlers: caller, ledger, and strict parsing of path, query string and body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request

from api.http import bodies, parameters
from api.http.request_context import context_of
from domain.caller import Caller, Role
from domain.refusals import Refusal

if TYPE_CHECKING:
    from litestar.types import Receive, Scope

    from api.http.caller_limits import CallerLimits
    from api.http.routes import Route
    from api.http.streams import Streams
    from gateways.payment_processor import PaymentProcessor
    from ledger.ledger import Ledger

T = TypeVar("T", bound=msgspec.Struct)


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class ApiRequest(Request[Caller, Any, Any]):
    def __init__(self, scope: Scope, receive: Receive) -> None:
        # Litestar's constructor prepares parsing of its own, which no handler uses.
        self.scope: Any = scope
        self.receive = receive
        self.context = context_of(scope)

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
    def ledger(self) -> Ledger:
        ledger: Ledger = self.app.state["ledger"]
        return ledger

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
        processor: PaymentProcessor | None = self.app.state["processor"]
        return processor

    @property
    def limits(self) -> CallerLimits:
        limits: CallerLimits = self.app.state["limits"]
        return limits

    @property
    def streams(self) -> Streams:
        streams: Streams = self.app.state["streams"]
        return streams

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
        body = await bodies.read(self.receive, fields.get(b"content-length"))
        if optional and not body:
            return kind()
        bodies.require_json(*content_headers)
        return bodies.decode(body, kind)
