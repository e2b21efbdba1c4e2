"""Earlier evidence about the log: the stored tree, and checkpoints in the database or saved elsewhere.

Where the evidence and the log differ, one of them was altered. The signature of a checkpoint shows that the
checkpoint is genuine; a tile must agree with itself and with its neighbours in the tree; and a genuine
checkpoint that the log fits shows that the log is genuine up to there. Only what remains is in doubt, and the
reason says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection

from audit.proofs.checkpoint import Checkpoint, is_signed, names_wrong_key
from audit.proofs.signer import SELECT, of_row
from audit.proofs.tiles import WIDTH
from audit.proofs.tree import HASH_BYTES, root_of
from audit.verify.divergence import Divergence

_TILES = "select index, root, hashes from tiles where level = %s and index between %s and %s"
_CHECKPOINTS = f"{SELECT} where position between %s and %s order by position, key"
_HASHES = "select position, hash from events where position = any(%s)"
_LAST = "select max(position) from checkpoints"
_BEYOND = f"{SELECT} where position > %s order by position"
_LEVELS = "select level, count(*), max(index) from tiles group by level"
_TILES_END = "select max(index) + 1 from tiles where level = 0"

Keys = Mapping[str, Ed25519PublicKey]
"""Public keys by id."""

Tile = tuple[bytes, bytes]
"""Root and hashes of a stored tile."""


class _Stated(NamedTuple):
    """A checkpoint, and its origin: "kept" or "saved". A signed one is genuine."""

    checkpoint: Checkpoint
    kind: str
    signed: bool


class _Suspect(NamedTuple):
    """An event and a stored tile that differ, and nothing inside the tree shows which one was altered."""

    position: int
    tile: str


class Evidence:
    """Comparison of the log, in order, with the stored tree and the checkpoints.

    The stored tree identifies the changed event. If the tree was forged as well, the checkpoints narrow the
    change down: it lies between the last checkpoint that fits and the first that does not.

    `altered` are the findings about the evidence itself, and `unknown_keys` counts the stored checkpoints of
    each key that `keys` lacks; their signatures are not checked.
    """

    def __init__(self, connection: Connection[Any], saved: Sequence[Checkpoint], keys: Keys) -> None:
        self.altered: list[str] = []
        self.unknown_keys: Counter[str] = Counter()
        self._connection = connection
        self._keys = keys
        self._saved: dict[int, list[_Stated]] = defaultdict(list)
        for checkpoint in saved:
            self._saved[checkpoint.position].append(_Stated(checkpoint, "saved", True))
        self._open: list[list[bytes]] = [[]]
        """By level, the hashes of the incomplete tile: of leaves, of tiles, of tiles of tiles."""
        self._position = 0
        self._fits = 0
        self._differs: int | None = None
        """The first event of the incomplete tile that differs from the stored tile."""
        self._suspect: _Suspect | None = None

    def reach(self) -> int:
        """Return the last position with evidence; beyond it, no leaf hash is needed."""
        ((position,),) = self._rows(_LAST, ())
        return max(position or 0, self._tiles_end(), *self._saved, 0)

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
            if tile and self._differs is None:
                self._differs = self._first_difference(tile[1], some)
            self._open[0] += some
            self._position = end
            if end % WIDTH == 0:
                self._fill(0, tile)
            self._compare_checkpoints(end, stated.get(end, ()), hashes.get(end))

    def check_end(self, head: int) -> None:
        """Check the evidence past the end of the log, and the tiles that must be there. Raises Divergence."""
        if self._saved:
            self._gone(head, max(self._saved), "saved checkpoint")
        kept = [one for row in self._rows(_BEYOND, (head,)) for one in self._genuine(of_row(row))]
        if kept:
            self._gone(head, kept[-1].checkpoint.position, "kept checkpoint", self._doubt(kept[-1]))
        if self._check_density() and self._tiles_end() > head:
            doubt = "; or a tile was added: no signed checkpoint goes so far"
            self._gone(head, self._tiles_end(), "stored tree", doubt)
        if divergence := self.doubtful():
            raise divergence

    def doubtful(self) -> Divergence | None:
        """Return the first event that differs from a stored tile, if no checkpoint has cleared it so far."""
        suspect = self._first_suspect()
        return suspect and Divergence(
            suspect.position,
            "the event is not the one that the stored tree was built from; or the"
            f" {suspect.tile} was altered: no signed checkpoint shows which",
        )

    def _first_suspect(self) -> _Suspect | None:
        if self._suspect is None and self._differs is not None:
            return _Suspect(self._differs, f"stored tile {self._position // WIDTH} of level 0")
        return self._suspect

    def _stated(self, first: int, last: int) -> dict[int, list[_Stated]]:
        """Return the genuine checkpoints in the range, by position, and those that may be."""
        by_position: dict[int, list[_Stated]] = defaultdict(list)
        for row in self._rows(_CHECKPOINTS, (first, last)):
            checkpoint = of_row(row)
            by_position[checkpoint.position] += self._genuine(checkpoint)
        for position in [position for position in self._saved if first <= position <= last]:
            by_position[position] += self._saved.pop(position)
        return by_position

    def _genuine(self, checkpoint: Checkpoint) -> Iterator[_Stated]:
        """Yield a stored checkpoint unless its signature shows that it was altered."""
        name = f"the stored checkpoint at position {checkpoint.position}"
        if checkpoint.key in self._keys:
            if is_signed(checkpoint, self._keys):
                yield _Stated(checkpoint, "kept", True)
            else:
                self.altered.append(f"{name} does not carry a valid signature: the checkpoint was altered")
        elif names_wrong_key(checkpoint, self._keys):
            self.altered.append(f"{name} names another key than the one that signed it: it was altered")
        else:
            self.unknown_keys[checkpoint.key] += 1
            yield _Stated(checkpoint, "kept", False)

    def _compare_checkpoints(self, end: int, stated: Sequence[_Stated], hash: bytes | None) -> None:
        root = self._root() if stated else b""
        for one in stated:
            if (bytes.fromhex(one.checkpoint.hash), bytes.fromhex(one.checkpoint.root)) != (hash, root):
                self._misfit(end, one)
        # Without a key, a forger could have added a checkpoint that fits.
        if any(one.signed or not self._keys for one in stated):
            self._fits = end
        if any(one.signed for one in stated):
            self._clear(end)

    def _clear(self, end: int) -> None:
        """Blame the tile that differs from the log up to `end`, because the log fits a genuine checkpoint."""
        if suspect := self._first_suspect():
            because = f"the log fits the signed checkpoint at position {end}"
            self.altered.append(f"the {suspect.tile} was altered: {because}")
        self._suspect = self._differs = None

    def _first_difference(self, tile: bytes, leaves: Sequence[bytes]) -> int | None:
        place = self._position % WIDTH * HASH_BYTES
        if tile[place : place + len(leaves) * HASH_BYTES] == b"".join(leaves):
            return None
        for position, leaf in enumerate(leaves, self._position + 1):
            place = (position - 1) % WIDTH * HASH_BYTES
            if tile[place : place + HASH_BYTES] != leaf:
                return position
        return None

    def _fill(self, level: int, stored: Tile | None) -> None:
        """Compare the complete tile of a level, and add its root to the level above."""
        hashes, self._open[level] = self._open[level], []
        root = root_of(hashes)
        index = self._position // WIDTH ** (level + 1) - 1
        if stored and stored != (root, b"".join(hashes)):
            self._judge(level, index, stored, hashes)
        if level == 0:
            self._differs = None
        if level + 1 == len(self._open):
            self._open.append([])
        self._open[level + 1].append(root)
        if len(self._open[level + 1]) == WIDTH:
            self._fill(level + 1, self._tile(level + 1, index // WIDTH))

    def _judge(self, level: int, index: int, stored: Tile, hashes: Sequence[bytes]) -> None:
        """Blame a tile that differs from the log, if the tree itself shows that the tile was altered."""
        name = f"stored tile {index} of level {level}"
        root, joined = stored
        parts = [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
        if root_of(parts) != root:
            self.altered.append(f"the {name} was altered: its root is not that of its hashes")
            return
        above = self._tile(level + 1, index // WIDTH)
        place = index % WIDTH * HASH_BYTES
        if above and above[1][place : place + HASH_BYTES] == root_of(hashes):
            self.altered.append(f"the {name} was altered: the tile above it has the hash of the log")
            return
        if level == 0:
            # A checkpoint within the tile may have cleared the events that differ.
            if self._differs is not None:
                self._suspect = self._suspect or _Suspect(self._differs, name)
            return
        place = next(place for place, hash in enumerate(hashes) if parts[place] != hash)
        below = self._tile(level - 1, index * WIDTH + place)
        # If the tile below differs as well, that one was judged before.
        if below and below[0] == hashes[place]:
            self.altered.append(f"the {name} was altered: the tile below it has the hash of the log")

    def _tile(self, level: int, index: int) -> Tile | None:
        rows = self._rows(_TILES, (level, index, index))
        return (rows[0][1], rows[0][2]) if rows else None

    def _root(self) -> bytes:
        """Return the root of the tree so far. The open hashes of a level come last in the level above."""
        below: list[bytes] = []
        for hashes in self._open:
            if hashes or below:
                below = [root_of([*hashes, *below])]
        return below[0] if below else root_of([])

    def _tiles_end(self) -> int:
        ((tiles,),) = self._rows(_TILES_END, ())
        return (tiles or 0) * WIDTH

    def _check_density(self) -> bool:
        """Check that each level has all tiles that the lowest level calls for. Return whether it has."""
        counts = {level: (count, last + 1) for level, count, last in self._rows(_LEVELS, ())}
        (tiles, _), level = counts.get(0, (0, 0)), 0
        while tiles or level <= max(counts, default=0):
            if counts.get(level, (0, 0)) != (tiles, tiles):
                self.altered.append(f"a tile of level {level} of the stored tree is missing, added or moved")
                return False
            tiles, level = tiles // WIDTH, level + 1
        return True

    def _misfit(self, position: int, stated: _Stated) -> NoReturn:
        first = self._fits + 1
        if stated.signed and (suspect := self._first_suspect()):
            raise Divergence(
                suspect.position,
                "the event is not the one that the stored tree was built from, and the log does not fit the"
                f" signed {stated.kind} checkpoint at position {position}",
            )
        raise Divergence(
            first,
            f"the {stated.kind} checkpoint at position {position} does not fit:"
            f" something from position {first} to {position} is not what it was{self._doubt(stated)}",
        )

    def _doubt(self, stated: _Stated) -> str:
        if stated.signed:
            return ""
        key = stated.checkpoint.key
        return f"; or the checkpoint was altered, whose signature needs the public key {key} (--key)"

    def _gone(self, head: int, saw: int, what: str, doubt: str = "") -> NoReturn:
        raise Divergence(
            head + 1, f"the log ends here, but a {what} goes to {saw}: the tail of the log is gone{doubt}"
        )

    def _rows(self, statement: Any, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()
