"""Open loop: requests at a fixed rate, so that latency has no coordinated omission.

A closed loop sends less while the server is slow and leaves out that waiting. Here each request has a due
time, and its latency counts from then (G. Tene, "How NOT to measure latency").
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles
from uuid import uuid4

import aiohttp

from trials.bench.wrk import LoadResult, Request

CONNECTIONS_MAX = 256
"""Limit on connections. A request that finds all of them busy waits, and the wait counts."""

SECONDS_MAX = 30.0


def load(url: str, requests: Sequence[Request], rate: int, seconds: int) -> LoadResult:
    """Send `rate` requests a second, evenly spaced, each POST with its own idempotency key."""
    return asyncio.run(_load(url, requests, rate, seconds))


async def _load(url: str, requests: Sequence[Request], rate: int, seconds: int) -> LoadResult:
    statuses: list[int] = []
    latencies: list[float] = []

    async def send(session: aiohttp.ClientSession, request: Request, due: float) -> None:
        headers = {"Authorization": f"Bearer {request.token}", "Content-Type": "application/json"}
        headers |= {"x-idempotency-key": str(uuid4())} if request.method == "POST" else {}
        try:
            async with session.request(
                request.method, url + request.path, data=request.body or None, headers=headers
            ) as answer:
                await answer.read()
                statuses.append(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError):
            statuses.append(0)
        latencies.append(time.monotonic() - due)

    connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
    timeout = aiohttp.ClientTimeout(SECONDS_MAX)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as crowd,
    ):
        started = time.monotonic()
        for number in range(rate * seconds):
            due = started + number / rate
            await asyncio.sleep(due - time.monotonic())
            crowd.create_task(send(session, requests[number % len(requests)], due))
    percentiles = quantiles(latencies, n=100, method="inclusive")
    accepted = sum(200 <= status < 300 for status in statuses)
    return LoadResult(
        accepted_per_second=accepted / (time.monotonic() - started),
        refused=sum(status >= 400 for status in statuses),
        broken=statuses.count(0),
        p50_ms=percentiles[49] * 1e3,
        p99_ms=percentiles[98] * 1e3,
        max_ms=max(latencies) * 1e3,
    )
