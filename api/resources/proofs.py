"""Proof routes: the last signed checkpoint, and proofs of a booking's events against it."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import Meta
from psycopg import AsyncConnection

from api.http import queries
from api.http.parameters import ReadQuery
from api.http.replies import Reply, position_header
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, READERS, route
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.prover import NotProvable, booking_proof
from audit.proofs.signer import latest
from database.head import QueryResult, position
from domain.refusals.base import Refusal
from domain.refusals.bookings import BookingNotFound
from domain.refusals.requests import CheckpointNotFound
from projections import bookings

Hash = Annotated[str, Meta(description="64 hex digits")]


class ProvedEvent(msgspec.Struct, frozen=True):
    """Fields of the leaf, and its path to the root. `recorded_at` is in microseconds since 1970 UTC."""

    position: int
    originator_id: str
    originator_version: int
    topic: str
    state: str
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    recorded_at: int
    command_hash: str
    path: list[Hash]


class Proof(msgspec.Struct, frozen=True):
    """Input of `seatledger check-proof`. Its content counts, not the layout of the JSON."""

    format: str
    booking_id: str
    events: list[ProvedEvent]
    checkpoint: Checkpoint


class ProofController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get(
        "/audit/checkpoint",
        opt=route(
            AUDITORS,
            "Get the last signed checkpoint",
            query=ReadQuery,
            response=Checkpoint,
            one_ledger=True,
            refusals=(CheckpointNotFound,),
        ),
    )
    async def get_checkpoint(self, request: ApiRequest) -> ASGIApp:
        at, checkpoint = await queries.read(request, request.query(ReadQuery), latest_checkpoint)
        if checkpoint is None:
            return queries.refuse(request, at, CheckpointNotFound())
        return queries.respond(at, checkpoint)

    @get(
        "/bookings/{id:str}/proof",
        opt=route(
            READERS,
            "Get a proof of a booking's events against the last checkpoint",
            query=ReadQuery,
            response=Proof,
            refusals=(BookingNotFound, CheckpointNotFound),
        ),
    )
    async def get_booking_proof(self, request: ApiRequest) -> ASGIApp:
        booking_id = request.id(BookingNotFound)
        at, proof = await queries.read(
            request, request.query(ReadQuery), lambda c: proof_of(c, booking_id, request.may_read)
        )
        if isinstance(proof, Refusal):
            return queries.refuse(request, at, proof)
        return Reply(200, proof.encode(), [position_header(at)])


async def latest_checkpoint(connection: AsyncConnection[Any]) -> QueryResult[Checkpoint | None]:
    checkpoint = await latest(connection)
    return QueryResult(await position(connection), checkpoint)


async def proof_of(
    connection: AsyncConnection[Any], booking_id: UUID, may_read: Callable[[str], bool]
) -> QueryResult[str | Refusal]:
    """Return the proof against the last checkpoint as text, or a refusal if there is none."""
    at, row = await bookings.find(connection, booking_id)
    if row is None or not may_read(row.user_id):
        return QueryResult(at, BookingNotFound(booking_id=booking_id))
    checkpoint = await latest(connection)
    if checkpoint is None:
        return QueryResult(at, CheckpointNotFound())
    try:
        return QueryResult(at, await booking_proof(connection, booking_id, checkpoint))
    except NotProvable:
        return QueryResult(at, CheckpointNotFound(last_position=checkpoint.position))
