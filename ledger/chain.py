"""The hash chain: each event's hash covers the one before it, so that no change to the past goes unseen.

    hash = SHA-256( previous hash (32 bytes; zeros before the first event) || the fields below, one a line )

    position, originator_id, originator_version, topic, state, actor, operation, ordinal,
    causation_id, correlation_id, traceparent, recorded_at (microseconds since 1970 UTC), command_hash (hex)

No field may hold a line feed, so the lines say exactly one thing; docs/chain.md recomputes them in SQL.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

GENESIS = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def link(
    previous: bytes,
    position: int,
    originator_id: UUID,
    originator_version: int,
    topic: str,
    state: str,
    actor: str,
    operation: str,
    ordinal: int,
    causation_id: str,
    correlation_id: str,
    traceparent: str,
    recorded_us: int,
    command_hash: bytes,
) -> bytes:
    """The hash of one event after `previous`."""
    text = (
        f"{position}\n{originator_id}\n{originator_version}\n{topic}\n{state}\n{actor}\n{operation}\n{ordinal}\n"
        f"{causation_id}\n{correlation_id}\n{traceparent}\n{recorded_us}\n{command_hash.hex()}"
    )
    return hashlib.sha256(previous + text.encode()).digest()


def outcome_hash(fingerprint: bytes, status: int, body: str) -> bytes:
    """What each event commits to about its command: the outcome that the caller was told."""
    return hashlib.sha256(fingerprint + f"\n{status}\n{body}".encode()).digest()
