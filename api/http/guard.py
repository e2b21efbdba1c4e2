"""Who may use which route. Default is deny: a route that promises nothing lets nobody in."""

from api.console import cookie
from api.http.http_errors import Forbidden
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, Route
from api.http.tokens import Tokens
from domain.caller import Role


class Guard:
    """Asks every request for a token whose roles the route accepts, and remembers the caller.

    Raises Unauthenticated and Forbidden.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, request: ApiRequest) -> None:
        route: Route | None = request.scope["route_handler"].opt.get("route")
        if route is not None and route.roles == PUBLIC:
            return
        context = request.context
        authorization = context.fields.get(b"authorization")
        if authorization is None and route is not None and route.is_page:
            authorization = cookie.authorization(context)
        verified = self._tokens.verify(authorization)
        caller = verified.caller
        if route is None or route.roles.isdisjoint(caller.roles):
            raise Forbidden([role.value for role in Role if route is not None and role in route.roles])
        request.scope["user"], request.scope["auth"] = caller, verified.expires_at
