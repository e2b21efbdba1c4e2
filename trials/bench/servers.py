"""Start and stop the servers to measure, as real processes."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trials.programs.program import Program, environment_without_settings


class ServerDidNotStart(Exception):
    """The server ended, or did not become ready in time."""


@contextmanager
def running(
    module: str,
    *arguments: str,
    log: Path,
    settings: Mapping[str, str] | None = None,
    says_ready: bool = True,
) -> Iterator[str]:
    """Run `python -m` with the arguments and a free port, output to `log`. Yield the URL when it is ready.

    Without `says_ready`, a server is ready when it listens.
    """
    program = Program({**clean_environment(), **(settings or {})}, log, ("-m", module), arguments=arguments)
    try:
        if not asyncio.run(program.start(says_ready)):
            raise ServerDidNotStart(log.read_text(errors="replace")[-2000:])
        yield f"http://127.0.0.1:{program.port}"
    finally:
        asyncio.run(program.stop())


def clean_environment() -> dict[str, str]:
    """Return the environment without settings, so that a benchmark never writes to another ledger.

    Commands per minute are counted as by default, up to a limit that no caller reaches.
    """
    as_installed = {"SEATLEDGER_COMMANDS_PER_MINUTE": "1000000000", "PYTHONDONTWRITEBYTECODE": ""}
    return environment_without_settings() | as_installed
