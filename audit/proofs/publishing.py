"""Checkpoints leave the database: to a file, or to a URL by POST. Each arrives, some perhaps twice."""

import asyncio
import hashlib
import http.client
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from audit.proofs import signer
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.saved import append, last_saved
from database.connection import Connection

BATCH_MAX = 100
ANSWER_SECONDS_MAX = 10

Reader = Callable[[], AbstractAsyncContextManager[Connection]]


class NotTaken(Exception):
    """Whoever should take checkpoints did not."""


def is_url(sink: str) -> bool:
    return "://" in sink


async def last_taken(sink: str) -> Checkpoint | None:
    """The last one in a file: a witness that the database cannot change. None for URLs.

    Raises Refuted, OSError.
    """
    return None if is_url(sink) else await asyncio.to_thread(last_saved, Path(sink))


async def publish(read: Reader, sink: str) -> int:
    """Hand over at most BATCH_MAX checkpoints that the sink does not have, oldest first; how many.

    No connection is held while the sink is waited for. Raises NotTaken, Refuted for a file that holds
    something else, OSError, and what `read` raises.
    """
    last = await last_taken(sink)
    async with read() as connection:
        reached = await _taken(connection, sink) if is_url(sink) else last.position if last else 0
        found = await signer.after(connection, reached, BATCH_MAX)
    if is_url(sink):
        for checkpoint in found:
            await asyncio.to_thread(post, sink, checkpoint)
            async with read() as connection:
                await connection.execute(_TOOK, (_name(sink), checkpoint.position))
    elif found:
        await asyncio.to_thread(append, Path(sink), found)
    return len(found)


async def give(sink: str, checkpoint: Checkpoint) -> None:
    """Hand over one. Raises NotTaken, Refuted, OSError."""
    if is_url(sink):
        await asyncio.to_thread(post, sink, checkpoint)
    else:
        await asyncio.to_thread(append, Path(sink), [checkpoint])


def post(url: str, checkpoint: Checkpoint) -> None:
    """A redirect is no yes: whoever answers so has not taken it. Raises NotTaken."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        body, fields = checkpoint.line().encode(), {"content-type": "application/json"}
        connection.request("POST", target, body, fields)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        raise NotTaken(f"{parts.hostname}: {problem!r}") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotTaken(f"{parts.hostname}: answered {status}")


async def _taken(connection: Connection, url: str) -> int:
    row = await (await connection.execute(_TAKEN, (_name(url),))).fetchone()
    return row[0] if row else 0


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


_TAKEN = "select position from ledger.published where sink = %s order by position desc limit 1"
_TOOK = "insert into ledger.published (sink, position) values (%s, %s) on conflict do nothing"
