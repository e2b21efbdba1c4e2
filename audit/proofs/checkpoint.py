"""Signed checkpoints: the length and the hashes of the log at one time.

The signed text (Ed25519) has the form of a C2SP tlog-checkpoint, each line ended by a line feed:

    seatledger/KEY          KEY: the first 16 hex digits of SHA-256 over the raw public key
    POSITION                of the last event; the number of leaves of the tree
    ROOT                    of the tree over the events 1 to POSITION, base64
    hash HASH               of the last event in the chain, hex
    time TIME               by the database's clock, UTC

docs/how-to/proofs.md explains how to check one by hand.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from audit.proofs import canonical_json
from audit.proofs.not_proved import NotProved, OtherKey

PEM_BYTES_MAX = 64 * 1024
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`hash` and `root` are hex, `time` ISO 8601 with microseconds and Z, `signature` base64."""

    position: int
    hash: str
    root: str
    time: str
    key: str
    signature: str

    @property
    def text(self) -> bytes:
        """The signed text."""
        root = base64.b64encode(bytes.fromhex(self.root)).decode()
        lines = (f"seatledger/{self.key}", self.position, root, f"hash {self.hash}", f"time {self.time}")
        return "".join(f"{line}\n" for line in lines).encode()

    def line(self) -> str:
        """Return the line for a file of checkpoints, with its line feed."""
        return canonical_json.encode(asdict(self))


_NAMES = [field.name for field in fields(Checkpoint)]


def read_checkpoint(value: Any) -> Checkpoint:
    """Return the checkpoint in decoded JSON, without checking the signature. Raises NotProved."""
    position, hash, root, time, key, signature = canonical_json.require_fields(value, _NAMES, "checkpoint")
    canonical_json.require_integer(position, "checkpoint.position")
    canonical_json.require_hash(hash, "checkpoint.hash")
    canonical_json.require_hash(root, "checkpoint.root")
    for name, text in (("time", time), ("key", key), ("signature", signature)):
        canonical_json.require_line(text, f"checkpoint.{name}")
    if not _TIME.fullmatch(time):
        raise NotProved("checkpoint.time: must be UTC with microseconds")
    return Checkpoint(position, hash, root, time, key, signature)


def sign(key: Ed25519PrivateKey, position: int, hash: bytes, root: bytes, time: str) -> Checkpoint:
    draft = Checkpoint(position, hash.hex(), root.hex(), time, key_id(key.public_key()), "")
    signature = base64.b64encode(key.sign(draft.text)).decode()
    return Checkpoint(position, draft.hash, draft.root, time, draft.key, signature)


def check_signature(checkpoint: Checkpoint, keys: Mapping[str, Ed25519PublicKey]) -> None:
    """Check that one of `keys` signed the checkpoint. Raises NotProved."""
    require_signature(checkpoint.text, checkpoint.key, checkpoint.signature, keys, "the checkpoint")


def require_signature(
    text: bytes, named: str, stated: str, keys: Mapping[str, Ed25519PublicKey], what: str
) -> None:
    """Check that the key of `keys` that is `named` signed the text. Raises NotProved."""
    key = keys.get(named)
    if key is None:
        raise OtherKey(f"{what} names the key {named!r}, given is {', '.join(keys)}")
    try:
        signature = base64.b64decode(stated, validate=True)
        # Several base64 texts may decode to one signature; only the canonical one is accepted.
        if base64.b64encode(signature).decode() != stated:
            raise InvalidSignature
        key.verify(signature, text)
    except (InvalidSignature, binascii.Error):
        raise NotProved(f"the signature of {what} does not fit the key") from None


def is_signed(checkpoint: Checkpoint, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    try:
        check_signature(checkpoint, keys)
    except NotProved:
        return False
    return True


def names_wrong_key(checkpoint: Checkpoint, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Return whether one of `keys` signed the checkpoint under its own id, which `key` is not."""
    return any(is_signed(replace(checkpoint, key=id), keys) for id in keys if id != checkpoint.key)


def key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def read_public_keys(pem: bytes) -> dict[str, Ed25519PublicKey]:
    """Return the keys in a PEM file by id; there are several after a change of keys. Raises NotProved."""
    keys = {}
    for block in _PEM.findall(pem):
        try:
            key = load_pem_public_key(block)
        except ValueError:
            raise NotProved("the key file holds a public key that cannot be read") from None
        if not isinstance(key, Ed25519PublicKey):
            raise NotProved("the key file holds a key that is not Ed25519")
        keys[key_id(key)] = key
    if not keys:
        raise NotProved("the key file holds no public key (PEM)")
    return keys
