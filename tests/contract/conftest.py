"""Servers started as a user starts them, and callers of their API."""

from collections.abc import AsyncIterator, Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.contract.client import Api, connect
from tests.contract.clock import DatabaseClock
from tests.contract.ledgers import OTHER, OtherLedgerApi, check_logs, create_other
from tests.contract.people import ALICE, AMIR, BOB, NINA, OLGA, SECRET, ApiCaller, new_client
from tests.contract.program import ProgramUnderTest

CORE = {
    "test_booking_history",
    "test_booking_lists",
    "test_bookings",
    "test_bulk",
    "test_dry_run",
    "test_flight_cancellation",
    "test_flight_lists",
    "test_flights",
    "test_idempotency",
    "test_idempotency_races",
    "test_payments",
    "test_preconditions",
    "test_prices",
    "test_quotes",
    "test_refunds",
    "test_seats_given_back",
    "test_two_phase_payments",
    "test_waiting_lists",
    "test_why",
}
"""Modules that run twice: on `main` alone, and on another ledger beside `main`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ledger" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in CORE:
        metafunc.parametrize("ledger", ["main", OTHER])


def serve(
    prepare: Callable[[ProgramUnderTest], None] | None = None, **settings: str
) -> Iterator[ProgramUnderTest]:
    """Start a program that logs to a file, after `prepare`; yield it, and stop it."""
    program = ProgramUnderTest(**settings)
    try:
        if prepare is not None:
            prepare(program)
        program.environment["SEATLEDGER_LOG_FORMAT"] = "json"
        program.environment["SEATLEDGER_LOG_FILE"] = str(program.logs / "seatledger.log")
        program.start()
        yield program
    finally:
        program.close()


SHARED = {
    "SEATLEDGER_JWT_SECRET": SECRET,
    "SEATLEDGER_HOLD_SECONDS": "300",
    "SEATLEDGER_CAPTURE_SECONDS": "60",
    "SEATLEDGER_DEADLINE_SECONDS": "20",
}


@pytest.fixture(scope="package")
def program() -> Iterator[ProgramUnderTest]:
    """Server that most tests share. Holds outlast each test, and the deadline allows for a busy machine."""
    yield from serve(**SHARED)


@pytest.fixture(scope="package")
def program_of_two() -> Iterator[ProgramUnderTest]:
    """Server like `program` with a second ledger, which has the carriers of all flights of the tests."""
    for program in serve(create_other, **SHARED):
        yield program
        check_logs(program)


CLOCK_DATABASE = "set_clock"


@pytest.fixture(scope="session")
def clock(server_url: str) -> DatabaseClock:
    """Clock of the database of `clock_program`."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {CLOCK_DATABASE}")
    return DatabaseClock(make_conninfo(server_url, dbname=CLOCK_DATABASE))


@pytest.fixture(scope="package")
def clock_program(clock: DatabaseClock) -> Iterator[ProgramUnderTest]:
    """Server on a clock that tests set: holds of 60 s, offers of 30 s, captures within 900 s, no sweeper."""
    yield from serve(
        DATABASE_URL=clock.url,
        SEATLEDGER_JWT_SECRET=SECRET,
        SEATLEDGER_HOLD_SECONDS="60",
        SEATLEDGER_OFFER_SECONDS="30",
        SEATLEDGER_SWEEP_CRON="",
        SEATLEDGER_DEADLINE_SECONDS="20",
    )


@pytest.fixture(scope="module")
def mortal_program() -> Iterator[ProgramUnderTest]:
    """Server that tests kill and start again; it makes and keeps its own secret."""
    yield from serve(SEATLEDGER_HOLD_SECONDS="300")


@pytest.fixture
def ledger() -> str:
    """The ledger under test."""
    return "main"


@pytest.fixture
async def api(request: pytest.FixtureRequest, ledger: str) -> AsyncIterator[Api]:
    """Client of the ledger under test."""
    program = request.getfixturevalue("program" if ledger == "main" else "program_of_two")
    async with connect(program, Api if ledger == "main" else OtherLedgerApi) as api:
        yield api


@pytest.fixture
async def clock_api(clock_program: ProgramUnderTest) -> AsyncIterator[Api]:
    async with connect(clock_program) as api:
        yield api


@pytest.fixture
def alice(api: Api) -> ApiCaller:
    return ApiCaller.of(api, ALICE)


@pytest.fixture
def bob(api: Api) -> ApiCaller:
    return ApiCaller.of(api, BOB)


@pytest.fixture
def operator(api: Api) -> ApiCaller:
    return ApiCaller.of(api, OLGA)


@pytest.fixture
def auditor(api: Api) -> ApiCaller:
    return ApiCaller.of(api, AMIR)


@pytest.fixture
def analyst(api: Api) -> ApiCaller:
    return ApiCaller.of(api, NINA)


@pytest.fixture
def anonymous(api: Api) -> ApiCaller:
    """Caller without a token."""
    return ApiCaller(api, ALICE.sub, None)


@pytest.fixture
def crowd(api: Api) -> Callable[[int], list[ApiCaller]]:
    """`crowd(count)`: new clients, each with a token of its own."""
    return lambda count: [ApiCaller.of(api, new_client()) for _ in range(count)]
