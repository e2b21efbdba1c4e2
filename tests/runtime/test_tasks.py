"""Repeated tasks survive any failure, log it once with its cause, and count it; pauses grow up to a limit."""

from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from runtime.backoff import PAUSE_SECONDS_MAX, STEADY_SECONDS, Backoff
from runtime.tasks import Task


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Return the records that are logged during the test."""
    records: list[Any] = []
    sink = logger.add(lambda message: records.append(message.record), level="DEBUG")
    yield records
    logger.remove(sink)


@pytest.fixture
def task() -> Task:
    return Task("follower", "follower.interrupted", "follower.failed", "follower.back", (OSError,))


async def succeed() -> int:
    return 7


async def attempt(task: Task, error: Exception) -> None:
    async def fail() -> None:
        raise error

    assert await task.run(fail, projection="flights") is None


@pytest.mark.parametrize(
    "error", [UnboundLocalError("last"), AssertionError(), KeyError("x"), RecursionError(), MemoryError()]
)
async def test_any_failure_is_logged_with_its_cause_and_counted(
    task: Task, lines: list[Any], error: Exception
) -> None:
    await attempt(task, error)
    (line,) = lines
    assert (line["message"], line["level"].name) == ("follower.failed", "ERROR")
    assert line["extra"] == {"task": "follower", "error": repr(error), "projection": "flights"}
    assert line["exception"].value is error
    assert (task.failures, task.error) == (1, error)
    assert await task.run(succeed) == 7
    assert (task.failures, task.error) == (1, None)


async def test_a_series_of_failures_is_logged_once_for_each_kind(task: Task, lines: list[Any]) -> None:
    for error in (OSError(), OSError(), ValueError(), OSError(), KeyError()):
        await attempt(task, error)
    await task.run(succeed)
    await task.run(succeed)
    await attempt(task, OSError())
    assert [line["message"] for line in lines] == [
        "follower.interrupted",
        "follower.failed",
        "follower.back",
        "follower.interrupted",
    ]
    assert task.failures == 6


def test_pauses_double_from_none_up_to_the_limit() -> None:
    backoff = Backoff()
    pauses = [backoff.pause() for _ in range(2000)]
    assert pauses[:4] == [0, 0.1, 0.2, 0.4]
    assert pauses[-1] == max(pauses) == PAUSE_SECONDS_MAX
    assert backoff.pause(STEADY_SECONDS) == 0
