"""Senders in processes of their own: a parent that starts the next one as soon as the last was killed.

`python -m tests.scheduler.webhooks.process URL [BREAK]` prints the process id of each sender.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import scheduler.webhooks.sender as sender
from analytics.webhooks import following, queue
from database.connection import Connection
from ledger.ledger import open_ledger
from scheduler.webhooks.sender import Sender
from tests.scheduler.webhooks.conftest import LOCAL

LEASE_SECONDS, MARGIN_SECONDS = 0.8, 0.3


def shorten_waits() -> None:
    """Let a successor take over soon, and repeat at once."""
    following.LEASE_SECONDS = sender.LEASE_SECONDS = LEASE_SECONDS
    sender.LEASE_MARGIN_SECONDS = MARGIN_SECONDS
    sender.IDLE_SECONDS = 0.1
    queue.FIRST_PAUSE *= 0


def move_checkpoint_first() -> None:
    """Break the follower: the checkpoint moves in a transaction of its own, before deliveries are queued."""
    follow = Sender._follow

    async def follow_late(self: Any, connection: Connection) -> bool:
        head = await (await connection.execute("select coalesce(max(position), 0) from events")).fetchone()
        at = await (await connection.execute("select position from webhook_progress")).fetchone()
        assert head is not None
        assert at is not None
        if head > at:
            await connection.execute("update webhook_progress set position = %s, hash = null", head)
            await asyncio.sleep(0.3)  # the gap of this control, in which a kill loses events
            await connection.execute("update webhook_progress set position = %s, hash = null", at)
        return await follow(self, connection)

    Sender._follow = follow_late  # type: ignore[method-assign]


def skip_failures() -> None:
    """Break the queue: what was not taken is recorded as if it were."""
    record = queue.record

    async def record_all(connection: Connection, id: Any, attempts: Any) -> Any:
        return await record(connection, id, [one._replace(is_taken=True) for one in attempts])

    queue.record = record_all


BREAKS: dict[str, Callable[[], None]] = {
    "checkpoint": move_checkpoint_first,
    "failures": skip_failures,
}


async def send(url: str) -> None:
    async with open_ledger(url, LOCAL) as ledger:
        await Sender(ledger).run(asyncio.Event())


def main() -> None:
    url, *broken = sys.argv[1:]
    shorten_waits()
    for name in broken:
        BREAKS[name]()
    while True:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(send(url))
            finally:
                os._exit(1)
        print(child, flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main()
