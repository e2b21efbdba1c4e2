"""Who may use which route. Default is deny: a route that promises nothing lets nobody in."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.exchange import exchange_of
from api.rejections import Forbidden
from api.routes import PUBLIC, Route
from api.tokens import Tokens
from domain.caller import Role


class Guard:
    """Asks every request for a token whose roles the route accepts, and remembers the caller."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        route: Route | None = handler.opt.get("route")
        if route is not None and route.roles == PUBLIC:
            return
        verified = self._tokens.verified(exchange_of(connection.scope).fields.get(b"authorization"))
        caller = verified.caller
        if route is None or route.roles.isdisjoint(caller.roles):
            raise Forbidden([role.value for role in Role if route is not None and role in route.roles])
        connection.scope["user"], connection.scope["auth"] = caller, verified.expires_at
