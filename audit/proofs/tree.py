"""Merkle trees as in RFC 6962, section 2.1: hashing, the subtrees of a proof, and checking proofs.

A subtree is identified by its leaves, `(first, last)`: from `first` up to but not including `last`,
counted from 0. Prover and checker share these pure functions.
"""

import hashlib
from collections.abc import Iterable, Sequence

Subtree = tuple[int, int]

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf. Leaves and nodes have different first bytes, so that a node is never taken for a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY = hashlib.sha256().digest()
"""The root of no leaves."""


class Peaks:
    """A tree that grows leaf by leaf and stores only its complete subtrees: O(log n) memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, node: bytes) -> None:
        """Append the hash of a leaf, or of a complete subtree if all appended subtrees have one size."""
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            node = node_hash(self._peaks.pop(), node)
            rest //= 2
        self._peaks.append(node)

    def root(self) -> bytes:
        return fold(self._peaks)


def fold(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees of decreasing sizes, left to right."""
    if not subtrees:
        return EMPTY
    *rest, root = subtrees
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def root_of(nodes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, or over complete subtrees of one size."""
    peaks = Peaks()
    for node in nodes:
        peaks.append(node)
    return peaks.root()


def complete_subtrees(subtree: Subtree) -> list[tuple[int, int]]:
    """Divide a subtree into complete ones, left to right, as (level, index) with 2^level leaves."""
    first, last = subtree
    complete = []
    while first < last:
        level = (last - first).bit_length() - 1
        complete.append((level, first >> level))
        first += 1 << level
    return complete


def inclusion_path(index: int, size: int) -> list[Subtree]:
    """Return PATH of section 2.1.1: the siblings on the way from a leaf up to the root."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    first, last = 0, size
    path = []
    while last - first > 1:
        middle = first + _split(last - first)
        path.append((middle, last) if index < middle else (first, middle))
        first, last = (first, middle) if index < middle else (middle, last)
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Subtree]:
    """Return PROOF of section 2.1.2, bottom up: subtrees that show that `new` leaves begin with the `old`."""
    if not 0 < old <= new:
        raise ValueError("the old tree is not part of the new one")
    first, last = 0, new
    path = []
    while last != old:
        middle = first + _split(last - first)
        path.append((middle, last) if old <= middle else (first, middle))
        first, last = (first, middle) if old <= middle else (middle, last)
    seed = [(first, last)] if first else []
    return seed + path[::-1]


def includes(root: bytes, size: int, index: int, leaf: bytes, path: Sequence[bytes]) -> bool:
    """Return whether `path` proves that the leaf hash `leaf` is at `index` of the tree with this root."""
    beside = inclusion_path(index, size)
    if len(path) != len(beside):
        return False
    for (first, _), other in zip(beside, path, strict=True):
        leaf = node_hash(leaf, other) if index < first else node_hash(other, leaf)
    return leaf == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether `path` proves that the tree of `new` leaves begins with the tree of `old` leaves."""
    beside = consistency_path(old, new)
    if len(path) != len(beside):
        return False
    was = now = old_root
    for place, ((first, _), other) in enumerate(zip(beside, path, strict=True)):
        if first >= old:
            now = node_hash(now, other)
        elif place == 0:
            was = now = other
        else:
            was, now = node_hash(other, was), node_hash(other, now)
    return was == old_root and now == new_root


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
