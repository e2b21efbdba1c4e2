"""The lines of the client's README work as shown, in at most ten of them."""

import re
import subprocess
import sys
from pathlib import Path

from seatledger_client import Client

from tests.client.callers import bearer, schedule
from tests.contract.program import ProgramUnderTest

LINES_MAX = 10


def examples(checkout: Path) -> list[str]:
    """Return the programs in the README: those that import the client."""
    text = (checkout / "client" / "README.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [one for one in found if "import" in one]


def printed(checkout: Path, program: ProgramUnderTest, shown: str) -> str:
    """Return what the program of an example prints."""
    environment = {
        "PYTHONPATH": str(checkout / "client" / "src"),
        "SEATLEDGER_URL": program.url,
        "SEATLEDGER_TOKEN": bearer("alice", "client"),
    }
    command = [sys.executable, "-c", shown]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_booking_and_paying_works_as_shown(
    checkout: Path, program: ProgramUnderTest, operator: Client
) -> None:
    blocking, awaiting = examples(checkout)
    assert len([line for line in blocking.splitlines() if line]) <= LINES_MAX
    flight = schedule(operator, seats=10, route="LHR-JFK", day=2)
    first = printed(checkout, program, awaiting)
    schedule(operator, seats=1, route="LHR-JFK", day=1)
    full, second = printed(checkout, program, blocking).splitlines()
    references = [booking.reference for booking in operator.bookings.list(flight_id=flight)]
    assert full == "AI117 has 1 seats left"
    assert [first, second] == [f"{references[1]} booked\n", f"{references[0]} booked"]
