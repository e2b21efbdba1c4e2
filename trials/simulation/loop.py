"""An event loop without real time: the seed decides what runs next, and programs can be frozen or killed."""

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")

OWNER: ContextVar[str] = ContextVar("owner", default="")
"""The program that a callback belongs to, inherited by all it starts. Empty: it cannot be stopped."""

STEPS_MAX = 400_000


class Stuck(Exception):
    """Nothing is left to run, or no end is in sight, and the awaited result is missing."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time passes only when nothing can run now, and then at once to the next timer.

    Callbacks that are ready together run in the order of their arrival, or in any order when `shuffles`. I/O,
    threads and signals raise NotImplementedError, because they would not replay.
    """

    def __init__(self, random: Random, shuffles: bool) -> None:
        super().__init__()
        self.steps = 0
        self.ends_at = float("inf")
        self.raised: BaseException | None = None
        self._random = random
        self._shuffles = shuffles
        self._ending = False
        self._now = 0.0
        self._numbers = count()
        self._soon: list[_Step] = []
        self._timers: list[tuple[float, int, _Step]] = []
        self._stopped: dict[str, list[_Step]] = {}
        self._interruptions: list[tuple[int, int, Callable[[], None]]] = []
        # Strong references: the garbage collector must not close a task of a killed program at a moment
        # that the seed does not decide.
        self._tasks: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> "_Step":
        step = _Step(self._now, callback, args, self, context or copy_context())
        self._soon.append(step)
        return step

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> "_Step":
        step = _Step(when, callback, args, self, context or copy_context())
        heapq.heappush(self._timers, (when, next(self._numbers), step))
        return step

    def freeze(self, owner: str) -> None:
        """Run nothing more of this program until it is thawed."""
        self._stopped.setdefault(owner, [])

    def thaw(self, owner: str) -> None:
        self._soon.extend(self._stopped.pop(owner, ()))

    def after_steps(self, number: int, interruption: Callable[[], None]) -> None:
        """Call it between two callbacks, `number` from now: at places that no timer would hit."""
        heapq.heappush(self._interruptions, (self.steps + number, next(self._numbers), interruption))

    def end_all(self) -> None:
        """End all remaining tasks, also of frozen and killed programs: nothing outlives the loop."""
        for owner in list(self._stopped):
            self.thaw(owner)
        for task in self._tasks:
            task.cancel()
        self.ends_at, self._interruptions, self.steps = float("inf"), [], 0
        self.raised, self._ending = None, True
        left = [task for task in self._tasks if not task.done()]
        if left:
            self.run_until_complete(asyncio.wait(left))
        self.close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        # A callback that raises is a bug. The other calls of this method come from the garbage collector.
        if "handle" in context and self.raised is None and not self._ending:
            self.raised = context.get("exception")

    def _run_once(self) -> None:
        if not self._soon:
            self._pass_time()
        while self._timers and self._timers[0][0] <= self._now:
            self._soon.append(heapq.heappop(self._timers)[2])
        steps, self._soon = self._soon, []
        if self._shuffles and len(steps) > 1:
            self._random.shuffle(steps)
        for step in steps:
            self._take(step)
        if self.raised is not None:
            raise self.raised

    def _take(self, step: "_Step") -> None:
        while self._interruptions and self._interruptions[0][0] <= self.steps:
            heapq.heappop(self._interruptions)[2]()
        stopped = self._stopped.get(step.owner)
        if stopped is not None:
            stopped.append(step)
            return
        if not step.cancelled():
            self.steps += 1
            step._run()

    def _pass_time(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stuck("every task waits, and no timer is left")
        self._now = max(self._now, self._timers[0][0])
        if self._now > self.ends_at or self.steps > STEPS_MAX:
            raise Stuck(f"no end after {self._now:.0f} simulated seconds and {self.steps} steps")

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        self._tasks.append(task)
        return task


class _Step(asyncio.TimerHandle):
    """A callback with the program that it belongs to."""

    __slots__ = ("owner",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        super().__init__(when, callback, arguments, loop, context)
        self.owner = context.get(OWNER, "")
