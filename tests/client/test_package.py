"""The client is a distribution of its own: httpx alone, Python 3.10 on, no code of the program."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.client.callers import bearer
from tests.contract.program import ProgramUnderTest
from tests.programs import find_program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "client"
PACKAGE = FOLDER / "src" / "seatledger_client"
MODULES = sorted(PACKAGE.glob("*.py"))
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
PYTHONS = ["python3.10", "python3.12", "python3.13", "python3.14"]

SMOKE = """
import asyncio, sys
from seatledger_client import AsyncClient, Client
with Client.from_env() as client:
    flight = client.flights.get(sys.argv[1])
    booking = client.bookings.create(flight_id=flight, user_id="alice", seats=1)
    assert client.bookings.pay(booking).booking.seats == 1
async def book():
    async with AsyncClient.from_env() as client:
        assert [one.seats async for one in client.bookings.list(flight_id=sys.argv[1])] == [1]
asyncio.run(book())
print(sys.version_info[:2])
"""


def imports(module: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(module.read_text(), feature_version=(3, 10))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name.partition(".")[0] for name in names} | {
        (node.module or "").partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)
    }


def test_it_imports_httpx_and_the_standard_library_only() -> None:
    found = set().union(*map(imports, MODULES))
    assert found - set(sys.stdlib_module_names) == {"httpx", "seatledger_client"}
    assert [one.partition(">")[0] for one in PROJECT["dependencies"]] == ["httpx"]
    assert PROJECT["requires-python"] == ">=3.10"
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("python", PYTHONS)
def test_it_works_with_other_pythons(
    python: str, program: ProgramUnderTest, flight: object, tmp_path: Path
) -> None:
    """Run with another Python, if this machine has one with httpx."""
    found = find_program(python)
    if (
        not found
        or subprocess.run([found, "-c", "import httpx"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"no {python} with httpx on PATH")
    environment = {
        "PYTHONPATH": str(FOLDER / "src"),
        "SEATLEDGER_URL": program.url,
        "SEATLEDGER_TOKEN": bearer("alice", "client"),
    }
    command = [found, "-W", "error", "-c", SMOKE, str(flight.id)]  # type: ignore[attr-defined]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (0, f"({python[6:].replace('.', ', ')})\n"), ended.stderr


def test_its_wheel_has_all_modules_and_the_mark_of_types(tmp_path: Path) -> None:
    """Build it with the backend that the project names, if this machine has it."""
    python = find_program("python3") or sys.executable
    version = "import sys, setuptools; sys.exit(int(setuptools.__version__.split('.')[0]) < 77)"
    if subprocess.run([python, "-c", version], capture_output=True, check=False).returncode:
        pytest.skip("no setuptools 77 or later")
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(tmp_path)!r}))"
    copied = tmp_path / "client"
    copied.mkdir()
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".md", ".toml", ".typed", ""):
            target = copied / path.relative_to(FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    subprocess.run([python, "-c", build], cwd=copied, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"seatledger_client/{path.name}" for path in [*MODULES, PACKAGE / "py.typed"]} <= names
    assert not any(name.startswith(("domain", "api", "generate")) for name in names)
