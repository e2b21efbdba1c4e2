"""Earlier evidence about the log: the stored tree, and checkpoints in the database or saved elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NoReturn

from psycopg import Connection

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.tiles import WIDTH
from audit.proofs.tree import HASH_BYTES, root_of
from audit.verify.divergence import Divergence

_TILES = "select index, root, hashes from ledger.tiles where level = %s and index between %s and %s"
_CHECKPOINTS = "select position, hash, root from ledger.checkpoints where position between %s and %s"
_HASHES = "select position, hash from ledger.events where position = any(%s)"
_BEYOND = """
    select (select max(position) from ledger.checkpoints),
        (select max(index) + 1 from ledger.tiles where level = 0)
"""

Stated = tuple[bytes, bytes, str]
"""The hash and the root in a checkpoint, and its origin: "kept" or "saved"."""


class Evidence:
    """Comparison of the log, in order, with the stored tree and the checkpoints.

    The stored tree identifies the changed event. If the tree was forged as well, the checkpoints narrow the
    change down: it lies between the last checkpoint that fits and the first that does not.
    """

    def __init__(self, connection: Connection[Any], saved: Sequence[Checkpoint]) -> None:
        self._connection = connection
        self._saved: dict[int, list[Stated]] = defaultdict(list)
        for checkpoint in saved:
            stated = bytes.fromhex(checkpoint.hash), bytes.fromhex(checkpoint.root), "saved"
            self._saved[checkpoint.position].append(stated)
        self._open: list[list[bytes]] = [[]]
        """By level, the hashes of the incomplete tile: of leaves, of tiles, of tiles of tiles."""
        self._position = 0
        self._fits = 0

    def reach(self) -> int:
        """Return the last position with evidence; beyond it, no leaf hash is needed."""
        ((position, tiles),) = self._rows(_BEYOND, ())
        return max(position or 0, (tiles or 0) * WIDTH, *self._saved, 0)

    def check(self, leaves: Sequence[bytes]) -> None:
        """Compare the next leaves up to `reach`; the chain check has passed for them. Raises Divergence."""
        if not leaves:
            return
        first, last = self._position + 1, self._position + len(leaves)
        span = (0, (first - 1) // WIDTH, (last - 1) // WIDTH)
        tiles = {index: (root, hashes) for index, root, hashes in self._rows(_TILES, span)}
        stated = self._stated(first, last)
        hashes = dict(self._rows(_HASHES, (list(stated),)))
        # A comparison is possible at the end of a tile and at a checkpoint.
        ends = {*range(-(-first // WIDTH) * WIDTH, last, WIDTH), *stated, last}
        for end in sorted(ends):
            some = leaves[self._position + 1 - first : end + 1 - first]
            tile = tiles.get((end - 1) // WIDTH)
            if tile:
                self._compare(tile[1], some)
            self._open[0] += some
            self._position = end
            if end % WIDTH == 0:
                self._fill(0, tile)
            for hash, root, kind in stated.get(end, ()):
                if (hash, root) != (hashes[end], self._root()):
                    self._misfit(end, kind)
            if end in stated:
                self._fits = end

    def check_end(self, head: int) -> None:
        if self._saved:
            self._gone(head, max(self._saved), "saved checkpoint")
        ((position, tiles),) = self._rows(_BEYOND, ())
        if (position or 0) > head:
            self._gone(head, position, "kept checkpoint")
        if (tiles or 0) * WIDTH > head:
            self._gone(head, tiles * WIDTH, "stored tree")

    def _stated(self, first: int, last: int) -> dict[int, list[Stated]]:
        """Return hash, root and origin of the checkpoints in the range, by position."""
        by_position: dict[int, list[Stated]] = defaultdict(list)
        for position, hash, root in self._rows(_CHECKPOINTS, (first, last)):
            by_position[position].append((hash, root, "kept"))
        for position in [position for position in self._saved if first <= position <= last]:
            by_position[position] += self._saved.pop(position)
        return by_position

    def _compare(self, tile: bytes, leaves: Sequence[bytes]) -> None:
        place = self._position % WIDTH * HASH_BYTES
        if tile[place : place + len(leaves) * HASH_BYTES] == b"".join(leaves):
            return
        for position, leaf in enumerate(leaves, self._position + 1):
            place = (position - 1) % WIDTH * HASH_BYTES
            if tile[place : place + HASH_BYTES] != leaf:
                raise Divergence(position, "the event is not the one that the stored tree was built from")

    def _fill(self, level: int, stored: tuple[bytes, bytes] | None) -> None:
        """Compare the complete tile of a level, and add its root to the level above."""
        hashes, self._open[level] = self._open[level], []
        root = root_of(hashes)
        if stored and stored != (root, b"".join(hashes)):
            first = self._position - WIDTH ** (level + 1) + 1
            reason = f"the stored tree has another hash for the events {first} to {self._position}"
            raise Divergence(first, reason)
        if level + 1 == len(self._open):
            self._open.append([])
        self._open[level + 1].append(root)
        if len(self._open[level + 1]) == WIDTH:
            index = self._position // WIDTH ** (level + 2) - 1
            rows = self._rows(_TILES, (level + 1, index, index))
            self._fill(level + 1, (rows[0][1], rows[0][2]) if rows else None)

    def _root(self) -> bytes:
        """Return the root of the tree so far. The open hashes of a level come last in the level above."""
        below: list[bytes] = []
        for hashes in self._open:
            if hashes or below:
                below = [root_of([*hashes, *below])]
        return below[0] if below else root_of([])

    def _misfit(self, position: int, kind: str) -> NoReturn:
        first = self._fits + 1
        raise Divergence(
            first,
            f"the {kind} checkpoint at position {position} does not fit:"
            f" something from position {first} to {position} is not what it was",
        )

    def _gone(self, head: int, saw: int, what: str) -> NoReturn:
        raise Divergence(
            head + 1, f"the log ends here, but a {what} goes to {saw}: the tail of the log is gone"
        )

    def _rows(self, statement: Any, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()
