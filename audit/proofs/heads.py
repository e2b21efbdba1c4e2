"""Signed lists of the heads of all ledgers of a deployment: what each log held at one time.

The signed text (Ed25519) is these lines, each ended by a line feed; the key is that of the ledger `main`:

    seatledger-heads/KEY
    time TIME                        by the database's clock, UTC, after all heads were read
    LEDGER POSITION ROOT HASH KEY    for each ledger, hex as in its checkpoint; an empty one is LEDGER 0
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.proofs import canonical_json
from audit.proofs.checkpoint import Checkpoint, check_signature, key_id, read_checkpoint, require_signature
from audit.proofs.not_proved import NotProved

FORMAT = "seatledger-heads/1"
NAMES = ("format", "time", "heads", "key", "signature")


@dataclass(frozen=True, slots=True)
class Heads:
    """The checkpoint of each ledger by its name, None for an empty one."""

    time: str
    heads: Mapping[str, Checkpoint | None]
    key: str

    @property
    def text(self) -> bytes:
        """The signed text."""
        lines = [f"seatledger-heads/{self.key}", f"time {self.time}"]
        for name, at in self.heads.items():
            lines.append(f"{name} {at.position} {at.root} {at.hash} {at.key}" if at else f"{name} 0")
        return "".join(f"{line}\n" for line in lines).encode()


def sign_heads(key: Ed25519PrivateKey, time: str, heads: Mapping[str, Checkpoint | None]) -> str:
    """Return the list as JSON on one line."""
    draft = Heads(time, heads, key_id(key.public_key()))
    listed = [{"ledger": name, "checkpoint": at and asdict(at)} for name, at in heads.items()]
    signature = base64.b64encode(key.sign(draft.text)).decode()
    return canonical_json.encode(dict(zip(NAMES, (FORMAT, time, listed, draft.key, signature), strict=True)))


def check_heads(value: Any, keys: Mapping[str, Ed25519PublicKey]) -> Iterator[str]:
    """Check the list and each checkpoint in it, and yield what is proved. Raises NotProved.

    `keys` must have the keys of all ledgers.
    """
    _, time, stated, key, signature = canonical_json.require_fields(value, NAMES, "heads")
    for name, text in (("time", time), ("key", key), ("signature", signature)):
        canonical_json.require_line(text, name)
    if not isinstance(stated, list) or not stated:
        raise NotProved("heads: must be a list of some")
    heads: dict[str, Checkpoint | None] = {}
    for number, one in enumerate(stated, start=1):
        name, checkpoint = canonical_json.require_fields(one, ("ledger", "checkpoint"), f"head {number}")
        if canonical_json.require_line(name, f"head {number}") in heads:
            raise NotProved(f"head {number}: the ledger {name} is listed twice")
        heads[name] = None if checkpoint is None else read_checkpoint(checkpoint)
    listed = Heads(time, heads, key)
    require_signature(listed.text, key, signature, keys, "the list of heads")
    for name, at in heads.items():
        if at:
            check_signature(at, keys)
        yield f"{name}: at position {at.position if at else 0}{f' since {at.time}' if at else ''}"
    yield f"proved: these were the logs of {len(heads)} ledgers at {time}; key {key}"
