"""Faults of the network and the gateway: money still moves once."""

import asyncio
import signal
import time

import pytest

from domain.money import Money
from gateways import ChargeStatus, Gateway, GatewayInDoubt, Order
from gateways.simulator.books import read_books
from gateways.stripe import StripeGateway
from tests.gateways.program import KEY, Program

ALWAYS = {"chance": 1}


async def test_an_answer_that_comes_too_late_is_a_doubt_and_the_charge_is_there(
    hasty: Gateway, gateway: Gateway, order: Order, simulator: Program
) -> None:
    simulator.switch(slow={"chance": 1, "seconds": 30})
    begun = time.monotonic()
    with pytest.raises(GatewayInDoubt):
        await hasty.authorise(order)
    assert time.monotonic() - begun < 20
    await simulator.until_made(order.payment_id)
    simulator.switch()
    assert [charge.status for charge in await gateway.find(order.payment_id)] == [ChargeStatus.AUTHORISED]
    await gateway.authorise(order)
    assert len(simulator.intents(order.payment_id)) == 1


async def test_a_repeat_while_the_first_is_under_way_is_a_doubt_and_no_second_charge(
    hasty: Gateway, gateway: Gateway, order: Order, simulator: Program
) -> None:
    # Time enough, on a machine that is busy, for all that is asked for before the first is carried out.
    simulator.switch(late={"chance": 1, "seconds": 3})
    with pytest.raises(GatewayInDoubt):
        await hasty.authorise(order)
    assert simulator.intents(order.payment_id) == []
    simulator.switch()
    with pytest.raises(GatewayInDoubt, match="409"):
        await gateway.authorise(order)
    await simulator.until_made(order.payment_id)
    assert (await gateway.authorise(order)).status is ChargeStatus.AUTHORISED
    assert len(simulator.intents(order.payment_id)) == 1


async def test_a_lost_answer_then_a_repeat_is_one_charge_taken_once(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    simulator.switch(lose=ALWAYS)
    with pytest.raises(GatewayInDoubt):
        await gateway.authorise(order)
    simulator.switch()
    charge = await gateway.authorise(order)
    simulator.switch(lose=ALWAYS)
    with pytest.raises(GatewayInDoubt):
        await gateway.capture(order.payment_id, charge.reference)
    simulator.switch()
    captured = await gateway.capture(order.payment_id, charge.reference)
    assert captured.status is ChargeStatus.CAPTURED
    assert [row["captured"] for row in simulator.intents(order.payment_id)] == [order.amount.amount]


async def test_a_request_that_arrives_twice_is_one_charge_and_one_refund(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    simulator.switch(twice=ALWAYS)
    charge = await gateway.authorise(order)
    assert (await gateway.capture(order.payment_id, charge.reference)).status is ChargeStatus.CAPTURED
    assert (await gateway.refund(order.booking_id, charge.reference, Money(1, "INR"))).done
    (row,) = simulator.intents(order.payment_id)
    assert (row["captured"], row["refunded"]) == (order.amount.amount, 1)


async def test_an_expired_key_makes_a_second_charge_and_both_can_be_voided(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    simulator.switch(amnesia=ALWAYS)
    made = [await gateway.authorise(order), await gateway.authorise(order)]
    assert made[0] != made[1]
    assert await gateway.find(order.payment_id) == made
    simulator.switch()
    for charge in made:
        assert (await gateway.void(order.payment_id, charge.reference)).status is ChargeStatus.RELEASED
    assert [row["status"] for row in simulator.intents(order.payment_id)] == ["canceled", "canceled"]


async def test_a_key_that_is_forgotten_later_makes_a_second_charge_too(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    await gateway.authorise(order)
    simulator.switch(amnesia=ALWAYS)
    await gateway.authorise(order)
    assert len(simulator.intents(order.payment_id)) == 2
    simulator.switch()
    await gateway.authorise(order)
    assert len(simulator.intents(order.payment_id)) == 3


async def test_a_failure_does_nothing(gateway: Gateway, order: Order, simulator: Program) -> None:
    simulator.switch(fail=ALWAYS)
    with pytest.raises(GatewayInDoubt, match="500"):
        await gateway.authorise(order)
    with pytest.raises(GatewayInDoubt):
        await gateway.find(order.payment_id)
    simulator.switch()
    assert simulator.intents(order.payment_id) == []


async def test_the_search_lags_and_a_repeat_does_not(
    gateway: Gateway, order: Order, simulator: Program
) -> None:
    simulator.switch(search_lag=60)
    charge = await gateway.authorise(order)
    assert await gateway.find(order.payment_id) == []
    assert await gateway.authorise(order) == charge
    simulator.switch()
    assert await gateway.find(order.payment_id) == [charge]


async def test_down_and_up_again(gateway: Gateway, order: Order, simulator: Program) -> None:
    simulator.switch(down=True)
    for call in (gateway.authorise(order), gateway.find(order.payment_id)):
        with pytest.raises(GatewayInDoubt):
            await call
    simulator.switch()
    assert (await gateway.authorise(order)).status is ChargeStatus.AUTHORISED


async def test_nothing_listens_at_the_url(order: Order) -> None:
    gateway = StripeGateway(KEY, url="http://127.0.0.1:1", seconds=1)
    with pytest.raises(GatewayInDoubt):
        await gateway.authorise(order)
    await gateway.close()


async def test_answered_requests_survive_kill_9(mortal: Program, order: Order) -> None:
    gateway = StripeGateway(KEY, url=mortal.url)
    charge = await gateway.authorise(order)
    await gateway.capture(order.payment_id, charge.reference)
    await gateway.refund(order.booking_id, charge.reference, Money(7, "INR"))
    before = mortal.books()
    assert mortal.end(signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(GatewayInDoubt):
        await gateway.find(order.payment_id)

    (intent,) = (dead := read_books(mortal.store)).intents
    assert (intent.id, intent.captured, intent.refunded) == (charge.reference, order.amount.amount, 7)
    assert [refund.amount for refund in dead.refunds] == [7]

    mortal.start()
    assert mortal.books() == before
    assert (await gateway.authorise(order)).status is ChargeStatus.CAPTURED
    assert len(mortal.intents(order.payment_id)) == 1
    await gateway.close()


async def test_an_unanswered_request_is_done_fully_or_not_at_all(mortal: Program, order: Order) -> None:
    mortal.switch(slow={"chance": 1, "seconds": 30})
    gateway = StripeGateway(KEY, url=mortal.url, seconds=10)
    call = asyncio.create_task(gateway.authorise(order))
    await mortal.until_made(order.payment_id)
    mortal.end(signal.SIGKILL)
    with pytest.raises(GatewayInDoubt):
        await call
    mortal.start()
    (known,) = await gateway.find(order.payment_id)
    assert await gateway.authorise(order) == known
    await gateway.close()


def test_the_same_seed_is_the_same_luck(simulator: Program) -> None:
    def luck() -> list[int]:
        simulator.switch(seed=7, fail={"chance": 0.5})
        return [simulator.ask("GET", "/v1/refunds/none").status_code for _ in range(20)]

    first = luck()
    assert set(first) == {404, 500}
    assert luck() == first
