"""Senders killed at random points lose nothing, skip nothing and keep the order of each booking."""

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest

from domain.commands.bookings import CancelBooking
from tests.desk import Desk
from tests.repetitions import times
from tests.scheduler.webhooks.conftest import Office, book
from tests.scheduler.webhooks.process import BREAKS
from tests.scheduler.webhooks.receiver import Message, Receiver
from tests.waiting import await_until

KILLS = times(6, 200)
BROKEN_ROUNDS_MAX = 5
SEED = int(os.environ.get("SEED", "78"))
PATHS = ("/steady", "/shaky")


class Senders:
    """The process that starts senders, and the sender that runs now."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.pid = int(self._lines.readline())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.pid = int(self._lines.readline())


@contextmanager
def senders(url: str, checkout: Path, *broken: str) -> Iterator[Senders]:
    command = [sys.executable, "-m", "tests.scheduler.webhooks.process", url, *broken]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout) as process:
        running = Senders(process)
        try:
            yield running
        finally:
            process.kill()
            os.kill(running.pid, signal.SIGKILL)


def violations(messages: list[Message], wanted: dict[str, list[int]]) -> list[str]:
    """Return what was lost, and what was sent before an earlier event of its stream was taken.

    `wanted` are the positions of each stream in order.
    """
    found = []
    for path in PATHS:
        taken: set[int] = set()
        for one in (message for message in messages if message.path == path):
            earlier = wanted[one.stream][: wanted[one.stream].index(one.position)]
            if missing := set(earlier) - taken:
                found.append(f"{path}: {one.position} was sent before {sorted(missing)}")
            if 200 <= one.status < 300:
                taken.add(one.position)
        for stream, positions in wanted.items():
            if lost := set(positions) - taken:
                found.append(f"{path}: {sorted(lost)} of {stream} never arrived")
    return found


async def trial(
    desk: Desk, office: Office, receiver: Receiver, url: str, checkout: Path, *broken: str
) -> list[str]:
    """Book and cancel while senders are killed; return the violations once the queue is empty.

    A broken sender gets more rounds until it is found: a kill has to meet its gap.
    """
    chance = random.Random(SEED)
    receiver.answer = lambda message: 500 if message.path == "/shaky" and chance.random() < 0.3 else 200
    for path in PATHS:
        await office.register(receiver.url(path))
    flight = await desk.schedule(seats=1000)
    with senders(url, checkout, *broken) as running:
        for _ in range(BROKEN_ROUNDS_MAX if broken else 1):
            await trade_and_kill(desk, flight, receiver, running, chance)
            head = await office.head()
            try:
                await await_until(lambda head=head: is_empty(office, head), 20)  # type: ignore[misc]
            except AssertionError:
                assert broken, "the queue did not become empty"
            if found := violations(receiver.messages, await positions_by_stream(office)):
                return found
    return []


async def trade_and_kill(
    desk: Desk, flight: UUID, receiver: Receiver, running: Senders, chance: random.Random
) -> None:
    open_bookings: list[UUID] = []
    for _ in range(KILLS):
        for _ in range(chance.randint(1, 6)):
            open_bookings.append(await book(desk, flight, f"user-{len(open_bookings) % 9}"))
        if chance.random() < 0.7:
            booking = open_bookings.pop(chance.randrange(len(open_bookings)))
            await desk.submit(CancelBooking(booking))
        seen, goal = len(receiver.messages), chance.randint(0, 8)
        # The kill comes after so many messages, or at a random time if fewer are left to send.
        with suppress(AssertionError):
            await await_until(
                lambda seen=seen, goal=goal: len(receiver.messages) >= seen + goal,  # type: ignore[misc]
                chance.uniform(0.1, 1.6),
            )
        running.kill()


async def positions_by_stream(office: Office) -> dict[str, list[int]]:
    async with office.ledger.read() as connection:
        rows = await (
            await connection.execute("select originator_id, position from events order by 2")
        ).fetchall()
    found = defaultdict(list)
    for stream, position in rows:
        found[str(stream)].append(position)
    return dict(found)


async def is_empty(office: Office, head: int) -> bool:
    statement = """
        select (select position from webhook_progress) = %s
            and not exists (select from webhook_deliveries where state = 'waiting')
            and not exists (select from webhooks where position is not null)
    """
    async with office.ledger.read() as connection:
        row = await (await connection.execute(statement, (head,))).fetchone()
    return bool(row and row[0])


async def test_kills_lose_nothing_and_keep_the_order(
    desk: Desk, office: Office, receiver: Receiver, database_url: str, checkout: Path
) -> None:
    assert await trial(desk, office, receiver, database_url, checkout) == []
    counted = len(receiver.messages)
    print(f"{KILLS} kills, {counted} messages, {counted - len(set(receiver.positions()))} more than events")


@pytest.mark.parametrize("broken", BREAKS)
async def test_a_broken_sender_is_found(
    desk: Desk, office: Office, receiver: Receiver, database_url: str, checkout: Path, broken: str
) -> None:
    assert await trial(desk, office, receiver, database_url, checkout, broken) != []
