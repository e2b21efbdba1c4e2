"""The checker of proof files. It needs a public key, but no database, network or settings.

It uses only the standard library and `cryptography`, so an auditor can copy this folder and run
`python -m audit.proofs.check PROOF KEY`. A test does so.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.proofs import canonical_json, heads, tree
from audit.proofs.checkpoint import (
    PEM_BYTES_MAX,
    Checkpoint,
    check_signature,
    read_checkpoint,
    read_public_keys,
)
from audit.proofs.not_proved import NotProved

PROOF_BYTES_MAX = 8 * 1024 * 1024
INDENT = 1
INCLUSION, CONSISTENCY = "seatledger-proof/1", "seatledger-consistency/1"
INCLUSION_NAMES = ("format", "booking_id", "events", "checkpoint")
CONSISTENCY_NAMES = ("format", "old", "new", "path")

EVENT_NAMES = (
    *("position", "originator_id", "originator_version", "topic", "state", "actor", "operation", "ordinal"),
    *("causation_id", "correlation_id", "traceparent", "recorded_at", "command_hash"),
)
"""The fields of an event's leaf, in the order of the lines in docs/reference/chain.md."""

_NUMBERS = {"position", "originator_version", "ordinal", "recorded_at"}

STATUS_AFTER = {
    "booking.initiated": "initiated",
    "booking.payment_pending": "pending",
    "booking.payment_requested": "pending",
    "booking.payment_voided": "initiated",
    "booking.booked": "booked",
    "booking.reseated": "pending",
    "booking.cancelled": "cancelled",
}
"""Status of a booking after an event; other events do not change it."""


def check(proof: bytes, pem: bytes) -> list[str]:
    """Return the proved facts as lines of text. Raises NotProved with the reason."""
    if len(proof) > PROOF_BYTES_MAX:
        raise NotProved(f"the proof is larger than {PROOF_BYTES_MAX} bytes")
    keys = read_public_keys(pem)
    value = canonical_json.decode(proof)
    form = value.get("format") if isinstance(value, dict) else None
    if form == INCLUSION:
        return _check_booking(value, keys)
    if form == CONSISTENCY:
        return _check_consistency(value, keys)
    if form == heads.FORMAT:
        return list(heads.check_heads(value, keys))
    raise NotProved(f"format: must be {INCLUSION}, {CONSISTENCY} or {heads.FORMAT}")


def leaf(event: Sequence[Any]) -> bytes:
    """Return the leaf of an event from the values of EVENT_NAMES."""
    return "\n".join(map(str, event)).encode()


def _check_booking(value: Any, keys: dict[str, Ed25519PublicKey]) -> list[str]:
    _, booking_id, events, stated = canonical_json.require_fields(value, INCLUSION_NAMES, "proof")
    checkpoint = _signed(stated, keys)
    if not isinstance(events, list) or not events:
        raise NotProved("events: must be a list of some")
    before: tuple[int, int, int] = (0, 0, 0)
    lines, status = [], "none"
    for number, event in enumerate(events, start=1):
        position, recorded_at, topic, actor = _check_event(event, number, booking_id, checkpoint)
        if position <= before[0] or recorded_at < before[1]:
            raise NotProved(f"event {number}: stands before the one that it follows")
        before = (position, recorded_at, number)
        status = _status(topic, status)
        lines.append(f"{position:>10}  {_time(recorded_at)}  {topic}  {actor}  {status}")
    shown = "this event" if len(events) == 1 else f"these {len(events)} events"
    scope = f"the log has {shown}, up to version {len(events)}; later ones are not excluded"
    return [*_printable([f"booking {booking_id}", *lines]), f"proved {_against(checkpoint, scope)}"]


