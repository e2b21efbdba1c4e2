"""Verify this booking: its events in the chain, its row in the view, its proof against what was signed."""

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
from audit.proofs.keys import kept_public_pem
from audit.proofs.refuted import Refuted
from audit.verify import verify_events
from database.head import QueryResult
from domain.refusals import Refusal
from ledger import histories
from projections import bookings
from runtime.settings import WrongSetting

SECONDS_MAX = 4.0
EVENTS_MAX = 1_000


class Finding(NamedTuple):
    """`ok` is None for what could not be looked at."""

    what: str
    ok: bool | None
    detail: str


async def check_booking(request: ApiRequest, booking_id: UUID, positions: list[int]) -> list[Finding]:
    """What was found, in the order of looking."""
    return [
        await _chain(request, positions),
        await _view(request, booking_id, len(positions)),
        await _proof(request, booking_id, len(positions)),
    ]


async def _chain(request: ApiRequest, positions: list[int]) -> Finding:
    what = "Its events are as they were written"
    if len(positions) > EVENTS_MAX:
        return Finding(what, None, f"It has more than {EVENTS_MAX} events: run `seatledger verify`.")
    try:
        found = await asyncio.to_thread(verify_events, request.ledger.url, positions, SECONDS_MAX)
    except Error as error:
        logger.bind(error=repr(error)).warning("console.verify_failed")
        return Finding(what, None, "The database did not answer in time: try again.")
    if found.ok:
        return Finding(
            what,
            True,
            f"{found.checked} events: each hash follows from the event and the hash before it, and each "
            "event belongs to the command whose outcome it commits to.",
        )
    return Finding(what, False, f"Position {found.first_bad_position}: {found.reason}.")


async def _view(request: ApiRequest, booking_id: UUID, versions: int) -> Finding:
    what = "What callers are shown is what its events add up to"

    async def see(connection: queries.Connection) -> QueryResult[bool]:
        at, row = await bookings.find(connection, booking_id)
        _, told = await histories.find(connection, booking_id)
        folded = history.state_at(told, BookingStateQuery(version=row.version if row else versions))
        return QueryResult(at, row is not None and row == folded)

    _, same = await queries.read(request, ReadQuery(), see)
    if same:
        return Finding(what, True, "The row of the view equals the fold of its events.")
    return Finding(what, False, "The row of the view differs from the fold of its events.")


async def _proof(request: ApiRequest, booking_id: UUID, versions: int) -> Finding:
    what = "A signed checkpoint vouches for them"
    _, proof = await queries.read(request, ReadQuery(), lambda c: proof_of(c, booking_id, request.may_read))
    if isinstance(proof, Refusal):
        return Finding(what, None, "No checkpoint has been signed since: `seatledger checkpoint` signs one.")
    try:
        pem = kept_public_pem(request.ledger.settings)
    except (OSError, WrongSetting):
        pem = None
    if pem is None:
        return Finding(what, None, "The key is not on this host: download the proof, check it with yours.")
    try:
        *events, verdict = check(proof.encode(), pem.encode())
    except Refuted as refuted:
        return Finding(what, False, f"{refuted}.")
    proved = len(events) - 1
    later = f", {versions - proved} came later" if versions > proved else ""
    return Finding(what, True, f"{proved} of {versions} events {verdict}{later}.")
