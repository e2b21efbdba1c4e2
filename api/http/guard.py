"""Authorization of requests by the roles of their route. A route without roles is denied."""

from collections.abc import Callable
from typing import TypeVar

from api.console import cookie
from api.http.http_errors import Forbidden, Unauthenticated
from api.http.request import ApiRequest
from api.http.request_context import RequestContext
from api.http.routes import PUBLIC, Route
from api.http.tokens import UNKNOWN_KEY, Tokens, VerifiedToken
from domain.caller import Role

T = TypeVar("T")


class Guard:
    """Require a token with a role that the route accepts, and store the caller in the scope.

    Raises Unauthenticated and Forbidden.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def __call__(self, request: ApiRequest) -> None:
        route: Route | None = request.scope["route_handler"].opt.get("route")
        if route is not None and route.roles == PUBLIC:
            return
        context = request.context
        authorization = context.fields.get(b"authorization")
        if authorization is None and route is not None and route.is_page:
            authorization = cookie.authorization(context)
        verified = authenticate(self.tokens, authorization, context)
        caller = verified.caller
        if route is None or route.roles.isdisjoint(caller.roles):
            raise Forbidden([role.value for role in Role if route is not None and role in route.roles])
        request.scope["user"], request.scope["auth"] = caller, verified.expires_at


async def with_new_keys(tokens: Tokens, check: Callable[[], T]) -> T:
    """Check a token that names an unknown key again, with keys fetched now. Raises what `check` raises."""
    try:
        return check()
    except Unauthenticated as refusal:
        if refusal.reason != UNKNOWN_KEY or not await tokens.fetch_keys():
            raise
    return check()


def authenticate(tokens: Tokens, authorization: bytes | None, context: RequestContext) -> VerifiedToken:
    """Verify the token, and note its subject, or why it is refused, for the log. Raises Unauthenticated."""
    try:
        verified = tokens.verify(authorization)
    except Unauthenticated as refusal:
        context.subject, context.facts = refusal.subject, {"reason": refusal.reason}
        raise
    context.subject = verified.caller.subject
    return verified
