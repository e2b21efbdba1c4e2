"""Fixtures: a simulator for all tests, with switches off before each; another for tests that kill it."""

from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest

from audit.verify import verify
from domain.money import Money
from gateways import Order
from gateways.stripe import StripeGateway
from tests.gateways.program import KEY, Program
from tests.gateways.storefront import Storefront, open_storefront

PRICE = Money(450_000, "INR")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("gateway"))
    program.start()
    yield program
    assert program.end() == 0


@pytest.fixture
def simulator(shared: Program) -> Program:
    shared.switch()
    return shared


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("mortal"))
    program.start()
    yield program
    program.end()


@pytest.fixture
async def gateway(simulator: Program) -> AsyncIterator[StripeGateway]:
    gateway = StripeGateway(KEY, url=simulator.url, name="simulator", seconds=4)
    yield gateway
    await gateway.close()


@pytest.fixture
async def hasty(simulator: Program) -> AsyncIterator[StripeGateway]:
    """Return a gateway with a short time limit."""
    gateway = StripeGateway(KEY, url=simulator.url, seconds=0.3)
    yield gateway
    await gateway.close()


@pytest.fixture
def order() -> Order:
    return Order(uuid4(), uuid4(), PRICE, "pm_card_visa")


@pytest.fixture
def ordered() -> Callable[[str], Order]:
    return lambda method: Order(uuid4(), uuid4(), PRICE, method)


@pytest.fixture
async def storefront(database_url: str, simulator: Program) -> AsyncIterator[Storefront]:
    """An airline on a fresh ledger, which verifies after the test."""
    async with open_storefront(database_url, simulator) as storefront:
        yield storefront
    assert verify(database_url).ok


@pytest.fixture
async def hurried(database_url: str, simulator: Program) -> AsyncIterator[Storefront]:
    """Holds and payments last two seconds."""
    async with open_storefront(database_url, simulator, hold_seconds=2, capture_seconds=2) as storefront:
        yield storefront
    assert verify(database_url).ok
