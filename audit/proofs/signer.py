"""Signing of checkpoints, only if the log continues the log of earlier checkpoints."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint, check_signature, key_id, sign
from audit.proofs.not_proved import NotProved
from audit.proofs.tiles import LogMismatch, extend, root_at
from database.connection import Connection


class SigningStatus(NamedTuple):
    """Positions of the log's end and of the latest checkpoint, and the checkpoint's age in seconds.

    `fits` is true if the chain still has its hash; `refusal` is the reason why nothing is signed now.
    """

    head: int
    signed: int
    age: float | None
    fits: bool
    refusal: str | None


async def sign_checkpoint(
    connection: Connection, key: Ed25519PrivateKey, witnesses: Iterable[Checkpoint] = ()
) -> Checkpoint | None:
    """Sign a checkpoint of the log as it is now and store it. Return None for an empty log.

    If the log has not grown, return the latest checkpoint. Raises LogMismatch, and signs nothing, if the log
    does not continue the latest checkpoint in the database, or one of `witnesses`.
    """
    while await extend(connection):
        pass
    row = await _row(connection, "select position, hash from events order by position desc limit 1")
    position, hash = row or (0, b"")
    before = await latest(connection)
    for earlier in [*([before] if before else []), *witnesses]:
        await check_fit(connection, earlier, position, key)
    own = key_id(key.public_key())
    if row is None or (before and (before.position, before.key) == (position, own)):
        return before
    root = await root_at(connection, position)
    now = await _now(connection)
    checkpoint = sign(key, position, hash, root, _format_time(now))
    values = (position, hash, root, now, own, base64.b64decode(checkpoint.signature))
    await connection.execute(_KEEP, values)
    # If another process was faster, its checkpoint is the stored one.
    return await at_position(connection, position, own)


async def read_time(connection: Connection) -> str:
    """Return the time of the database's clock in the form of checkpoints."""
    return _format_time(await _now(connection))


async def _now(connection: Connection) -> datetime:
    (now,) = await _row(connection, "select clock_timestamp()") or (None,)
    assert isinstance(now, datetime)
    return now


async def require_fit(connection: Connection, earlier: Checkpoint, key: Ed25519PrivateKey) -> None:
    """Extend the stored tree, and check that the log continues the checkpoint. Raises LogMismatch."""
    while await extend(connection):
        pass
    await check_fit(connection, earlier, (await read_status(connection)).head, key)


async def check_fit(connection: Connection, earlier: Checkpoint, head: int, key: Ed25519PrivateKey) -> None:
    """Check that the log still has the hash and the root of the checkpoint. Raises LogMismatch.

    The signature comes first: a checkpoint that was altered says nothing about the log.
    """
    own = key.public_key()
    if earlier.key == key_id(own):
        try:
            check_signature(earlier, {earlier.key: own})
        except NotProved as refuted:
            raise LogMismatch(
                f"the checkpoint at position {earlier.position} was altered, not the log: {refuted}"
            ) from None
    if earlier.position > head:
        raise LogMismatch(
            f"the log ends at position {head}, but a checkpoint saw position {earlier.position}:"
            " the tail of the log is gone"
        )
    row = await _row(connection, "select hash from events where position = %s", earlier.position)
    if row is None or row[0].hex() != earlier.hash:
        raise LogMismatch(
            f"the log up to position {earlier.position} is not what a checkpoint saw at {earlier.time}"
        )
    root = await root_at(connection, earlier.position)
    if root.hex() != earlier.root:
        raise LogMismatch(
            f"the stored tree up to position {earlier.position} is not what a checkpoint saw at"
            f" {earlier.time}, though the log has its hash there: a stored tile or an event was altered;"
            " `seatledger verify` names which"
        )


async def latest(connection: Connection) -> Checkpoint | None:
    """Return the latest checkpoint in the database, under any key."""
    row = await _row(connection, f"{SELECT} order by position desc, time desc limit 1")
    return None if row is None else of_row(row)


async def at_position(connection: Connection, position: int, key: str) -> Checkpoint | None:
    row = await _row(connection, f"{SELECT} where position = %s and key = %s", position, key)
    return None if row is None else of_row(row)


async def after(connection: Connection, position: int, limit: int) -> list[Checkpoint]:
    """Return at most `limit` checkpoints past a position, in order."""
    statement = f"{SELECT} where position > %s order by position, time limit %s"
    cursor = await connection.execute(statement, (position, limit), prepare=True)
    return [of_row(row) for row in await cursor.fetchall()]


async def read_status(connection: Connection) -> SigningStatus:
    row = await _row(connection, _STATUS)
    assert row is not None
    return SigningStatus(*row)


async def record_refusal(connection: Connection, reason: str | None) -> None:
    """Record why signing is refused from now on; None: signing has resumed."""
    await connection.execute("insert into checkpoint_refusals (reason) values (%s)", (reason,))


def of_row(row: Any) -> Checkpoint:
    """Return the checkpoint in a row with the columns of SELECT."""
    position, hash, root, time, key, signature = row
    return Checkpoint(
        position, hash.hex(), root.hex(), _format_time(time), key, base64.b64encode(signature).decode()
    )


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _row(connection: Connection, statement: Any, *parameters: object) -> tuple[Any, ...] | None:
    return await (await connection.execute(statement, parameters or None, prepare=True)).fetchone()


SELECT = "select position, hash, root, time, key, signature from checkpoints"

_STATUS = """
    select coalesce((select position from events order by position desc limit 1), 0),
        coalesce(last.position, 0), extract(epoch from clock_timestamp() - last.time)::float8,
        last.position is null
            or exists (select from events e where (e.position, e.hash) = (last.position, last.hash)),
        (select reason from checkpoint_refusals order by at desc limit 1)
    from (select) as one left join lateral (
        select position, hash, time from checkpoints order by position desc, time desc limit 1
    ) as last on true
"""

_KEEP = """
    insert into checkpoints (position, hash, root, time, key, signature)
    values (%s, %s, %s, %s, %s, %s) on conflict do nothing
"""
