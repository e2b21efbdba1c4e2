"""Checks of one booking: its events in the hash chain, its row in the view, its signed proof."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from loguru import logger
from psycopg import Error

from api.http import queries
from api.http.parameters import ReadQuery
from api.http.request import ApiRequest
from api.resources import history
from api.resources.history import BookingStateQuery
from api.resources.proofs import proof_of
from audit.proofs.check import check
from audit.proofs.keys import read_public_pem
from audit.proofs.not_proved import NotProved
from audit.verify import verify_events
from database.head import QueryResult
from domain.refusals.base import Refusal
from ledger import histories
from projections import bookings
from runtime.settings import WrongSetting

SECONDS_MAX = 4.0
EVENTS_MAX = 1_000


class Finding(NamedTuple):
    """Result of one check; `ok` is None if the check could not run."""

    claim: str
    ok: bool | None
    detail: str


async def check_booking(request: ApiRequest, booking_id: UUID, positions: list[int]) -> list[Finding]:
    """Run the three checks and return their results."""
    return [
        await _check_chain(request, positions),
        await _check_view(request, booking_id, len(positions)),
        await _check_proof(request, booking_id, len(positions)),
    ]


async def _check_chain(request: ApiRequest, positions: list[int]) -> Finding:
    claim = "The events are unchanged"
    if len(positions) > EVENTS_MAX:
        return Finding(
            claim, None, f"This booking has more than {EVENTS_MAX} events: run `seatledger verify`."
        )
    try:
        result = await asyncio.to_thread(verify_events, request.ledger.url, positions, SECONDS_MAX)
    except Error as error:
        logger.bind(error=repr(error)).warning("console.verify_failed")
        return Finding(claim, None, "The database did not answer in time. Try again.")
    if result.ok:
        return Finding(
            claim,
            True,
            f"{result.checked} events: every hash matches its event and the hash before it, and every "
            "event belongs to a recorded command.",
        )
    return Finding(claim, False, f"Position {result.first_bad_position}: {result.reason}.")


async def _check_view(request: ApiRequest, booking_id: UUID, versions: int) -> Finding:
    claim = "The view matches the events"

    async def compare(connection: queries.Connection) -> QueryResult[bool]:
        at, row = await bookings.find(connection, booking_id)
        _, stream = await histories.find(connection, booking_id)
        folded = history.state_at(stream, BookingStateQuery(version=row.version if row else versions))
        return QueryResult(at, row is not None and row == folded)

    _, equal = await queries.read(request, ReadQuery(), compare)
    if equal:
        return Finding(claim, True, "The row of the view equals the fold of its events.")
    return Finding(claim, False, "The row of the view differs from the fold of its events.")


async def _check_proof(request: ApiRequest, booking_id: UUID, versions: int) -> Finding:
    claim = "A signed checkpoint covers the events"
    _, proof = await queries.read(request, ReadQuery(), lambda c: proof_of(c, booking_id, request.may_read))
    if isinstance(proof, Refusal):
        return Finding(claim, None, "No checkpoint has been signed since. Sign one: `seatledger checkpoint`.")
    try:
        pem = read_public_pem(request.ledger.settings)
    except (OSError, WrongSetting):
        pem = None
    if pem is None:
        return Finding(
            claim, None, "The public key is not on this host. Download the proof and check it with your copy."
        )
    try:
        *events, verdict = check(proof.encode(), pem.encode())
        against, *_ = verdict.split("; ")
    except NotProved as refuted:
        return Finding(claim, False, f"{refuted}.")
    proved = len(events) - 1
    later = f", {versions - proved} added later" if versions > proved else ""
    return Finding(claim, True, f"{proved} of {versions} events {against}{later}.")
