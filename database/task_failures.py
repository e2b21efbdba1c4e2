"""Failures of repeated tasks: stored by the schedulers, for readiness and metrics of the API."""

from collections.abc import Iterable
from typing import LiteralString, NamedTuple

from database.connection import Connection
from database.readiness import Check
from runtime.tasks import Task

CURRENT_SECONDS = 120
"""Age after which a failure is no longer current: a scheduler that still fails records it again."""

ERROR_CHARACTERS_MAX = 500


class TaskFailure(NamedTuple):
    """The failures of one task so far, and the age of the last one. `error` is None after a success."""

    task: str
    failures: int
    error: str | None
    age_seconds: float

    @property
    def is_current(self) -> bool:
        return self.error is not None and self.age_seconds <= CURRENT_SECONDS

    @property
    def summary(self) -> str:
        kind = (self.error or "").partition("(")[0]
        return (
            f"{self.task} fails with {kind}, last {self.age_seconds:.0f} s ago, {self.failures} times in all"
        )


class FailureRecorder:
    """Stores what became of the tasks of one scheduler since the last call."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = list(tasks)
        # A scheduler that has died may have left a failure, which the first success ends.
        self._stored = {task.name: (0, True) for task in self._tasks}

    @property
    def is_settled(self) -> bool:
        """True if no task fails, and the database says so."""
        return all(self._stored[task.name] == (task.failures, False) for task in self._tasks)

    async def record(self, connection: Connection) -> None:
        """Store new failures, and successes after failures. Raises psycopg.Error; the next call repeats."""
        for task in self._tasks:
            failures, was_failing = self._stored[task.name]
            error, seen = task.error, task.failures
            if seen > failures:
                text = None if error is None else repr(error)[:ERROR_CHARACTERS_MAX].replace("\0", "")
                await connection.execute(_FAILED, (task.name, seen - failures, text))
            elif was_failing and error is None:
                await connection.execute(_SUCCEEDED, (task.name,))
            self._stored[task.name] = seen, error is not None


async def read(connection: Connection) -> list[TaskFailure]:
    cursor = await connection.execute(_READ)
    return [TaskFailure(*row) for row in await cursor.fetchall()]


async def check(connection: Connection) -> Check:
    """Check that no task fails. Not vital: commands are decided without the scheduler.

    The check is public, so it names the kind of each error and no more.
    """
    failing = [failure for failure in await read(connection) if failure.is_current]
    details = "; ".join(failure.summary for failure in failing)
    return Check("tasks", not failing, details or "none fails", vital=False)


_FAILED: LiteralString = """
    insert into task_failures as f (task, failures, failed_at, error)
    values (%s, %s, pg_catalog.clock_timestamp(), %s)
    on conflict (task) do update set
        failures = f.failures + excluded.failures, failed_at = excluded.failed_at, error = excluded.error
"""
_SUCCEEDED: LiteralString = "update task_failures set error = null where task = %s"
_READ: LiteralString = """
    select task, failures, error, extract(epoch from pg_catalog.clock_timestamp() - failed_at)::float8
    from task_failures order by task
"""
