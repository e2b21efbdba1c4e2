"""Generators read the OpenAPI document without a warning, and their clients book a seat.

These tests need programs from PyPI and npm: openapi-python-client, redocly, openapi-typescript, and tsc with
openapi-fetch beside them. CONTRIBUTING.md says how to install them.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.people import ALICE
from tests.programs import find_program, needs, program_path

SCRIPTS = Path(__file__).parent / "generated_clients"
SECONDS_MAX = 120


@pytest.fixture
async def document(program, api, tmp_path):
    """Return the path of the document, as a generator reads it."""
    async with api.session.get(f"{program.url}/openapi.json") as response:
        path = tmp_path / "openapi.json"
        path.write_bytes(await response.read())
    return path


async def run(folder, *command, **environment):
    """Return what a program prints; fail unless it ends well."""
    programs = f"{program_path()}{os.pathsep}{Path(sys.executable).parent}"
    variables = {**os.environ, "PATH": programs, "NO_PROXY": "127.0.0.1", **environment}
    ended = await asyncio.to_thread(
        subprocess.run,
        [str(part) for part in command],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


async def book(program, flight, folder, *command, **environment):
    """Run a script that holds two seats and pays for them; return the booking as it printed it."""
    target = {"url": program.url, "token": ALICE.token(), "flight_id": flight["id"], "user_id": ALICE.sub}
    return json.loads(await run(folder, *command, json.dumps(target), **environment))


@needs("redocly")
async def test_the_linter_finds_nothing(document, tmp_path):
    found = await run(
        tmp_path, find_program("redocly"), "lint", "--format=json", document, REDOCLY_TELEMETRY="off"
    )
    report = json.loads(found[found.index("{") :])
    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, report["problems"][:5]


@needs("openapi-python-client")
async def test_a_generated_python_client_books_a_seat(program, operator, document, tmp_path):
    generator = find_program("openapi-python-client")
    folder = tmp_path / "client"
    await run(
        tmp_path, generator, "generate", "--path", document, "--output-path", folder, "--fail-on-warning"
    )
    flight = await operator.create_flight(seats=3)
    script = sys.executable, SCRIPTS / "book.py"
    booking = await book(program, flight, tmp_path, *script, PYTHONPATH=str(folder))
    assert (booking["status"], booking["seats"], booking["free"]) == ("booked", 2, 1)
    assert booking["refused"] == {"code": "not-enough-seats", "asked": 2, "free": 1}


@needs("openapi-typescript", "tsc", "node")
async def test_a_generated_typescript_client_books_a_seat(program, operator, document, tmp_path):
    generator = find_program("openapi-typescript")
    # The client library lies beside the generator.
    (tmp_path / "node_modules").symlink_to(os.path.dirname(os.path.dirname(generator)))
    (tmp_path / "book.ts").write_text((SCRIPTS / "book.ts").read_text())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    printed = await run(tmp_path, generator, document, "-o", "ledger.ts")
    assert "warning" not in printed.lower()
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
    await run(tmp_path, find_program("tsc"), *options, "book.ts")
    flight = await operator.create_flight(seats=3)
    booking = await book(program, flight, tmp_path, find_program("node"), "book.js")
    assert (booking["status"], booking["seats"], booking["free"]) == ("booked", 2, 1)
    assert booking["refused"] == {"code": "not-enough-seats", "asked": 2, "free": 1}
