"""Seat counts of the ledger, compared with those that the self-audit counts from the log."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from loguru import logger

from audit.self_audit.expected_rows import Unfoldable
from audit.self_audit.folding import recount_seats
from audit.self_audit.round_state import RoundState
from audit.verify.divergence import Divergence
from database.connection import Connection
from domain.seats import Seats

RECOUNTS_MAX = 100
"""Flights whose seats are recounted in one transaction."""


async def compare_seats(connection: Connection, state: RoundState, now: datetime, head: int) -> bool:
    """Compare seat counts, recounting flights that differ. Return False if more flights are to be recounted.

    The recount decides whether the stored count of the ledger or that of the audit is wrong.
    """
    renewed = 0
    differing = await (await connection.execute(_SEATS, (RECOUNTS_MAX,))).fetchall()
    for flight_id, *counts in differing:
        stored, counted, position = counts[:4], counts[4:8], counts[8]
        # The recount relies on the views, so it decides nothing in a round that found them wrong.
        if state.round_bad_position is None:
            try:
                *recounted, position = await recount_seats(connection, flight_id)
            except Unfoldable as problem:
                state.add_divergence(Divergence(problem.position, str(problem)), now)
                continue
            renewed += recounted != counted
            counted = recounted
        if stored != counted:
            state.add_divergence(_seats_differ(flight_id, stored, counted, position, head), now)
    if renewed:
        logger.bind(flights=renewed).warning("self_audit.counts_renewed")
    return renewed < RECOUNTS_MAX


def _seats_differ(
    flight_id: UUID, stored: list[Any], folded: list[Any], position: int | None, head: int
) -> Divergence:
    """Return the difference, with the reason that `verify` uses."""
    if position is None:
        reason = f"seats are counted for flight {flight_id}, of which the log has no event"
        return Divergence(head + 1, reason)
    recorded, counted = (None if counts[0] is None else Seats(*counts) for counts in (stored, folded))
    return Divergence(position, f"seats of {flight_id}: {recorded}, the log says {counted}")


_SEATS: LiteralString = """
    select coalesce(s.flight_id, a.flight_id), s.seats, s.held, s.booked, s.overbooking,
        a.seats, a.held, a.booked, a.overbooking, a.position
    from seats as s full join audited_seats as a on a.flight_id = s.flight_id
    where (s.seats, s.held, s.booked, s.overbooking)
        is distinct from (a.seats, a.held, a.booked, a.overbooking)
    order by a.position nulls first limit %s
"""
