"""Repeated tasks: any failure is logged with its cause, counted, and followed by another attempt."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from loguru import logger

T = TypeVar("T")


class Task:
    """One repeated task. Readiness and metrics show `failures`, and `error` while the task fails.

    `transient` are errors that pass by themselves: they are logged as `interrupted`, without a traceback.
    All others are logged as `failed`. Of a series of failures, only the first one of each kind is logged.
    """

    def __init__(
        self,
        name: str,
        interrupted: str,
        failed: str,
        back: str | None = None,
        transient: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self.failures = 0
        self.error: Exception | None = None
        self._events = interrupted, failed
        self._back = back
        self._transient = transient
        self._logged: set[str] = set()

    async def run(self, work: Callable[[], Awaitable[T]], **fields: object) -> T | None:
        """Do the work and return its result, or None after a failure. `fields` are added to log lines."""
        try:
            result = await work()
        except Exception as error:
            self.fail(error, **fields)
            return None
        self.succeed()
        return result

    def fail(self, error: Exception, **fields: object) -> None:
        """Count a failure, and log it if it is new in this series."""
        self.failures += 1
        self.error = error
        passes = isinstance(error, self._transient)
        event = self._events[0 if passes else 1]
        if event not in self._logged:
            line = logger.bind(task=self.name, error=repr(error), **fields)
            line.opt(exception=None if passes else error).log("WARNING" if passes else "ERROR", event)
        self._logged.add(event)

    def succeed(self) -> None:
        if self.error is not None and self._back:
            logger.info(self._back)
        self.error = None
        self._logged.clear()
