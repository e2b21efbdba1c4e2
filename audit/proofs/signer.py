"""Making checkpoints: only of a log that goes on from what earlier checkpoints saw."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint, check_signature, key_id, sign
from audit.proofs.refuted import Refuted
from audit.proofs.tiles import Unfit, extend, root_at
from database.connection import Connection


class Standing(NamedTuple):
    """Where the log ends, where the latest checkpoint is, how old in seconds, and whether the chain is still
    there as it saw it; and why nothing is signed now.
    """

    head: int
    signed: int
    age: float | None
    fits: bool
    refusal: str | None


async def checkpoint_now(
    connection: Connection, key: Ed25519PrivateKey, seen: Iterable[Checkpoint] = ()
) -> Checkpoint | None:
    """A signed checkpoint of the log as it is, kept in the database as well; None of an empty log.

    Of a log that has not grown it is the one that there was. Raises Unfit, and signs nothing, when the log
    does not go on from the latest in the database, or from one of `seen`.
    """
    while await extend(connection):
        pass
    row = await _row(connection, "select position, hash from ledger.events order by position desc limit 1")
    position, hash = row or (0, b"")
    before = await latest(connection)
    for earlier in [*([before] if before else []), *seen]:
        await fit(connection, earlier, position, key)
    own = key_id(key.public_key())
    if row is None or (before and (before.position, before.key) == (position, own)):
        return before
    root = await root_at(connection, position)
    (now,) = await _row(connection, "select clock_timestamp()") or (None,)
    made = sign(key, position, hash, root, _spelled(now))
    values = (position, hash, root, now, own, base64.b64decode(made.signature))
    await connection.execute(_KEEP, values)
    # Where another was faster, its one stands.
    return await at_position(connection, position, own)


async def require_fit(connection: Connection, earlier: Checkpoint, key: Ed25519PrivateKey) -> None:
    """Raises Unfit unless the log goes on from that checkpoint."""
    while await extend(connection):
        pass
    await fit(connection, earlier, (await standing(connection)).head, key)


async def fit(connection: Connection, earlier: Checkpoint, head: int, key: Ed25519PrivateKey) -> None:
    """Raises Unfit unless the log still says what the checkpoint signed."""
    if earlier.position > head:
        raise Unfit(
            f"the log ends at position {head}, but a checkpoint saw position {earlier.position}:"
            " the tail of the log is gone"
        )
    row = await _row(connection, "select hash from ledger.events where position = %s", earlier.position)
    root = await root_at(connection, earlier.position)
    if row is None or row[0].hex() != earlier.hash or root.hex() != earlier.root:
        raise Unfit(
            f"the log up to position {earlier.position} is not what a checkpoint saw at {earlier.time}"
        )
    own = key.public_key()
    if earlier.key == key_id(own):
        try:
            check_signature(earlier, {earlier.key: own})
        except Refuted as refuted:
            raise Unfit(f"the checkpoint at position {earlier.position}: {refuted}") from None


async def latest(connection: Connection) -> Checkpoint | None:
    """The latest in the database, whoever signed it."""
    row = await _row(connection, f"{SELECT} order by position desc, time desc limit 1")
    return None if row is None else of_row(row)


async def at_position(connection: Connection, position: int, key: str) -> Checkpoint | None:
    row = await _row(connection, f"{SELECT} where position = %s and key = %s", position, key)
    return None if row is None else of_row(row)


async def after(connection: Connection, position: int, limit: int) -> list[Checkpoint]:
    """At most `limit` past a position, in order."""
    statement = f"{SELECT} where position > %s order by position, time limit %s"
    cursor = await connection.execute(statement, (position, limit), prepare=True)
    return [of_row(row) for row in await cursor.fetchall()]


async def standing(connection: Connection) -> Standing:
    row = await _row(connection, _STANDING)
    assert row is not None
    return Standing(*row)


async def note_refusal(connection: Connection, reason: str | None) -> None:
    """Why no checkpoint is signed from now on; None: they are again."""
    await connection.execute("insert into ledger.checkpoint_refusals (reason) values (%s)", (reason,))


def of_row(row: Any) -> Checkpoint:
    """A checkpoint from the columns of SELECT."""
    position, hash, root, time, key, signature = row
    return Checkpoint(
        position, hash.hex(), root.hex(), _spelled(time), key, base64.b64encode(signature).decode()
    )


def _spelled(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _row(connection: Connection, statement: Any, *parameters: object) -> tuple[Any, ...] | None:
    return await (await connection.execute(statement, parameters or None, prepare=True)).fetchone()


SELECT = "select position, hash, root, time, key, signature from ledger.checkpoints"

_STANDING = """
    select coalesce((select position from ledger.events order by position desc limit 1), 0),
        coalesce(last.position, 0), extract(epoch from clock_timestamp() - last.time)::float8,
        last.position is null
            or exists (select from ledger.events e where (e.position, e.hash) = (last.position, last.hash)),
        (select reason from ledger.checkpoint_refusals order by at desc limit 1)
    from (select) as one left join lateral (
        select position, hash, time from ledger.checkpoints order by position desc, time desc limit 1
    ) as last on true
"""

_KEEP = """
    insert into ledger.checkpoints (position, hash, root, time, key, signature)
    values (%s, %s, %s, %s, %s, %s) on conflict do nothing
"""
