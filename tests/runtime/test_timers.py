"""Timers of one length."""

import asyncio

from runtime.timers import Timers


async def test_timers_call_their_functions_in_order_and_go_on_after_an_error() -> None:
    timers, called, loop = Timers(0.01), asyncio.Queue[int](), asyncio.get_running_loop()
    errors = list[object]()
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    first = timers.start(lambda: called.put_nowait(1))
    failing = timers.start(lambda: called.put_nowait(1 // 0))
    last = timers.start(lambda: called.put_nowait(2))
    assert [await called.get(), await called.get()] == [1, 2]
    assert all(timer.is_over for timer in (first, failing, last))
    assert len(errors) == 1
    timers.start(lambda: called.put_nowait(3))
    assert await called.get() == 3


async def test_a_cancelled_timer_calls_nothing_and_is_not_kept() -> None:
    timers, called = Timers(0.01), asyncio.Queue[str]()
    for _ in range(1000):
        timers.start(lambda: called.put_nowait("cancelled")).cancel()
    assert len(timers._timers) == 1
    timers.start(lambda: called.put_nowait("due"))
    assert await called.get() == "due"
    assert called.empty()
