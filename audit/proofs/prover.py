"""Proofs for third parties: a booking's events under a checkpoint, and one checkpoint under a later one."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from audit.proofs import canonical_json
from audit.proofs.check import CONSISTENCY, EVENT_NAMES, INCLUSION, INDENT
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.tiles import subtree_hashes
from audit.proofs.tree import consistency_path, inclusion_path
from database.connection import Connection
from ledger import log
from ledger.chain import microseconds
from ledger.log import RecordedEvent

EVENTS_MAX = 1_000
"""Events in one proof, about 4 MB."""


class NotProvable(Exception):
    """No proof exists for the request; the message gives the reason."""


async def booking_proof(connection: Connection, booking_id: UUID, checkpoint: Checkpoint) -> str:
    """Return a proof file with the booking's events up to the checkpoint, each with its path.

    The stored tree must reach as far as the checkpoint. Raises NotProvable, LogMismatch.
    """
    events = [
        event
        for event in await log.read_stream(connection, booking_id)
        if event.position <= checkpoint.position
    ]
    if not events:
        raise NotProvable(f"the log up to position {checkpoint.position} has no event of {booking_id}")
    if not events[0].topic.startswith("booking."):
        raise NotProvable(f"{booking_id} is not a booking")
    if len(events) > EVENTS_MAX:
        raise NotProvable(f"the booking has {len(events)} events; a proof holds {EVENTS_MAX}")
    paths = await _paths(connection, [event.position for event in events], checkpoint.position)
    proved = [{**_leaf_fields(event), "path": path} for event, path in zip(events, paths, strict=True)]
    proof = {
        "format": INCLUSION,
        "booking_id": str(booking_id),
        "events": proved,
        "checkpoint": asdict(checkpoint),
    }
    return canonical_json.encode(proof, INDENT)


async def consistency_proof(connection: Connection, old: Checkpoint, new: Checkpoint) -> str:
    """Return a proof file that the log of `new` begins with the log of `old`. Raises as above."""
    if old.position > new.position:
        raise NotProvable(f"position {old.position} is past position {new.position}")
    hashes = await subtree_hashes(connection, consistency_path(old.position, new.position))
    path = [hash.hex() for hash in hashes]
    proof = {"format": CONSISTENCY, "old": asdict(old), "new": asdict(new), "path": path}
    return canonical_json.encode(proof, INDENT)


async def _paths(connection: Connection, positions: list[int], size: int) -> list[list[str]]:
    shapes = [inclusion_path(position - 1, size) for position in positions]
    subtrees = sorted({subtree for shape in shapes for subtree in shape})
    hashes = dict(zip(subtrees, await subtree_hashes(connection, subtrees), strict=True))
    return [[hashes[subtree].hex() for subtree in shape] for shape in shapes]


def _leaf_fields(event: RecordedEvent) -> dict[str, Any]:
    """Return the fields of the leaf, in the form that the chain uses."""
    fields: dict[str, Any] = {name: getattr(event, name) for name in EVENT_NAMES}
    fields["originator_id"] = str(event.originator_id)
    fields["recorded_at"] = microseconds(event.recorded_at)
    fields["command_hash"] = event.command_hash.hex()
    return fields
