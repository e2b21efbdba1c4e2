"""Logs as text or JSON, on standard error and in a file that several processes share.

A message is a constant, the name of an event. Other data is bound: `logger.bind(error=text).info("x.lost")`.
A call below the level costs about a microsecond, and its `bind` another.
"""

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from loguru import logger

from runtime.logs.file import SharedFile
from runtime.logs.lines import RENDER, Render, redact_record
from runtime.settings import Settings, WrongSetting

if TYPE_CHECKING:
    from loguru import Message


def configure_logs(settings: Settings, process: str) -> None:
    """Send all log lines of this process to the sinks of `settings`, including warnings and libraries.

    `process` is the kind of process (`api`, `scheduler`, …) and stands on every line beside the pid. Call
    this in each process after its libraries have set up logging; a second call replaces the first.
    Raises WrongSetting if the log file cannot be opened.
    """
    sinks: list[_Console | _File] = [_Console(RENDER[settings.log_format], process)]
    if settings.log_file is not None:
        try:
            sinks.append(_File(SharedFile(settings.log_file), RENDER[settings.log_format], process))
        except OSError as error:
            reason = error.strerror or str(error)
            raise WrongSetting(f"SEATLEDGER_LOG_FILE={str(settings.log_file)!r}: {reason}") from None
    logger.remove()
    logger.configure(patcher=redact_record)
    for sink in sinks:
        # The sinks render the record, so loguru formats nothing. `diagnose` would print local variables,
        # including secrets, in tracebacks.
        logger.add(
            sink, level=settings.log_level, format=_nothing, diagnose=False, backtrace=False, enqueue=False
        )
    _catch_standard_library(settings.log_level)


def _nothing(record: object) -> str:
    return ""


class _Console:
    def __init__(self, render: Render, process: str) -> None:
        self._render = render
        self._process = process

    def write(self, message: "Message") -> None:
        # A closed terminal or a pipe without a reader must not stop the program.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(self._render(message.record, self._process))
            sys.stderr.flush()


class _File:
    def __init__(self, file: SharedFile, render: Render, process: str) -> None:
        self._file = file
        self._render = render
        self._process = process

    def write(self, message: "Message") -> None:
        self._file.write(self._render(message.record, self._process).encode("utf-8", "backslashreplace"))

    def stop(self) -> None:
        self._file.close()


class _Intercept(logging.Handler):
    """Forwards records of the standard library's loggers to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = record.getMessage()
        except Exception:  # wrong arguments in a library must not stop this program
            event = str(record.msg)
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        # loguru formats only with arguments, so braces and tags in `event` stay as they are.
        logger.bind(logger=record.name).opt(exception=record.exc_info).log(level, event)


def _catch_standard_library(level: str) -> None:
    logging.captureWarnings(True)
    logging.basicConfig(handlers=[_Intercept()], level=level, force=True)
    for name, existing in logging.root.manager.loggerDict.items():
        # Rocketry stores past runs in a handler of this logger, which must stay.
        if isinstance(existing, logging.Logger) and not name.startswith("rocketry.task"):
            existing.handlers.clear()
            existing.propagate = True
