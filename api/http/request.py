"""The request as our handlers see it: the caller, the ledger, a strict body, strict parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request

from api.http import bodies, parameters
from api.http.request_context import RequestContext, context_of
from domain.caller import Caller
from domain.refusals import Refusal

if TYPE_CHECKING:
    from api.http.streams import Streams
    from gateways.payment_processor import PaymentProcessor
    from ledger.ledger import Ledger

T = TypeVar("T", bound=msgspec.Struct)


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class ApiRequest(Request[Caller, Any, Any]):
    @property
    def context(self) -> RequestContext:
        return context_of(self.scope)

    @property
    def caller(self) -> Caller:
        """Whom the guard let in."""
        caller: Caller = self.scope["user"]
        return caller

    @property
    def ledger(self) -> Ledger:
        ledger: Ledger = self.app.state["ledger"]
        return ledger

    def may_read(self, shown: str) -> bool:
        """May the caller read what belongs to whom a row shows?"""
        return self.caller.may_read(self.ledger.name(shown))

    @property
    def processor(self) -> PaymentProcessor | None:
        """Who asks the payment gateway; None where callers vouch for payments themselves."""
        processor: PaymentProcessor | None = self.app.state["processor"]
        return processor

    @property
    def streams(self) -> Streams:
        streams: Streams = self.app.state["streams"]
        return streams

    def id(self, unknown: type[Refusal]) -> UUID:
        """The id in the path. Raises `unknown`: what is no UUID names nothing."""
        text = self.scope["path_params"]["id"]
        try:
            # msgspec would also take one without dashes; UUID() takes much more, and three times as long.
            return msgspec.convert(text if len(text) == 36 else "", UUID)
        except msgspec.ValidationError:
            raise unknown() from None

    def query(self, kind: type[T]) -> T:
        """The query string as a struct. Raises ValidationFailed."""
        return parameters.decode(self.scope["query_string"], kind)

    async def read(self, kind: type[T], optional: bool = False) -> T:
        """The body as a struct. Raises what bodies.read, require_json and decode do."""
        fields = self.context.fields
        described = fields.get(b"content-type"), fields.get(b"content-encoding")
        if not optional:
            bodies.require_json(*described)
        body = await bodies.read(self.receive, fields.get(b"content-length"))
        if optional and not body:
            return kind()
        bodies.require_json(*described)
        return bodies.decode(body, kind)
