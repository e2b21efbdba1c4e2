"""Servers started as a user starts them, and the people who call them."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.contract.client import Api, connect
from tests.contract.people import ALICE, AMIR, BOB, NINA, OLGA, SECRET, Caller, somebody_new
from tests.contract.program import Program


def running(**settings: str) -> Iterator[Program]:
    program = Program(**settings)
    try:
        program.environment["SEATLEDGER_LOG_FORMAT"] = "json"
        program.environment["SEATLEDGER_LOG_FILE"] = str(program.logs / "seatledger.log")
        program.start()
        yield program
    finally:
        program.close()


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """The server most tests share: holds outlive each test, payments lapse no sooner, and it is patient on a
    busy machine.
    """
    yield from running(
        SEATLEDGER_JWT_SECRET=SECRET,
        SEATLEDGER_HOLD_SECONDS="300",
        SEATLEDGER_CAPTURE_SECONDS="60",
        SEATLEDGER_DEADLINE_SECONDS="20",
    )


@pytest.fixture(scope="session")
def forgetful_program() -> Iterator[Program]:
    """Holds last two seconds and offers one, payments wait as long as they do unless told, and no sweeper
    ever runs.
    """
    yield from running(
        SEATLEDGER_JWT_SECRET=SECRET,
        SEATLEDGER_HOLD_SECONDS="2",
        SEATLEDGER_OFFER_SECONDS="1",
        SEATLEDGER_SWEEP_CRON="",
    )


@pytest.fixture(scope="session")
def hasty_program() -> Iterator[Program]:
    """Holds last a second, payments wait two, and no sweeper ever runs."""
    yield from running(
        SEATLEDGER_JWT_SECRET=SECRET,
        SEATLEDGER_HOLD_SECONDS="1",
        SEATLEDGER_CAPTURE_SECONDS="2",
        SEATLEDGER_SWEEP_CRON="",
    )


@pytest.fixture(scope="module")
def mortal_program() -> Iterator[Program]:
    """A server to kill and start again; it makes and keeps its own secret."""
    yield from running(SEATLEDGER_HOLD_SECONDS="300")


@pytest.fixture
async def api(program: Program) -> AsyncIterator[Api]:
    async with connect(program.url) as api:
        yield api


@pytest.fixture
def alice(api: Api) -> Caller:
    return Caller.of(api, ALICE)


@pytest.fixture
def bob(api: Api) -> Caller:
    return Caller.of(api, BOB)


@pytest.fixture
def operator(api: Api) -> Caller:
    return Caller.of(api, OLGA)


@pytest.fixture
def auditor(api: Api) -> Caller:
    return Caller.of(api, AMIR)


@pytest.fixture
def analyst(api: Api) -> Caller:
    return Caller.of(api, NINA)


@pytest.fixture
def nobody(api: Api) -> Caller:
    """Somebody without a token."""
    return Caller(api, ALICE.sub, None)


@pytest.fixture
def crowd(api: Api) -> Callable[[int], list[Caller]]:
    """As many clients as asked for, strangers to each other, each with a token of their own."""
    return lambda count: [Caller.of(api, somebody_new()) for _ in range(count)]
