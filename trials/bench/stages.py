"""Where a block's time goes: the writer's own functions, each with a clock around it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import ledger.block
from ledger import codec
from ledger.block import Block
from ledger.chain import link
from ledger.store import Store


class Clock:
    """Seconds by stage. A stage within another is taken off that one: the sum is the whole."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    def microseconds(self, bookings: float) -> dict[str, float]:
        """Microseconds for each booking, the longest stage first."""
        by_length = sorted(self.seconds.items(), key=lambda pair: -pair[1])
        return {stage: seconds / bookings * 1e6 for stage, seconds in by_length}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - began
            within = self._inner.pop()
            self._inner[-1] += taken
            self.seconds[name] = self.seconds.get(name, 0.0) + taken - within

    def around(self, name: Callable[[], str], function: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*arguments: Any, **named: Any) -> Any:
            with self.stage(name()):
                return function(*arguments, **named)

        return clocked

    def around_waiting(self, name: Callable[[], str], function: Callable[..., Any]) -> Callable[..., Any]:
        async def clocked(*arguments: Any, **named: Any) -> Any:
            with self.stage(name()):
                return await function(*arguments, **named)

        return clocked


@contextmanager
def clocked() -> Iterator[Clock]:
    """Only one writer may run meanwhile: what other tasks do while it waits counts as waiting."""
    clock, within = Clock(), ["lock"]

    def stage_of(trip: str, function: Callable[..., Any]) -> Callable[..., Any]:
        waited = clock.around_waiting(lambda: f"{trip}: rows to objects and back", function)

        async def timed(*arguments: Any) -> Any:
            within[0] = trip
            return await waited(*arguments)

        return timed

    send_ahead = clock.around(lambda: "write: rows to objects and back", Store.send_ahead)

    def ahead(*arguments: Any) -> None:
        within[0] = "write"
        send_ahead(*arguments)

    changes = [
        patch.object(Store, "lock", stage_of("lock", Store.lock)),
        patch.object(Store, "send_ahead", ahead),
        patch.object(Store, "load", stage_of("load", Store.load)),
        patch.object(Store, "write", stage_of("write", Store.write)),
        patch.object(Store, "_send", clock.around(lambda: f"{within[0]}: parameters encoded", Store._send)),
        patch.object(
            Store,
            "_sync",
            clock.around_waiting(
                lambda: f"{within[0]}: database" + (" and commit" if within[0] == "write" else ""),
                Store._sync,
            ),
        ),
        patch.object(Block, "decide_all", clock.around(lambda: "decide", Block.decide_all)),
        # Where it is called from.
        patch.object(ledger.block, "link", clock.around(lambda: "hash", link)),
        patch.object(codec, "encode", clock.around(lambda: "encode events", codec.encode)),
    ]
    try:
        for change in changes:
            change.start()
        yield clock
    finally:
        for change in changes:
            change.stop()
