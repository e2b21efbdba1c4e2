"""This process as one of the API's: the same event loop, the same patience of the garbage collector."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    collect_as_the_api_does()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def collect_as_the_api_does() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
