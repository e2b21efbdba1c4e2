"""Decisions use only the database clock: the write path reads no other clock."""

import ast
from pathlib import Path

import pytest

CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}
ALLOWED = {
    "ledger/ids.py": "ids sort by the time they were made, and nothing is decided by that",
    "ledger/master_key_file.py": "the file of an old key tells when it was replaced",
    "scheduler/webhooks/sender.py": "a message tells its receiver when it was sent",
    "runtime/logs": "log lines tell when they were written",
    "gateways/simulator": "stands for another company's program, in its own process",
    "database/embedded": "how long an embedded server stays after its last user",
}


@pytest.mark.parametrize("package", ["domain", "ledger", "projections", "gateways", "scheduler"])
def test_no_other_clock_is_read(checkout: Path, package: str) -> None:
    found = [
        f"{path.relative_to(checkout)}:{node.lineno}"
        for path in (checkout / package).rglob("*.py")
        if not str(path.relative_to(checkout)).startswith(tuple(ALLOWED))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _reads_a_clock(node.func)
    ]
    assert found == []


def _reads_a_clock(function: ast.expr) -> bool:
    """Return calls such as datetime.now(), date.today() and time.time(). time.monotonic() is allowed."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr in CLOCKS
        and isinstance(function.value, ast.Name)
        and function.value.id in {"datetime", "date", "time", "dt"}
    )
