"""Who may use which route. Default is deny: a route that promises nothing lets nobody in."""

from typing import Any

from litestar import Request

from api.console import cookie
from api.exchange import exchange_of
from api.rejections import Forbidden
from api.routes import PUBLIC, Route
from api.tokens import Tokens
from domain.caller import Role


class Guard:
    """Asks every request for a token whose roles the route accepts, and remembers the caller.

    Called before every handler. One of Litestar's own `guards` is handed a copy of the route's handler for
    each request, which would cost as much as all else that is done here and in the edge.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def __call__(self, request: Request[Any, Any, Any]) -> None:
        route: Route | None = request.scope["route_handler"].opt.get("route")
        if route is not None and route.roles == PUBLIC:
            return
        exchange = exchange_of(request.scope)
        authorization = exchange.fields.get(b"authorization")
        if authorization is None and route is not None and route.is_page:
            authorization = cookie.authorization(exchange)
        verified = self._tokens.verified(authorization)
        caller = verified.caller
        if route is None or route.roles.isdisjoint(caller.roles):
            raise Forbidden([role.value for role in Role if route is not None and role in route.roles])
        request.scope["user"], request.scope["auth"] = caller, verified.expires_at
