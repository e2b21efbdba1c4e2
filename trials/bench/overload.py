"""Overload: four times as many connections as the queues hold, which all ignore Retry-After.

Starts the program on a fresh ledger and measures its capacity before and after. During the overload, one
well-behaved caller books a seat at a time and obeys Retry-After. Every bound is a check.
"""

import asyncio
import os
import resource
import sys
import time
from argparse import Namespace
from collections import Counter
from statistics import mean
from typing import Any

from cli.demo.client import DemoResponse, DemoServer, connect
from ledger.writer import QUEUE_MAX
from trials.bench import servers, wrk
from trials.bench.footprint import children, memory_bytes
from trials.bench.fresh import fresh_folder
from trials.bench.open_loop import send
from trials.bench.pace import Pace
from trials.bench.part import Option, Part
from trials.bench.report import BenchCheck
from trials.bench.traffic import SECRET, Traffic, token_for
from trials.bench.wrk import Request

WORKERS = 2
FULL = 1024
"""Number of connections beyond which throughput does not grow."""

FLIGHTS = 2000
SHARE_MIN = 0.9
ACCEPTED_P99_SECONDS_MAX = 5.0
"""Default of SEATLEDGER_DEADLINE_SECONDS; slower commands are answered with 503."""

RECOVERY_SECONDS_MAX = 5.0
MEMORY_BYTES_MAX = 256 * 1024**2
PAUSE_SECONDS = 0.02


def measure(options: Namespace) -> dict[str, Any]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with fresh_folder() as data:
        up = ("cli.main", "up", "--data", str(data), "--workers", str(WORKERS))
        with servers.running(*up, log=data / "up.log", settings={"SEATLEDGER_JWT_SECRET": SECRET}) as url:
            return {"checks": _measure(url, options)}


def _measure(url: str, options: Namespace) -> list[BenchCheck]:
    traffic = Traffic(url)
    # Many flights, so that none becomes full: that refusal would count as overload.
    requests = traffic.bookings_anywhere(traffic.schedule(FLIGHTS))

    def load(connections: int, seconds: int) -> Pace:
        return wrk.load(url, requests, connections, seconds)

    load(FULL, options.warm)
    # Measured before and after, because the log grows and the machine may be busy.
    capacities = [load(FULL, options.capacity).per_second]
    before = _memory_bytes()

    async def overload() -> tuple[Pace, list[DemoResponse | None], float]:
        async with connect(url, token_for) as server:
            over = asyncio.create_task(asyncio.to_thread(load, options.connections, options.seconds))
            answers = await _book_politely(server, requests[0], over)
            return await over, answers, await _seconds_until_booked(server, requests[0])

    over, answers, recovered = asyncio.run(overload())
    grown = _memory_bytes() - before
    capacities.append(load(FULL, options.capacity).per_second)
    share = over.per_second / mean(capacities)
    statuses = Counter(answer.status if answer else 0 for answer in answers)
    times = sorted(answer.seconds for answer in answers if answer and answer.status == 201)
    p99 = times[len(times) * 99 // 100] if times else float("inf")
    return [
        BenchCheck("pace", share >= SHARE_MIN, f"{share:.3f} of {mean(capacities):,.0f} bookings a second"),
        BenchCheck("every request is answered", not over.broken, f"{over.refused:,} were refused"),
        BenchCheck("a polite caller gets 201 or 503", statuses.keys() <= {201, 503}, str(dict(statuses))),
        BenchCheck("its p99", p99 <= ACCEPTED_P99_SECONDS_MAX, f"{p99:.3f} s for an accepted booking"),
        BenchCheck("memory", grown <= MEMORY_BYTES_MAX, f"{grown / 1e6:,.0f} MB more"),
        BenchCheck("recovery", recovered <= RECOVERY_SECONDS_MAX, f"{recovered:.3f} s to the next booking"),
    ]


async def _book_politely(
    server: DemoServer, request: Request, load: asyncio.Task[Pace]
) -> list[DemoResponse | None]:
    """Book one seat at a time until the load ends, and obey Retry-After."""
    answers = []
    while not load.done():
        answer = await send(server, request)
        answers.append(answer)
        await asyncio.sleep(float(answer.headers.get("retry-after", PAUSE_SECONDS)) if answer else 0)
    return answers


async def _seconds_until_booked(server: DemoServer, request: Request) -> float:
    started = time.monotonic()
    while time.monotonic() - started < 2 * RECOVERY_SECONDS_MAX:
        if (answer := await send(server, request)) and answer.status == 201:
            break
    return time.monotonic() - started


def _memory_bytes() -> int:
    return sum(memory_bytes(child) for child in children(os.getpid()))


PART = Part(
    "overload",
    __doc__,
    {
        "seconds": Option("duration of the overload", 120, smoke=1),
        # The first minute is faster: before the first checkpoint PostgreSQL logs no full pages.
        "warm": Option("duration of the load before all measurements", 60, smoke=1),
        "capacity": Option("duration of each measurement of the capacity", 30, smoke=1),
        "connections": Option("connections of the overload", 4 * WORKERS * QUEUE_MAX, smoke=64),
    },
    measure,
    lambda _: [],
)

if __name__ == "__main__":
    sys.exit(PART.main())
