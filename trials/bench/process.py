"""Run a coroutine as an API worker does: same event loop, same garbage collector settings."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    configure_gc_like_the_api()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def configure_gc_like_the_api() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