def _check_event(
    event: Any, number: int, booking_id: Any, checkpoint: Checkpoint
) -> tuple[int, int, str, str]:
    """Check one event. Return its position, time, topic and actor. Raises NotProved."""
    what = f"event {number}"
    *values, path = canonical_json.require_fields(event, (*EVENT_NAMES, "path"), what)
    for name, item in zip(EVENT_NAMES, values, strict=True):
        canonical_json.require_integer(
            item, f"{what}: {name}"
        ) if name in _NUMBERS else canonical_json.require_line(item, f"{what}: {name}")
    stated = dict(zip(EVENT_NAMES, values, strict=True))
    if stated["originator_id"] != booking_id or stated["originator_version"] != number:
        raise NotProved(f"{what}: is not version {number} of the booking")
    if stated["position"] > checkpoint.position:
        raise NotProved(f"{what}: position {stated['position']} is past the checkpoint's")
    index, hash = stated["position"] - 1, tree.leaf_hash(leaf(values))
    beside = canonical_json.require_hashes(path, f"{what}: path")
    if not tree.includes(bytes.fromhex(checkpoint.root), checkpoint.position, index, hash, beside):
        raise NotProved(
            f"{what}: is not what the log of the checkpoint says at position {stated['position']}"
        )
    return stated["position"], stated["recorded_at"], stated["topic"], stated["actor"]


def _check_consistency(value: Any, keys: dict[str, Ed25519PublicKey]) -> list[str]:
    _, stated_old, stated_new, stated_path = canonical_json.require_fields(value, CONSISTENCY_NAMES, "proof")
    old, new = _signed(stated_old, keys), _signed(stated_new, keys)
    if old.position > new.position:
        raise NotProved("the old checkpoint is past the new one")
    path = canonical_json.require_hashes(stated_path, "path")
    roots = bytes.fromhex(old.root), bytes.fromhex(new.root)
    if not tree.extends(old.position, roots[0], new.position, roots[1], path):
        raise NotProved(
            f"the log of the checkpoint at position {new.position} is not that of position {old.position}"
            " and more: a fork"
        )
    scope = f"its log begins with the log of position {old.position}; later events are not shown"
    return [
        f"nothing up to position {old.position} has changed since {old.time}",
        f"proved {_against(new, scope)}",
    ]


def _signed(value: Any, keys: dict[str, Ed25519PublicKey]) -> Checkpoint:
    checkpoint = read_checkpoint(value)
    check_signature(checkpoint, keys)
    return checkpoint


def _status(topic: str, before: str) -> str:
    if topic == "booking.payment_declined":
        # A payment declined after the hold expired does not change the status.
        return "initiated" if before == "pending" else before
    return STATUS_AFTER.get(topic, before)


def _against(checkpoint: Checkpoint, scope: str) -> str:
    """Return what the proof is checked against, what it proves, and what it leaves open."""
    at = f"checkpoint at position {checkpoint.position} of {checkpoint.time}"
    return f"against {at}; {scope}; key {checkpoint.key}"


def _time(microseconds: int) -> str:
    try:
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        raise NotProved("recorded_at: is past all calendars") from None
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond:06}Z"


def _printable(lines: list[str]) -> Iterator[str]:
    """Replace unprintable characters: an actor's name may contain control sequences for the terminal."""
    return ("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Check a proof file with a key file. Return 0 if proved, 1 if not, 2 for wrong arguments."""
    if len(arguments) != 2:
        print("usage: python -m audit.proofs.check PROOF KEY", file=sys.stderr)
        return 2
    return report(Path(arguments[0]), Path(arguments[1]))


def report(proof: Path, key: Path) -> int:
    """Print the proved facts, or the reason why the proof fails. Return the exit code."""
    try:
        with proof.open("rb") as file, key.open("rb") as pem:
            lines = check(file.read(PROOF_BYTES_MAX + 1), pem.read(PEM_BYTES_MAX))
    except OSError as problem:
        print(f"check-proof: {problem}", file=sys.stderr)
        return 2
    except NotProved as refuted:
        print(f"NOT proved: {refuted}")
        return 1
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
