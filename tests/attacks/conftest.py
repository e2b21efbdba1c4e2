"""One server for all attacks, logging at DEBUG. At the end its log is read and its ledger verified."""

import json

import pytest

from tests.contract.client import connect
from tests.contract.people import ALICE, BOB, OLGA, SECRET, ApiCaller
from tests.contract.program import ProgramUnderTest

LOGS_ALL = {"SEATLEDGER_LOG_LEVEL": "DEBUG", "SEATLEDGER_LOG_FORMAT": "json"}


def serve(**settings):
    """Start a program, yield it, check its log and its ledger, and stop it."""
    program = ProgramUnderTest(
        **LOGS_ALL | {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_SWEEP_CRON": ""} | settings
    )
    try:
        program.environment["SEATLEDGER_LOG_FILE"] = str(program.logs / "seatledger.log")
        program.start()
        yield program
        check_log(program)
        verified = program.run("verify", "--names", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        program.close()


def check_log(program):
    """Fail on a 500, a failed block, a broken line or a secret in the log."""
    for line in program.log_lines():
        record = json.loads(line)
        assert record.get("status") != 500, line
        assert record["event"] not in ("request.failed", "command.failed", "block.failed"), line
        assert SECRET not in line


@pytest.fixture(scope="package")
def program():
    yield from serve()


@pytest.fixture
async def api(program):
    async with connect(program) as api:
        yield api


@pytest.fixture
def alice(api):
    return ApiCaller.of(api, ALICE)


@pytest.fixture
def bob(api):
    return ApiCaller.of(api, BOB)


@pytest.fixture
def operator(api):
    return ApiCaller.of(api, OLGA)


@pytest.fixture
async def document(api):
    return (await api.call("GET", "/openapi.json")).ok()
