"""Lanes: the deliveries of each webhook in this process, apart from those of all others."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from analytics.webhooks.queue import EACH_MAX, DueDelivery
from ledger.log import RecordedEvent

RUNNING_MAX = 8
"""Requests at a time to one webhook, of different streams; one while it does not answer."""

PROMPT_SECONDS = 1.0
"""A request that takes longer gives its place to others, and its webhook is slow until it answers in time."""

PROMPT_MAX = 256
"""Requests at a time in their first PROMPT_SECONDS, of all webhooks that answer in time."""

SLOW_MAX = 256
"""Requests at a time to webhooks that are slow or do not answer."""


class Outgoing(NamedTuple):
    """A due delivery, and its event if the message is a full one."""

    due: DueDelivery
    event: RecordedEvent | None


Send = Callable[[Outgoing, bool], Awaitable[bool]]
"""Sends one delivery to a webhook that is slow or not, and returns whether it answered. Never raises."""


class Lane:
    """The deliveries of one webhook: those that run, and those that wait for their turn."""

    __slots__ = ("is_slow", "known", "resting_until", "running", "turns")

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.turns: deque[Outgoing] = deque()
        self.running = 0
        self.is_slow = False
        self.resting_until = 0.0

    @property
    def is_resting(self) -> bool:
        """True while the receiver wants nothing."""
        return self.resting_until > monotonic()

    def clear(self) -> None:
        """Drop the deliveries that do not run. They stay due."""
        self.known.difference_update(one.due.position for one in self.turns)
        self.turns.clear()


class Lanes:
    """Runs due deliveries. A slow or dead receiver has one request at a time, in places of its own kind."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lanes: dict[UUID, Lane] = {}
        self._prompt, self._slow = asyncio.Semaphore(PROMPT_MAX), asyncio.Semaphore(SLOW_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> list[UUID]:
        """The webhooks that need no more deliveries now."""
        return [
            id
            for id, lane in self._lanes.items()
            if lane.is_resting or lane.turns or len(lane.known) >= (1 if lane.is_slow else EACH_MAX)
        ]

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    def add(self, outgoing: Iterable[Outgoing]) -> None:
        """Start these deliveries as their lanes allow.

        Those that are known already are ignored, and so is more than one for a slow webhook: its message
        would be old when its turn comes.
        """
        for one in outgoing:
            lane = self._lanes.setdefault(one.due.webhook, Lane())
            if lane.is_resting:
                continue
            if one.due.position not in lane.known and not (lane.is_slow and lane.known):
                lane.known.add(one.due.position)
                lane.turns.append(one)
                self._start_next(lane)

    def forget(self, webhook: UUID, position: int) -> None:
        """Drop a delivery after its result was recorded."""
        if lane := self._lanes.get(webhook):
            lane.known.discard(position)
            if not (lane.known or lane.is_slow or lane.is_resting):
                del self._lanes[webhook]

    def rest(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to a webhook for this long; what runs is finished, and the rest stays due."""
        if lane := self._lanes.get(webhook):
            lane.resting_until = max(lane.resting_until, monotonic() + seconds)
            lane.clear()

    def drop(self, webhook: UUID) -> None:
        """Drop the deliveries of a webhook that do not run."""
        if lane := self._lanes.get(webhook):
            lane.clear()

    def clear(self) -> None:
        """Drop all deliveries that do not run."""
        for lane in self._lanes.values():
            lane.clear()

    async def finish(self, seconds: float) -> None:
        """Wait for running requests, at most this long, and cancel the others."""
        self.clear()
        if tasks := set(self._tasks):
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start_next(self, lane: Lane) -> None:
        while lane.turns and lane.running < (1 if lane.is_slow else RUNNING_MAX):
            lane.running += 1
            task = asyncio.create_task(self._run(lane, lane.turns.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: Lane, one: Outgoing) -> None:
        try:
            if lane.is_slow:
                async with self._slow:
                    lane.is_slow = not await self._send(one, True)
            else:
                await self._run_prompt(lane, one)
        finally:
            lane.running -= 1
            self._start_next(lane)

    async def _run_prompt(self, lane: Lane, one: Outgoing) -> None:
        sending = asyncio.ensure_future(self._send(one, False))
        try:
            async with self._prompt:
                await asyncio.wait({sending}, timeout=PROMPT_SECONDS)
            if sending.done() and sending.result():
                return
            lane.is_slow = True
            lane.clear()
            await sending
        finally:
            sending.cancel()
