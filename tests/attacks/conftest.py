"""One server for all attacks. It logs everything it can; in the end its log is read, its ledger verified."""

import json

import pytest

from tests.contract.client import connect
from tests.contract.people import ALICE, BOB, OLGA, SECRET, ApiCaller
from tests.contract.program import ProgramUnderTest

LOGS_ALL = {"SEATLEDGER_LOG_LEVEL": "DEBUG", "SEATLEDGER_LOG_FORMAT": "json"}


def running(**settings):
    program = ProgramUnderTest(
        **LOGS_ALL | {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_SWEEP_CRON": ""} | settings
    )
    try:
        program.environment["SEATLEDGER_LOG_FILE"] = str(program.logs / "seatledger.log")
        program.start()
        yield program
        judge(program)
        verified = program.run("verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        program.close()


def judge(program):
    """Nothing failed on our side, whatever was sent: no 500, no broken block; and the log is whole lines."""
    for line in log_lines(program):
        record = json.loads(line)
        assert record.get("status") != 500, line
        assert record["event"] not in ("request.failed", "command.failed", "block.failed"), line
        assert SECRET not in line


def log_lines(program):
    return [line for path in program.logs.iterdir() for line in path.read_text().split("\n") if line]


@pytest.fixture(scope="session")
def program():
    yield from running()


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
