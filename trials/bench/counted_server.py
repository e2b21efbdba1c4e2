"""PostgreSQL under valgrind, which counts the instructions of each session."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from database.embedded import LOG_FILE, use_programs
from database.embedded.binaries import VARIABLE
from trials.bench.fresh import BenchLedger, fresh_folder, ledger_in

_COUNTED = "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null"
_TOTAL = re.compile(r"==(\d+)== I\s+refs:\s+([\d,]+)")
END_SECONDS_MAX = 60.0


class SessionInstructions:
    """Instructions of sessions that have ended, by process id. Each includes those of the server's start."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def of(self, process: int) -> int:
        """Return the instructions of an ended session. Raises TimeoutError if there are none yet."""
        deadline = time.monotonic() + END_SECONDS_MAX
        while time.monotonic() < deadline:
            for found, total in _TOTAL.findall(self._log.read_text(errors="replace")):
                if int(found) == process:
                    return int(total.replace(",", ""))
            time.sleep(0.05)
        raise TimeoutError(f"session {process} has not ended")


@contextmanager
def counted_ledger(
    fill: Callable[[BenchLedger], None],
) -> Iterator[tuple[BenchLedger, SessionInstructions]]:
    """Create and fill a ledger, then run its server under valgrind."""
    with fresh_folder() as data:
        with ledger_in(data) as ledger, psycopg.connect(ledger.url, autocommit=True) as connection:
            fill(ledger)
            # New statistics of a table make all sessions plan their statements anew.
            connection.execute("vacuum analyze")
            connection.execute("alter system set autovacuum = off")
            (process,) = connection.execute("select pg_read_file('postmaster.pid')").fetchone() or ("",)
            real = Path(os.readlink(f"/proc/{process.split()[0]}/exe")).parent
        before = os.environ.get(VARIABLE)
        try:
            use_programs(_wrapped(real, data))
            with ledger_in(data) as ledger:
                yield ledger, SessionInstructions(data / LOG_FILE)
        finally:
            os.environ.pop(VARIABLE, None)
            if before is not None:
                os.environ[VARIABLE] = before


def _wrapped(programs: Path, data: Path) -> Path:
    """Return a folder with these programs, in which `postgres` runs under valgrind."""
    folder = Path(tempfile.mkdtemp(prefix="counted-", dir=data))
    folder.chmod(0o755)
    for program in programs.iterdir():
        if program.name != "postgres":
            (folder / program.name).symlink_to(program)
    wrapper = folder / "postgres"
    wrapper.write_text(f'#!/bin/sh\nexec {_COUNTED} {programs / "postgres"} "$@"\n')
    wrapper.chmod(0o755)
    return folder
