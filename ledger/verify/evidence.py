"""What was written down about the log before: the stored tree, and checkpoints, kept or saved elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NoReturn

from psycopg import Connection

from ledger.chain import lines
from ledger.log import RecordedEvent
from ledger.proofs.checkpoint import Checkpoint
from ledger.proofs.tiles import WIDTH
from ledger.proofs.tree import HASH_BYTES, Peaks, leaf_hash, root_of
from ledger.verify.wrong import Wrong

_TILES = "select index, root, hashes from ledger.tiles where level = %s and index between %s and %s"
_CHECKPOINTS = "select position, hash, root from ledger.checkpoints where position between %s and %s"
_BEYOND = """
    select (select max(position) from ledger.checkpoints),
        (select max(index) + 1 from ledger.tiles where level = 0)
"""

Stated = tuple[bytes, bytes, str]
"""Hash and root that a checkpoint states, and which one it is."""


class Evidence:
    """Follows the log event by event, whatever its hashes say, and compares.

    The stored tree names the very event that is not what it was. Who forges that as well is left with the
    checkpoints: between the last that fits and the first that does not, something has changed.
    """

    def __init__(self, connection: Connection[Any], saved: Sequence[Checkpoint]) -> None:
        self._connection = connection
        self._saved: dict[int, list[Stated]] = defaultdict(list)
        for checkpoint in saved:
            stated = bytes.fromhex(checkpoint.hash), bytes.fromhex(checkpoint.root), "saved"
            self._saved[checkpoint.position].append(stated)
        self._stated: dict[int, list[Stated]] = {}
        self._tiles: dict[int, tuple[bytes, bytes]] = {}
        self._tree = Peaks()
        self._open: list[list[bytes]] = [[]]
        self._fits = 0

    def expect(self, first: int, last: int) -> None:
        """Look up what is known about those positions."""
        span = (0, (first - 1) // WIDTH, (last - 1) // WIDTH)
        self._tiles = {index: (root, hashes) for index, root, hashes in self._rows(_TILES, span)}
        self._stated = defaultdict(list)
        for position, hash, root in self._rows(_CHECKPOINTS, (first, last)):
            self._stated[position].append((hash, root, "kept"))
        for position in range(first, last + 1) if self._saved else ():
            self._stated[position] += self._saved.pop(position, ())

    def check(self, event: RecordedEvent) -> None:
        leaf = leaf_hash(lines(event))
        tile = self._tiles.get((event.position - 1) // WIDTH)
        place = (event.position - 1) % WIDTH * HASH_BYTES
        if tile and tile[1][place : place + HASH_BYTES] != leaf:
            raise Wrong(event.position, "the event is not the one that the stored tree was built from")
        self._tree.append(leaf)
        self._fill(0, leaf, event.position)
        stated = self._stated.get(event.position, ())
        for hash, root, kind in stated:
            if (hash, root) != (event.hash, self._tree.root()):
                self._misfit(event.position, kind)
        if stated:
            self._fits = event.position

    def check_end(self, head: int) -> None:
        if self._saved:
            self._gone(head, max(self._saved), "saved checkpoint")
        ((position, tiles),) = self._rows(_BEYOND, ())
        if (position or 0) > head:
            self._gone(head, position, "kept checkpoint")
        if (tiles or 0) * WIDTH > head:
            self._gone(head, tiles * WIDTH, "stored tree")

    def _fill(self, level: int, node: bytes, position: int) -> None:
        """One more hash of a level; a tile that is full now is compared, and fills the level above."""
        if level == len(self._open):
            self._open.append([])
        self._open[level].append(node)
        if len(self._open[level]) < WIDTH:
            return
        hashes, self._open[level] = self._open[level], []
        root = root_of(hashes)
        index = position // WIDTH ** (level + 1) - 1
        stored = [self._tiles[index]] if not level and index in self._tiles else []
        stored += [row[1:] for row in self._rows(_TILES, (level, index, index))] if level else []
        if any(found != (root, b"".join(hashes)) for found in stored):
            first = position - WIDTH ** (level + 1) + 1
            raise Wrong(first, f"the stored tree has another hash for the events {first} to {position}")
        self._fill(level + 1, root, position)

    def _misfit(self, position: int, kind: str) -> NoReturn:
        first = self._fits + 1
        raise Wrong(
            first,
            f"the {kind} checkpoint at position {position} does not fit:"
            f" something from position {first} to {position} is not what it was",
        )

    def _gone(self, head: int, saw: int, what: str) -> NoReturn:
        raise Wrong(head + 1, f"the log ends here, but a {what} goes to {saw}: the tail of the log is gone")

    def _rows(self, statement: Any, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()
