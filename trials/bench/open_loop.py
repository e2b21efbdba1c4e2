"""Open loop: requests at a fixed rate, so that latency has no coordinated omission.

A closed loop sends less while the server is slow and leaves out that waiting. Here each request has a due
time, and its latency counts from then (G. Tene, "How NOT to measure latency"). A request that finds all
connections busy waits, and the wait counts.
"""

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

import aiohttp
import msgspec

from cli.demo.client import DemoResponse, DemoServer, connect
from trials.bench.pace import Pace, pace_of
from trials.bench.traffic import token_for
from trials.bench.wrk import Request


def load(url: str, requests: Sequence[Request], rate: int, seconds: int) -> Pace:
    """Send `rate` requests a second, evenly spaced."""
    return asyncio.run(_load(url, requests, rate, seconds))


async def _load(url: str, requests: Sequence[Request], rate: int, seconds: int) -> Pace:
    statuses: list[int] = []
    latencies: list[float] = []

    async def send_one(request: Request, due: float) -> None:
        answer = await send(server, request)
        statuses.append(answer.status if answer else 0)
        latencies.append(time.monotonic() - due)

    async with connect(url, token_for) as server:
        started = time.monotonic()
        async with asyncio.TaskGroup() as crowd:
            for number in range(rate * seconds):
                due = started + number / rate
                await asyncio.sleep(due - time.monotonic())
                crowd.create_task(send_one(requests[number % len(requests)], due))
        elapsed = time.monotonic() - started
    accepted = sum(200 <= status < 300 for status in statuses)
    return msgspec.structs.replace(
        pace_of(latencies, elapsed),
        per_second=accepted / elapsed,
        refused=sum(status >= 400 for status in statuses),
        broken=statuses.count(0),
    )


async def send(server: DemoServer, request: Request) -> DemoResponse | None:
    """Send the request once, with an idempotency key of its own. Return None without an answer."""
    headers = {
        "Authorization": f"Bearer {request.token}",
        "Content-Type": "application/json",
        "x-idempotency-key": str(uuid4()),
    }
    try:
        body = request.body.encode()
        return await server.call(request.method, request.path, body, headers, tries_max=1)
    except (aiohttp.ClientError, TimeoutError):
        return None
