"""Instructions of the API for a booking, counted by valgrind: in the only ledger, and in one among 200."""

import re
import shutil
import subprocess
import sys
from string import ascii_uppercase, digits

from cli.ledgers import create
from database import registry
from database.connection import connect_sync
from runtime.settings import Settings
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.servers import clean_environment
from trials.bench.targets import ALONE, AMONG_MANY
from trials.programs.program import ROOT

LEDGERS = 200
FEW = 200
"""Bookings of the run that is subtracted: it takes the start of the program out of the figure."""

USED_CARRIER = "1A"
CARRIERS = [letter + digit for letter in ascii_uppercase for digit in digits]
_TOTAL = re.compile(r"I\s+refs:\s+([\d,]+)")


def booking_instructions(bookings: int) -> dict[str, float]:
    """Return the figure of each case; nothing without valgrind, or for no bookings.

    Of the 200 ledgers one is in use, the others are in the registry alone.
    """
    if not bookings or not shutil.which("valgrind"):
        return {}
    with fresh_ledger() as fresh:
        alone = _count(fresh, "BA", bookings)
        add_ledgers(fresh, LEDGERS)
        return {ALONE: alone, AMONG_MANY: _count(fresh, USED_CARRIER, bookings)}


def add_ledgers(fresh: BenchLedger, count: int) -> None:
    """Add to `main` one ledger in use, and others in the registry alone, so that there are so many."""
    with connect_sync(fresh.url, "bench", autocommit=False) as connection:
        for number, carrier in enumerate(CARRIERS[: count - 2]):
            entry = registry.begin_entry(connection, f"l{number}", (carrier,), None)
            registry.add_entry(connection, entry)
    create(Settings(data=fresh.data), fresh.url, "last", (USED_CARRIER,), None)


def _count(fresh: BenchLedger, carrier: str, bookings: int) -> float:
    few, many = (_run(fresh, carrier, FEW + more) for more in (0, bookings))
    return (many - few) / bookings


def _run(fresh: BenchLedger, carrier: str, bookings: int) -> int:
    """Return the instructions of a whole run. Raises RuntimeError if it fails."""
    counted = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    ran = subprocess.run(
        [
            *counted,
            sys.executable,
            "-m",
            "trials.bench.counted_api",
            fresh.url,
            str(fresh.data),
            carrier,
            str(bookings),
        ],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    total = _TOTAL.search(ran.stderr)
    if ran.returncode or total is None:
        raise RuntimeError(f"no instructions were counted: {ran.stderr[-2000:]}")
    return int(total[1].replace(",", ""))
