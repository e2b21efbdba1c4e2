"""What a route promises: who may call it, what it takes and gives; read by guard and documentation."""

from typing import Any

import msgspec

from domain.caller import Role
from domain.refusals import Refusal

ALL_ROLES = frozenset(Role)
BUYERS = frozenset({Role.CLIENT, Role.OPERATOR})
READERS = frozenset({Role.CLIENT, Role.AUDITOR, Role.OPERATOR})
AUDITORS = frozenset({Role.AUDITOR, Role.OPERATOR})
OPERATORS = frozenset({Role.OPERATOR})
STAFF = frozenset({Role.AUDITOR, Role.ANALYST, Role.OPERATOR})

PUBLIC: frozenset[Role] = frozenset()
"""No token is required."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`body` is the body, `query` the query string, `response` the body of `status`: each a struct or None.

    `accepts_dry_run`: takes `dry_run`, as all that `refusals` shows to be commands do.
    `path_values` are all that the variable part of the path may be, where it is no id. `is_page`: a page of
    the console, for browsers: its token may come in a cookie, and it is no part of the documented API.
    """

    roles: frozenset[Role]
    summary: str
    response: Any = None
    status: int = 200
    media_type: str = "application/json"
    body: Any = None
    body_required: bool = True
    query: Any = None
    path_values: tuple[str, ...] = ()
    refusals: tuple[type[Refusal], ...] = ()
    key_required: bool = False
    if_match: bool = False
    accepts_dry_run: bool = False
    is_page: bool = False


def route(roles: frozenset[Role], summary: str, **rest: Any) -> dict[str, Route]:
    """For a handler's `opt`."""
    return {"route": Route(roles=roles, summary=summary, **rest)}


ALIASES: set[str] = set()
"""Addresses that repeat what another address serves."""


def with_alias(path: str) -> list[str]:
    """Operators look at the root, clients under the API's base path: both find it."""
    ALIASES.add(f"/api/v1{path}")
    return [path, f"/api/v1{path}"]
