"""Refunds: each once for its id, together never more than was captured."""

from uuid import uuid4

import pytest

from domain.money import Money
from gateways import Gateway, GatewayInDoubt, GatewayRefund, GatewayRefused, Order
from tests.gateways.conftest import PRICE
from tests.gateways.program import Program


@pytest.fixture
async def captured(gateway: Gateway, order: Order) -> str:
    charge = await gateway.authorise(order)
    await gateway.capture(order.payment_id, charge.reference)
    return charge.reference


async def test_in_parts_and_then_the_rest(gateway: Gateway, captured: str, simulator: Program) -> None:
    first, second = uuid4(), uuid4()
    part = await gateway.refund(first, captured, Money(100_000, "INR"))
    rest = await gateway.refund(second, captured, Money(350_000, "INR"))
    assert part.done
    assert rest.done
    assert await gateway.find_refund(first, captured) == part
    assert await gateway.find_refund(second, captured) == rest
    assert await gateway.find_refund(uuid4(), captured) is None
    assert [row["amount"] for row in simulator.refunds(captured)] == [100_000, 350_000]
    with pytest.raises(GatewayRefused, match="charge_already_refunded"):
        await gateway.refund(uuid4(), captured, Money(1, "INR"))


async def test_twice_under_one_id_is_once(gateway: Gateway, captured: str, simulator: Program) -> None:
    refund_id = uuid4()
    done = await gateway.refund(refund_id, captured, PRICE)
    assert await gateway.refund(refund_id, captured, PRICE) == done
    assert len(simulator.refunds(captured)) == 1


async def test_too_much_is_refused(gateway: Gateway, captured: str, simulator: Program) -> None:
    with pytest.raises(GatewayRefused, match="amount_too_large"):
        await gateway.refund(uuid4(), captured, Money(450_001, "INR"))
    assert simulator.refunds(captured) == []


async def test_a_lost_answer_then_a_repeat_pays_back_once(
    gateway: Gateway, captured: str, simulator: Program
) -> None:
    refund_id = uuid4()
    simulator.switch(lose={"chance": 1})
    with pytest.raises(GatewayInDoubt):
        await gateway.refund(refund_id, captured, PRICE)
    simulator.switch()
    found = await gateway.find_refund(refund_id, captured)
    assert found == await gateway.refund(refund_id, captured, PRICE)
    assert isinstance(found, GatewayRefund)
    assert len(simulator.refunds(captured)) == 1


async def test_an_uncaptured_charge_is_not_refunded(gateway: Gateway, order: Order) -> None:
    charge = await gateway.authorise(order)
    with pytest.raises(GatewayRefused, match="payment_intent_unexpected_state"):
        await gateway.refund(uuid4(), charge.reference, PRICE)
