"""The hash chain: each event's hash covers the one before it, so that no change to the past goes unseen.

    hash = SHA-256( previous hash (32 bytes; zeros before the first event) || the fields below, one a line )

    position, originator_id, originator_version, topic, state, actor, operation, ordinal,
    causation_id, correlation_id, traceparent, recorded_at (microseconds since 1970 UTC), command_hash (hex)

No field may hold a line feed, so the lines are unambiguous; docs/reference/chain.md recomputes them in SQL.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from ledger.log import RecordedEvent

GENESIS = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def lines(event: RecordedEvent) -> bytes:
    """What an event says: its fields, one a line. The chain hashes it, and the tree has it as a leaf."""
    return (
        f"{event.position}\n{event.originator_id}\n{event.originator_version}\n{event.topic}\n{event.state}\n"
        f"{event.actor}\n{event.operation}\n{event.ordinal}\n{event.causation_id}\n{event.correlation_id}\n"
        f"{event.traceparent}\n{microseconds(event.recorded_at)}\n{event.command_hash.hex()}"
    ).encode()


def link(previous: bytes, event: RecordedEvent) -> bytes:
    """The hash of an event after `previous`, whatever stands in its own `hash`."""
    return hash_after(previous, lines(event))


def hash_after(previous: bytes, lines: bytes) -> bytes:
    """The same, of what an event says."""
    return hashlib.sha256(previous + lines).digest()


def outcome_hash(fingerprint: bytes, status: int, body: str) -> bytes:
    """What each event commits to about its command: the outcome that the caller was told."""
    return outcome_hash_of(fingerprint, str(status).encode(), body.encode())


def outcome_hash_of(fingerprint: bytes, status: bytes, body: bytes) -> bytes:
    """The same, of text as UTF-8."""
    return hashlib.sha256(b"%b\n%b\n%b" % (fingerprint, status, body)).digest()
