"""Description of a route: roles, body, query string, response and refusals. Used by guard and OpenAPI."""

from typing import Any

import msgspec

from api.http.deprecations import Deprecation
from domain.caller import Role
from domain.refusals.base import Refusal
from domain.refusals.requests import IdempotencyKeyReused

ALL_ROLES = frozenset(Role)
BUYERS = frozenset({Role.CLIENT, Role.OPERATOR})
READERS = frozenset({Role.CLIENT, Role.AUDITOR, Role.OPERATOR})
AUDITORS = frozenset({Role.AUDITOR, Role.OPERATOR})
OPERATORS = frozenset({Role.OPERATOR})
STAFF = frozenset({Role.AUDITOR, Role.ANALYST, Role.OPERATOR})

PUBLIC: frozenset[Role] = frozenset()
"""No token is required."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a route, in the `opt` of its handler.

    `about` is a description besides the summary, and `example` that of a response without a struct.
    `body`, `form`, `query` and `response` are struct types; `response` is the body of `status`, and `form`
    has the fields that a page sends by POST. `accepts_dry_run` marks routes that are not single commands but
    accept `dry_run`. `one_ledger` marks reads of one log, which name the ledger if there are several,
    and `all_ledgers` those that ask all of them. `is_keyed` marks changes
    that are no commands of the ledger and honour an idempotency key.
    `refusals` are those of the command or query itself: that of another version follows from `if_match`.
    `deprecation` announces that the route, or a part of it, is replaced.
    `path_values` lists the values of a path parameter that is not an id. `is_page` marks
    the home page and the pages of the console: they accept the token in a cookie and are not in the OpenAPI
    document.
    """

    roles: frozenset[Role]
    summary: str
    about: str = ""
    response: Any = None
    example: Any = None
    status: int = 200
    media_type: str = "application/json"
    body: Any = None
    body_required: bool = True
    form: Any = None
    query: Any = None
    path_values: tuple[str, ...] = ()
    refusals: tuple[type[Refusal], ...] = ()
    key_required: bool = False
    if_match: bool = False
    accepts_dry_run: bool = False
    deprecation: Deprecation | None = None
    is_page: bool = False
    one_ledger: bool = False
    is_keyed: bool = False
    all_ledgers: bool = False


def route(roles: frozenset[Role], summary: str, **rest: Any) -> dict[str, Route]:
    """Build the `opt` of a handler."""
    return {"route": Route(roles=roles, summary=summary, **rest)}


def command_route(
    roles: frozenset[Role], summary: str, *, refusals: tuple[type[Refusal], ...], **rest: Any
) -> dict[str, Route]:
    """Build the `opt` of a handler that submits a command of the ledger, which has an idempotency key."""
    return route(roles, summary, refusals=(*refusals, IdempotencyKeyReused), **rest)


ALIASES: set[str] = set()
"""Paths that serve the same as another path and are not documented."""


def with_alias(path: str) -> list[str]:
    """Return the path, and the same path below the base path of the API."""
    ALIASES.add(f"/api/v1{path}")
    return [path, f"/api/v1{path}"]
