"""An event loop without real time: a seed decides what runs next; a program can be frozen or killed."""

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")

OWNER: ContextVar[str] = ContextVar("owner", default="")
"""The program that a callback belongs to. Whatever it starts inherits it; empty: nobody can stop it."""

STEPS_MAX = 400_000


class Stuck(Exception):
    """Nothing is left to run, or no end is in sight, and what is waited for has not come."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time passes only when nothing can run now, and then at once to the next timer.

    Callbacks that are ready together run in the order they came, or in any order when `shuffles`. No I/O,
    no threads, no signals: whoever asks for those gets NotImplementedError, because they would not replay.
    """

    def __init__(self, random: Random, shuffles: bool) -> None:
        super().__init__()
        self.steps = 0
        self.ends_at = float("inf")
        self.raised: BaseException | None = None
        self._random = random
        self._shuffles = shuffles
        self._burying = False
        self._now = 0.0
        self._numbers = count()
        self._soon: list[_Step] = []
        self._timers: list[tuple[float, int, _Step]] = []
        self._stopped: dict[str, list[_Step]] = {}
        self._interruptions: list[tuple[int, int, Callable[[], None]]] = []
        # Strong references: a task of a killed program must not be collected, and so closed, at some moment
        # that no seed decides.
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
        """Nothing of this program runs any more; it keeps for later."""
        self._stopped.setdefault(owner, [])

    def thaw(self, owner: str) -> None:
        self._soon.extend(self._stopped.pop(owner, ()))

    def after_steps(self, number: int, interruption: Callable[[], None]) -> None:
        """Call it between two callbacks, `number` from now: places that no timer would hit."""
        heapq.heappush(self._interruptions, (self.steps + number, next(self._numbers), interruption))

    def bury(self) -> None:
        """End what is still there, frozen and killed programs as well, so that nothing outlives the loop."""
        for owner in list(self._stopped):
            self.thaw(owner)
        for task in self._tasks:
            task.cancel()
        self.ends_at, self._interruptions, self.steps = float("inf"), [], 0
        self.raised, self._burying = None, True
        left = [task for task in self._tasks if not task.done()]
        if left:
            self.run_until_complete(asyncio.wait(left))
        self.close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        # A callback that raises is a bug. The other calls of this come from the garbage collector.
        if "handle" in context and self.raised is None and not self._burying:
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
            raise Stuck("everybody waits, and nothing will ever happen")
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
