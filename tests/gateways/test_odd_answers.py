"""The adapter with answers that the simulator never gives."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from gateways import Charge, ChargeStatus, GatewayInDoubt, GatewayRefused, Order
from gateways.stripe import StripeGateway
from tests.gateways.conftest import PRICE

INTENT = {"id": "pi_1", "object": "payment_intent", "status": "requires_capture", "created": 1}
REFUND = {"id": "re_1", "object": "refund", "status": "pending"}


@asynccontextmanager
async def answering(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[StripeGateway]:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway = StripeGateway("k", url=f"http://127.0.0.1:{runner.addresses[0][1]}", seconds=2)
    try:
        yield gateway
    finally:
        await gateway.close()
        await runner.cleanup()


def always(status: int, body: Any, **headers: str) -> Callable[[web.Request], web.Response]:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda _: web.Response(status=status, text=text, headers=headers)


def problem(code: str | None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "no"}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>"),
        (200, ""),
        (200, "[]"),
        (200, '"x"'),
        (200, {}),
        (200, {"object": "payment_intent", "id": "pi_1"}),
        (200, {"object": "payment_intent", "status": "requires_capture"}),
        (200, INTENT | {"status": "processing"}),
        (200, INTENT | {"status": "never_heard_of"}),
        (302, ""),
        (404, "<html>not the gateway at all</html>"),
        (400, problem("rate_limit")),
        (401, problem(None)),
        (403, problem(None)),
        (409, problem("lock_timeout")),
        (409, problem("idempotency_key_in_use", "idempotency_error")),
        (400, problem(None, "idempotency_error")),
        (429, problem("rate_limit")),
        (500, problem(None, "api_error")),
        (502, "bad gateway"),
    ],
)
async def test_doubtful(order: Order, status: int, body: Any) -> None:
    async with answering(always(status, body)) as gateway:
        for call in (gateway.authorise(order), gateway.capture(order.payment_id, "pi_1")):
            with pytest.raises(GatewayInDoubt):
                await call


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, problem("amount_too_small"), "amount_too_small"),
        (402, problem("card_declined", "card_error"), "card_declined"),
        (404, problem("resource_missing"), "resource_missing"),
    ],
)
async def test_refused(order: Order, status: int, body: Any, code: str) -> None:
    async with answering(always(status, body)) as gateway:
        with pytest.raises(GatewayRefused) as refused:
            await gateway.authorise(order)
    assert refused.value.code == code


@pytest.mark.parametrize("said", ["requires_action", "requires_confirmation", "requires_payment_method"])
async def test_a_charge_that_needs_customer_action_is_declined(order: Order, said: str) -> None:
    async with answering(always(200, INTENT | {"status": said})) as gateway:
        assert await gateway.authorise(order) == Charge("pi_1", ChargeStatus.DECLINED, said)


async def test_a_failure_that_is_repeated_for_its_key_does_not_hold_up_a_capture() -> None:
    keys: list[str] = []

    def answer(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if keys.count(keys[-1]) > 1 or len(keys) == 1:
            return web.Response(status=500, text=json.dumps(problem(None, "api_error")))
        return web.Response(text=json.dumps(INTENT | {"status": "succeeded"}))

    payment_id = uuid4()
    async with answering(answer) as gateway:
        with pytest.raises(GatewayInDoubt):
            await gateway.capture(payment_id, "pi_1")
        assert (await gateway.capture(payment_id, "pi_1")).status is ChargeStatus.CAPTURED


async def test_a_capture_that_leaves_the_charge_authorised_is_doubtful() -> None:
    async with answering(always(200, INTENT)) as gateway:
        with pytest.raises(GatewayInDoubt, match="still authorised"):
            await gateway.capture(uuid4(), "pi_1")


@pytest.mark.parametrize(
    ("changed", "done", "code"),
    [
        ({}, False, None),
        ({"status": "requires_action"}, False, None),
        ({"status": "succeeded"}, True, None),
        ({"status": "failed", "failure_reason": "lost_or_stolen_card"}, False, "lost_or_stolen_card"),
        ({"status": "canceled"}, False, "canceled"),
    ],
)
async def test_states_of_a_refund(changed: dict[str, Any], done: bool, code: str | None) -> None:
    async with answering(always(200, REFUND | changed)) as gateway:
        repayment = await gateway.refund(uuid4(), "pi_1", PRICE)
    assert (repayment.done, repayment.code) == (done, code)


async def test_a_replayed_refund_is_looked_up_again() -> None:
    def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(text=json.dumps(REFUND), headers={"Idempotent-Replayed": "true"})
        return web.Response(text=json.dumps(REFUND | {"status": "succeeded"}))

    async with answering(answer) as gateway:
        assert (await gateway.refund(uuid4(), "pi_1", PRICE)).done


async def test_more_refunds_than_are_looked_through_is_a_doubt() -> None:
    page = {"object": "list", "url": "/v1/refunds", "has_more": True, "data": [REFUND]}
    async with answering(always(200, page)) as gateway:
        with pytest.raises(GatewayInDoubt, match="more than"):
            await gateway.find_refund(uuid4(), "pi_1")


async def test_a_search_that_is_behind_is_checked() -> None:
    def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/search"):
            found = [INTENT | {"id": "pi_2", "created": 2}, INTENT]
            page = {"object": "search_result", "url": "/", "has_more": False, "data": found}
            return web.Response(text=json.dumps(page))
        name = request.path.rpartition("/")[2]
        return web.Response(text=json.dumps(INTENT | {"id": name, "status": "canceled"}))

    async with answering(answer) as gateway:
        found = await gateway.find(uuid4())
    assert [(charge.reference, charge.status) for charge in found] == [
        ("pi_1", ChargeStatus.RELEASED),
        ("pi_2", ChargeStatus.RELEASED),
    ]


@asynccontextmanager
async def dripping(drops: int) -> AsyncIterator[str]:
    """Run a server that sends a byte every 50 ms without end. Yield its URL."""

    under_way: list[asyncio.Task[None]] = []

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _drop in range(drops):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*under_way)


async def test_an_endless_answer_is_in_doubt_in_time(order: Order) -> None:
    async with dripping(drops=40) as url:
        gateway = StripeGateway("k", url=url, seconds=0.3)
        async with asyncio.timeout(1):
            with pytest.raises(GatewayInDoubt, match=r"0\.3 s"):
                await gateway.authorise(order)
        await gateway.close()


async def test_a_cancelled_call_ends_at_once(order: Order) -> None:
    async with dripping(drops=40) as url:
        gateway = StripeGateway("k", url=url, seconds=60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gateway.authorise(order), 0.2)
        await gateway.close()
