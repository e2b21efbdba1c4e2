"""Recorded outcomes of commands."""

from typing import Any
from urllib.parse import unquote

from litestar import Controller, get
from litestar.types import ASGIApp
from psycopg import AsyncConnection

from api.http import queries
from api.http.conditions import unquote_key
from api.http.parameters import ReadQuery
from api.http.request import ApiRequest
from api.http.routes import READERS, route
from database.head import QueryResult, position
from domain.refusals.requests import CommandNotFound
from ledger.outcomes import Outcome, find_outcome
from ledger.people import pseudonyms_of


class OutcomeController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get(
        "/commands/{actor:str}/{operation:str}/{key:path}",
        opt=route(
            READERS,
            "Get the recorded outcome of a command",
            query=ReadQuery,
            one_ledger=True,
            response=Outcome,
            refusals=(CommandNotFound,),
        ),
    )
    async def get_command_outcome(self, request: ApiRequest) -> ASGIApp:
        actor, operation, key = _path_values(request)
        at, outcome = await queries.read(
            request, request.query(ReadQuery), lambda c: _outcome(request, c, (actor, operation, key))
        )
        if outcome is None or not (request.reads_all or actor == request.caller.subject):
            return queries.refuse(request, at, CommandNotFound())
        return queries.respond_decrypted(request, at, outcome)


def _path_values(request: ApiRequest) -> list[str]:
    """Return actor, operation and key from the raw path, because the router decodes `%2F` to a separator.

    Raises CommandNotFound for a path with fewer than three parts.
    """
    path: str = request.scope["raw_path"].decode("ascii", "replace")
    values = path.partition("/commands/")[2].split("/", 2)
    if len(values) < 3:
        raise CommandNotFound
    return [unquote(value) for value in values]


async def _outcome(
    request: ApiRequest, connection: AsyncConnection[Any], key: tuple[str, str, str]
) -> QueryResult[Outcome | None]:
    # PostgreSQL text cannot hold NUL, so no outcome has such a key.
    outcome = None if "\x00" in "".join(key) else await _find(request, connection, *key)
    # Read the position after the outcome, so that the outcome lies within that position.
    return QueryResult(await position(connection), outcome)


async def _find(
    request: ApiRequest, connection: AsyncConnection[Any], actor: str, operation: str, key: str
) -> Outcome | None:
    """Find by the actor's name. Auditors and operators may also give a pseudonym or a system actor."""
    pseudonyms = await pseudonyms_of(connection, request.ledger.keyring, [actor])
    outcome = await find_outcome(connection, (pseudonyms[actor] or "", operation, key))
    if outcome is None and request.reads_all:
        outcome = await find_outcome(connection, (actor, operation, key))
    if outcome is None and (content := unquote_key(key)) != key:
        return await _find(request, connection, actor, operation, content)
    return outcome
