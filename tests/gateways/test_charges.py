"""The adapter with the simulator: charges are authorised, captured, voided and found by the protocol."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from domain.money import Money
from gateways import Charge, ChargeStatus, Gateway, GatewayInDoubt, GatewayRefused, Order
from gateways.stripe import StripeGateway
from tests.gateways.program import Program


async def test_a_charge_is_authorised_then_captured(gateway: Gateway, order: Order) -> None:
    charge = await gateway.authorise(order)
    assert charge.status is ChargeStatus.AUTHORISED
    assert await gateway.find(order.payment_id) == [charge]
    captured = Charge(charge.reference, ChargeStatus.CAPTURED)
    assert await gateway.capture(order.payment_id, charge.reference) == captured
    assert await gateway.find(order.payment_id) == [captured]


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
async def test_a_card_is_declined(
    gateway: Gateway, ordered: Callable[[str], Order], method: str, code: str
) -> None:
    order = ordered(method)
    charge = await gateway.authorise(order)
    assert (charge.status, charge.code) == (ChargeStatus.DECLINED, code)
    assert await gateway.authorise(order) == charge
    assert await gateway.find(order.payment_id) == [charge]


async def test_an_unknown_card_is_refused(gateway: Gateway, ordered: Callable[[str], Order]) -> None:
    order = ordered("pm_card_of_straw")
    with pytest.raises(GatewayRefused, match="resource_missing"):
        await gateway.authorise(order)
    assert await gateway.find(order.payment_id) == []


async def test_a_repeat_is_the_same_charge(gateway: Gateway, order: Order, simulator: Program) -> None:
    charge = await gateway.authorise(order)
    assert await gateway.authorise(order) == charge
    assert len(simulator.intents(order.payment_id)) == 1


async def test_a_repeat_returns_the_current_charge(gateway: Gateway, order: Order) -> None:
    charge = await gateway.authorise(order)
    await gateway.capture(order.payment_id, charge.reference)
    assert (await gateway.authorise(order)).status is ChargeStatus.CAPTURED


async def test_one_payment_id_is_one_order(gateway: Gateway, order: Order) -> None:
    await gateway.authorise(order)
    dearer = Order(order.payment_id, order.booking_id, Money(1, "INR"), order.method)
    # No refusal: under this key something was charged, and a payment that is refused would be declined.
    with pytest.raises(GatewayInDoubt, match="IdempotencyError"):
        await gateway.authorise(dearer)


async def test_capturing_twice_captures_once(gateway: Gateway, order: Order, simulator: Program) -> None:
    charge = await gateway.authorise(order)
    first = await gateway.capture(order.payment_id, charge.reference)
    assert await gateway.capture(order.payment_id, charge.reference) == first
    assert [row["captured"] for row in simulator.intents(order.payment_id)] == [order.amount.amount]


async def test_a_void_after_a_capture_returns_captured(gateway: Gateway, order: Order) -> None:
    charge = await gateway.authorise(order)
    await gateway.capture(order.payment_id, charge.reference)
    assert (await gateway.void(order.payment_id, charge.reference)).status is ChargeStatus.CAPTURED


async def test_a_capture_after_a_void_returns_released(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    charge = await gateway.authorise(order)
    for _ in range(2):
        voided = await gateway.void(order.payment_id, charge.reference)
        assert voided.status is ChargeStatus.RELEASED
    assert (await gateway.capture(order.payment_id, charge.reference)).status is ChargeStatus.RELEASED
    assert [row["captured"] for row in simulator.intents(order.payment_id)] == [0]


async def test_an_unknown_charge(gateway: Gateway) -> None:
    assert await gateway.find(uuid4()) == []
    with pytest.raises(GatewayRefused, match="resource_missing"):
        await gateway.capture(uuid4(), "pi_none")
    with pytest.raises(GatewayInDoubt, match="resource_missing"):
        await gateway.find_refund(uuid4(), "pi_none")


async def test_a_wrong_key_leaves_everything_open(simulator: Program, order: Order) -> None:
    stranger = StripeGateway("sk_test_stranger", url=simulator.url)
    with pytest.raises(GatewayInDoubt, match="401"):
        await stranger.authorise(order)
    await stranger.close()
    assert simulator.intents(order.payment_id) == []
