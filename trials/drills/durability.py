"""`python -m trials.drills.durability`: acknowledged commands that are lost, setting by setting."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from loguru import logger

import database.connection
import ledger.statements
from ledger.store import Store
from trials.drills.fault_matrix import FAULTS, Cell, Row
from trials.programs.postgres import NoPrograms, drill_ground

CELL_SECONDS_MAX = 60


@contextmanager
def accepts_off() -> Iterator[None]:
    """Run a program that accepts `synchronous_commit = off`. The real one changes it to `on`."""
    careless = database.connection._SESSION.replace("when 'off' then 'on'", "when 'off' then 'off'")
    assert careless != database.connection._SESSION
    with patch.object(database.connection, "_SESSION", careless):
        yield


@contextmanager
def ignores_warnings() -> Iterator[None]:
    """Run a program that ignores the warnings that come with a successful COMMIT."""
    with (
        patch.object(Store, "_note_warning", lambda *_: None),
        patch.object(
            ledger.statements,
            "WAIT_FOR_STANDBY_ONLY",
            "select set_config('synchronous_commit', 'off', true)",
        ),
    ):
        yield


ROWS = (
    Row("on", {"synchronous_commit": "on"}, safe=True),
    Row("off: the program puts it right", {"synchronous_commit": "off"}, safe=True),
    Row("off, not put right (control)", {"synchronous_commit": "off"}, program=accepts_off, control=True),
    Row("fsync off (a kill shows nothing)", {"fsync": "off"}),
    Row("on", {"synchronous_commit": "on"}, "asynchronous"),
    Row("local", {"synchronous_commit": "local"}, "synchronous"),
    Row("remote_write", {"synchronous_commit": "remote_write"}, "synchronous", safe=True),
    Row("on", {"synchronous_commit": "on"}, "synchronous", safe=True),
    Row("remote_apply", {"synchronous_commit": "remote_apply"}, "synchronous", safe=True),
    Row("off: the program puts it right", {"synchronous_commit": "off"}, "synchronous", safe=True),
    Row("on, warning ignored (control)", {}, "synchronous", program=ignores_warnings, control=True),
)


def measure(report: Callable[[str], None]) -> list[tuple[Row, dict[str, Cell]]]:
    """Run every fault that each row can meet, on servers of its own."""
    measured = []
    for row in ROWS:
        names = list(FAULTS)[: 1 if row.standby == "none" else 3 if row.standby == "asynchronous" else 4]
        cells = {}
        for name in names:
            with drill_ground() as ground:
                cells[name] = asyncio.run(_bounded(FAULTS[name](ground, row)))
        measured.append((row, cells))
        report(f"| {row.name} | {row.standby} | {' | '.join(str(cells.get(name, '')) for name in FAULTS)} |")
    return measured


async def _bounded(drill: Awaitable[Cell]) -> Cell:
    return await asyncio.wait_for(drill, CELL_SECONDS_MAX)


def unexpected_results(measured: list[tuple[Row, dict[str, Cell]]]) -> list[str]:
    """Return rows that lost what they must not lose, and controls that lost nothing."""
    found = []
    for row, cells in measured:
        lost = sum(cell.lost for cell in cells.values())
        if (row.safe and lost) or (row.control and not lost):
            found.append(f"{row.name}, standby {row.standby}: {lost} lost")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when safe settings lost nothing, and each control something."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.durability", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    logger.disable("ledger")  # Log entries about a killed server are expected here.

    def report(line: str) -> None:
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)

    report(f"| synchronous_commit | standby | {' | '.join(FAULTS)} |")
    report(f"|---|---|{'---|' * len(FAULTS)}")
    try:
        measured = measure(report)
    except NoPrograms as problem:
        print(f"trials.drills.durability: {problem}", file=sys.stderr)
        return 1
    wrong = unexpected_results(measured)
    for sentence in wrong:
        report(f"VIOLATION: {sentence}")
    if options.json:
        print(json.dumps({"ok": not wrong, "rows": [_row(row, cells) for row, cells in measured]}))
    return 1 if wrong else 0


def _row(row: Row, cells: dict[str, Cell]) -> dict[str, Any]:
    return {
        "setting": row.name,
        "standby": row.standby,
        "cells": {name: cell._asdict() for name, cell in cells.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
