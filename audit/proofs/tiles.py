"""The stored tree: tiles of 256 hashes that grow with the log; any subtree hash takes a few small reads.

A tile of level n holds 256 hashes that cover 256^n events each. Only complete tiles are stored, so a row
never changes; the right edge is computed from at most 255 events and 255 roots a level. Several followers may
add tiles at once: they add the same rows, and the second copy is dropped.
"""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from audit.proofs.tree import HASH_BYTES, Subtree, complete_subtrees, fold, root_of
from database.connection import Connection

BITS = 8
WIDTH = 1 << BITS
TILES_MAX = 64
"""Tiles for one transaction: some 16,000 events, 0.1 s."""

Piece = tuple[int, int]
"""A complete subtree: level and index, 2^level leaves."""


class LogMismatch(Exception):
    """The log contradicts the stored tree or a checkpoint, or events are missing."""


async def extend(connection: Connection) -> bool:
    """Add at most TILES_MAX tiles, and tiles above that become complete. Return True if more are missing.

    `connection` is in autocommit mode. Raises LogMismatch when events are missing.
    """
    ((begin, head),) = await _rows(connection, _REACH)
    complete = head // WIDTH
    reached = end = min(complete, begin + TILES_MAX)
    if begin >= end:
        return False
    async with connection.transaction():
        hashes = await _rows(connection, _LEAVES, begin * WIDTH + 1, end * WIDTH)
        await _add(connection, 0, begin, [row[0] for row in hashes])
        level = 0
        while end // WIDTH > begin // WIDTH:
            level, begin, end = level + 1, begin // WIDTH, end // WIDTH
            roots = await _rows(connection, _ROOTS, level - 1, begin * WIDTH, end * WIDTH - 1)
            await _add(connection, level, begin, [row[0] for row in roots])
    return bool(complete > reached)


async def _add(connection: Connection, level: int, begin: int, hashes: Sequence[bytes]) -> None:
    parts = [hashes[place : place + WIDTH] for place in range(0, len(hashes), WIDTH)]
    if len(parts[-1]) != WIDTH:
        raise LogMismatch(_holes(level, begin * WIDTH, begin * WIDTH + len(parts) * WIDTH))
    indexes = list(range(begin, begin + len(parts)))
    roots = [root_of(part) for part in parts]
    await connection.execute(_ADD, (level, indexes, roots, [b"".join(part) for part in parts]))


async def subtree_hashes(connection: Connection, subtrees: Iterable[Subtree]) -> list[bytes]:
    """Return the hashes of subtrees of the tree over the log, in order.

    The stored tree must reach as far, see `extend`. Raises LogMismatch when events are missing.
    """
    pieces_of = [complete_subtrees(subtree) for subtree in subtrees]
    hashes = await _pieces(connection, sorted({piece for pieces in pieces_of for piece in pieces}))
    return [fold([hashes[piece] for piece in pieces]) for pieces in pieces_of]


async def root_at(connection: Connection, size: int) -> bytes:
    """Return the root of the tree over the events 1 to `size`. Raises LogMismatch."""
    (root,) = await subtree_hashes(connection, [(0, size)])
    return root


async def _pieces(connection: Connection, pieces: list[Piece]) -> dict[Piece, bytes]:
    spans = [_span(piece) for piece in pieces]
    rows = await _rows(connection, _PARTS, *([span[place] for span in spans] for place in range(3)))
    parts: list[Any] = [row[0] for row in rows]
    missing = [place for place, part in enumerate(parts) if part is None]
    for level in {spans[place][0] for place in missing}:
        places = [place for place in missing if spans[place][0] == level]
        for place, part in zip(
            places, await _edge(connection, level, [spans[place] for place in places]), strict=True
        ):
            parts[place] = part
    return {
        piece: root_of(part[at : at + HASH_BYTES] for at in range(0, len(part), HASH_BYTES))
        for piece, part in zip(pieces, parts, strict=True)
    }


def _span(piece: Piece) -> tuple[int, int, int]:
    """Return the place of its hashes: level of the tiles, number of the first hash, and count."""
    level, index = piece
    return level // BITS, index << level % BITS, 1 << level % BITS


async def _edge(connection: Connection, level: int, spans: list[tuple[int, int, int]]) -> list[bytes]:
    """Compute the hashes of spans in an incomplete tile."""
    begin = min(first for _, first, _ in spans)
    end = max(first + count for _, first, count in spans)
    assert end - begin <= WIDTH, "the stored tree does not reach so far: extend it first"
    if level == 0:
        rows = await _rows(connection, _LEAVES, begin + 1, end)
    else:
        rows = await _rows(connection, _ROOTS, level - 1, begin, end - 1)
    if len(rows) != end - begin:
        raise LogMismatch(_holes(level, begin, end))
    hashes = [row[0] for row in rows]
    return [b"".join(hashes[first - begin : first - begin + count]) for _, first, count in spans]


def _holes(level: int, begin: int, end: int) -> str:
    size = WIDTH**level
    what = "events are missing from the log" if level == 0 else "tiles are missing from the stored tree"
    return f"{what} between positions {begin * size + 1} and {end * size}"


async def _rows(connection: Connection, statement: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, parameters or None, prepare=True, binary=True)
    return await cursor.fetchall()


_REACH: LiteralString = """
    select coalesce((select index + 1 from tiles where level = 0 order by index desc limit 1), 0),
        coalesce((select position from events order by position desc limit 1), 0)
"""

LEAF: LiteralString = r"""
    sha256('\x00'::bytea || convert_to(concat_ws(E'\n', position, originator_id, originator_version, topic,
        state, actor, operation, ordinal, causation_id, correlation_id, traceparent,
        (extract(epoch from recorded_at) * 1000000)::bigint, encode(command_hash, 'hex')), 'UTF8'))
"""
"""The leaf hash of an event, computed in the database, so that 32 bytes are sent instead of a row."""

_LEAVES: LiteralString = (
    f"select {LEAF} from events where position between %s::bigint and %s::bigint order by position"
)

_ROOTS: LiteralString = """
    select root from tiles where level = %s::int and index between %s::bigint and %s::bigint
    order by index
"""

_ADD: LiteralString = """
    insert into tiles (level, index, root, hashes)
    select %s::int, * from unnest(%s::bigint[], %s::bytea[], %s::bytea[]) on conflict do nothing
"""

_PARTS: LiteralString = f"""
    select substring(t.hashes from (part.first %% {WIDTH})::int * {HASH_BYTES} + 1
        for part.count * {HASH_BYTES})
    from unnest(%s::int[], %s::bigint[], %s::int[]) with ordinality as part (level, first, count, number)
    left join tiles t on t.level = part.level and t.index = part.first / {WIDTH}
    order by part.number
"""
