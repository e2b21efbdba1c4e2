"""All faults at once: callers repeat until the outcome is certain, and the books agree with it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from httpcore._backends.anyio import AnyIOStream

from domain.money import Money
from gateways import ChargeStatus, GatewayInDoubt, Order
from gateways.simulator.books import read_books
from gateways.stripe import StripeGateway
from tests.gateways.program import KEY, Program
from tests.waiting import await_until

Known = TypeVar("Known")
CUSTOMERS = 24
STORM = {
    "slow": {"chance": 0.1, "seconds": 0.4},
    "late": {"chance": 0.1, "seconds": 0.4},
    "lose": {"chance": 0.2},
    "fail": {"chance": 0.2},
    "twice": {"chance": 0.2},
    "seed": 11,
}


async def until_known(call: Callable[[], Awaitable[Known]]) -> Known:
    async with asyncio.timeout(30):
        while True:
            try:
                return await call()
            except GatewayInDoubt:
                await asyncio.sleep(0.02)


async def pay(gateway: StripeGateway, number: int) -> tuple[UUID, ChargeStatus]:
    order = Order(uuid4(), uuid4(), Money(100 + number, "INR"), "pm_card_visa")
    charge = await until_known(lambda: gateway.authorise(order))
    settle = gateway.void if number % 3 == 0 else gateway.capture
    charge = await until_known(lambda: settle(order.payment_id, charge.reference))
    if number % 3 == 1:
        reference, refund_id = charge.reference, uuid4()
        await until_known(lambda: gateway.refund(refund_id, reference, Money(7, "INR")))
    return order.payment_id, charge.status


def kill_and_restart(mortal: Program, seed: int) -> None:
    mortal.end(signal.SIGKILL)
    mortal.start()
    mortal.switch(**STORM | {"seed": seed})


async def test_money_moves_once_in_a_storm_with_kill_9(mortal: Program) -> None:
    mortal.switch(**STORM)
    gateway = StripeGateway(KEY, url=mortal.url, seconds=0.3)
    customers = [asyncio.create_task(pay(gateway, number)) for number in range(CUSTOMERS)]
    for seed, charges_min in ((12, CUSTOMERS // 3), (13, 2 * CUSTOMERS // 3)):
        await await_until(lambda: len(read_books(mortal.store).intents) >= charges_min)  # noqa: B023
        await asyncio.to_thread(kill_and_restart, mortal, seed)
    told = dict(await asyncio.gather(*customers))
    await gateway.close()
    mortal.end(signal.SIGKILL)

    books = read_books(mortal.store)
    assert sorted(intent.payment_id or "" for intent in books.intents) == sorted(map(str, told))
    for intent in books.intents:
        captured = told[UUID(intent.payment_id)] is ChargeStatus.CAPTURED
        assert intent.captured == (intent.amount if captured else 0)
    assert [refund.amount for refund in books.refunds] == [7] * len(range(1, CUSTOMERS, 3))
    mortal.start()


async def test_a_call_cut_off_while_dead_connections_are_closed_leaves_none_of_them_open(
    mortal: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = StripeGateway(KEY, url=mortal.url, seconds=10)
    orders = [Order(uuid4(), uuid4(), Money(100, "INR"), "pm_card_visa") for _ in range(11)]
    await asyncio.gather(*map(gateway.authorise, orders[:10]))
    await asyncio.to_thread(kill_and_restart, mortal, 12)
    close = AnyIOStream.aclose

    async def close_slowly(stream: AnyIOStream) -> None:
        await asyncio.sleep(0.05)
        await close(stream)

    with monkeypatch.context() as slow:
        slow.setattr(AnyIOStream, "aclose", close_slowly)
        slow.setattr(gateway, "_seconds", 0.02)
        with pytest.raises(GatewayInDoubt):
            await gateway.authorise(orders[10])
    # A connection that is still open now fails the test when garbage is collected.
    await gateway.close()
