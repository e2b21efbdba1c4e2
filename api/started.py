"""A worker reports its start to the main process by a file."""

import os
from contextlib import suppress
from pathlib import Path

VARIABLE = "_SEATLEDGER_STARTED_FILE"
"""Environment variable that names the file. `api.serve` sets it; it is not a setting."""


def report_start() -> None:
    if named := os.environ.get(VARIABLE):
        with suppress(OSError):  # a full disk must not end a worker
            Path(named).touch()
