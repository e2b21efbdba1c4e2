"""Delivery of checkpoints to a file, or to a URL by POST. Each is delivered at least once."""

import asyncio
import hashlib
import http.client
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from audit.proofs import signer
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.checkpoint_file import append_checkpoints, read_last_checkpoint
from database.connection import Connection

BATCH_MAX = 100
ANSWER_SECONDS_MAX = 10

Reader = Callable[[], AbstractAsyncContextManager[Connection]]


class NotDelivered(Exception):
    """The sink did not accept a checkpoint."""


def is_url(sink: str) -> bool:
    return "://" in sink


async def read_last_delivered(sink: str) -> Checkpoint | None:
    """Return the last checkpoint in a file, a witness outside the database. None for URLs.

    Raises NotProved, OSError.
    """
    return None if is_url(sink) else await asyncio.to_thread(read_last_checkpoint, Path(sink))


async def publish(read: Reader, sink: str) -> int:
    """Deliver at most BATCH_MAX checkpoints that the sink lacks, oldest first. Return their number.

    No connection is held during a delivery. Raises NotDelivered, NotProved for a file with other content,
    OSError, and the errors of `read`.
    """
    last = await read_last_delivered(sink)
    async with read() as connection:
        reached = (
            await _delivered_position(connection, sink) if is_url(sink) else last.position if last else 0
        )
        checkpoints = await signer.after(connection, reached, BATCH_MAX)
    if is_url(sink):
        for checkpoint in checkpoints:
            await asyncio.to_thread(post, sink, checkpoint)
            async with read() as connection:
                await connection.execute(_RECORD, (_name(sink), checkpoint.position))
    elif checkpoints:
        await asyncio.to_thread(append_checkpoints, Path(sink), checkpoints)
    return len(checkpoints)


async def deliver(sink: str, checkpoint: Checkpoint) -> None:
    """Deliver one checkpoint. Raises NotDelivered, NotProved, OSError."""
    if is_url(sink):
        await asyncio.to_thread(post, sink, checkpoint)
    else:
        await asyncio.to_thread(append_checkpoints, Path(sink), [checkpoint])


def post(url: str, checkpoint: Checkpoint) -> None:
    """Post the checkpoint. A redirect counts as a failure. Raises NotDelivered."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        body, fields = checkpoint.line().encode(), {"content-type": "application/json"}
        connection.request("POST", target, body, fields)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        raise NotDelivered(f"{parts.hostname}: {problem!r}") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotDelivered(f"{parts.hostname}: answered {status}")


async def _delivered_position(connection: Connection, url: str) -> int:
    row = await (await connection.execute(_DELIVERED, (_name(url),))).fetchone()
    return row[0] if row else 0


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


_DELIVERED = "select position from published where sink = %s order by position desc limit 1"
_RECORD = "insert into published (sink, position) values (%s, %s) on conflict do nothing"
