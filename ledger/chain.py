"""The hash chain: the hash of an event covers the previous hash, so that a change to the past is detected.

    hash = SHA-256( previous hash (32 bytes; zeros before the first event) || the fields below, one a line )

    position, originator_id, originator_version, topic, state, actor, operation, ordinal,
    causation_id, correlation_id, traceparent, recorded_at (microseconds since 1970 UTC), command_hash (hex)

No field may hold a line feed, so the lines are unambiguous; docs/reference/chain.md recomputes them in SQL.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from ledger.ids import text_of
from ledger.log import RecordedEvent

GENESIS = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Return microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def lines(event: RecordedEvent) -> bytes:
    """Return the fields of an event, one a line. The chain hashes them, and they are a leaf of the tree."""
    return (
        f"{event.position}\n{text_of(event.originator_id)}\n{event.originator_version}\n{event.topic}\n{event.state}\n"
        f"{event.actor}\n{event.operation}\n{event.ordinal}\n{event.causation_id}\n{event.correlation_id}\n"
        f"{event.traceparent}\n{microseconds(event.recorded_at)}\n{event.command_hash.hex()}"
    ).encode()


def link(previous: bytes, event: RecordedEvent) -> bytes:
    """Return the hash of an event that follows `previous`. The event's own `hash` is ignored."""
    return hash_after(previous, lines(event))


def hash_after(previous: bytes, lines: bytes) -> bytes:
    """Return the hash of these lines after the previous hash."""
    return hashlib.sha256(previous + lines).digest()


def outcome_hash(fingerprint: bytes, status: int, body: str) -> bytes:
    """Return the hash of a command's outcome, which is part of each of its events."""
    return outcome_hash_of(fingerprint, str(status).encode(), body.encode())


def outcome_hash_of(fingerprint: bytes, status: bytes, body: bytes) -> bytes:
    """Return the outcome hash of values encoded as UTF-8."""
    return hashlib.sha256(b"%b\n%b\n%b" % (fingerprint, status, body)).digest()
