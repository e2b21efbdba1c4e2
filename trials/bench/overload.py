"""Overload: four times as many connections as the queues hold, which all ignore Retry-After.

Starts the program on a fresh ledger and measures its capacity first. During the overload, one well-behaved
caller books a seat at a time and obeys Retry-After. Exits with 1 if a bound is broken.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from types import TracebackType

import aiohttp
import msgspec

from ledger.writer import QUEUE_MAX
from trials.bench import servers, wrk
from trials.bench.footprint import children, memory_bytes
from trials.bench.load_generator import NoLoadGenerator, generator
from trials.bench.traffic import SECRET, Traffic
from trials.bench.wrk import LoadResult, Request

WORKERS = 2
FULL = 1024
"""Number of connections beyond which throughput does not grow."""

WARM_SECONDS = 60
"""The first minute is faster: before the first checkpoint PostgreSQL logs no full pages."""

FLIGHTS = 2000
SHARE_MIN = 0.9
ACCEPTED_P99_SECONDS_MAX = 5.0
"""Default of SEATLEDGER_DEADLINE_SECONDS; slower commands are answered with 503."""

RECOVERY_SECONDS_MAX = 5.0
MEMORY_BYTES_MAX = 256 * 1024**2


class Overload(msgspec.Struct, frozen=True):
    """Results. `share` is the remaining part of the capacity; recovery counts from the end of the load."""

    capacity: float
    accepted_per_second: float
    share: float
    refused: int
    broken: int
    polite: dict[str, int]
    polite_p99_seconds: float
    grown_bytes: int
    recovered_seconds: float

    @property
    def ok(self) -> bool:
        return (
            self.share >= SHARE_MIN
            and not self.broken
            and self.polite.keys() <= {"201", "503"}
            and self.polite_p99_seconds <= ACCEPTED_P99_SECONDS_MAX
            and self.grown_bytes <= MEMORY_BYTES_MAX
            and self.recovered_seconds <= RECOVERY_SECONDS_MAX
        )


class PoliteCaller:
    """Books one seat at a time, obeys Retry-After, and records the latency of each success."""

    def __init__(self, url: str, request: Request) -> None:
        self._url, self._request = url, request
        self._seconds: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._book()), daemon=True)
        self.answers: Counter[str] = Counter()

    @property
    def p99_seconds(self) -> float:
        """The 99th percentile of accepted bookings; infinite if there was none."""
        ordered = sorted(self._seconds)
        return ordered[len(ordered) * 99 // 100] if ordered else float("inf")

    def __enter__(self) -> "PoliteCaller":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    async def _book(self) -> None:
        async with aiohttp.ClientSession() as session:
            while not self._stopped.is_set():
                started = time.monotonic()
                try:
                    status, wait = await book(session, self._url, self._request)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    self.answers[type(error).__name__] += 1
                    continue
                self.answers[str(status)] += 1
                if status == 201:
                    self._seconds.append(time.monotonic() - started)
                await asyncio.sleep(wait)


async def book(session: aiohttp.ClientSession, url: str, request: Request) -> tuple[int, float]:
    """Book once. Return the status, and the seconds to wait before the next request."""
    headers = {"Authorization": f"Bearer {request.token}", "Content-Type": "application/json"}
    async with session.post(url + request.path, data=request.body, headers=headers) as answer:
        await answer.read()
        return answer.status, float(answer.headers.get("Retry-After", 0.02))


async def seconds_until_booked(url: str, request: Request) -> float:
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while time.monotonic() - started < 2 * RECOVERY_SECONDS_MAX:
            status, _ = await book(session, url, request)
            if status == 201:
                break
    return time.monotonic() - started


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="seatledger overload", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=120, metavar="S", help="duration of the overload (120)"
    )
    parser.add_argument(
        "--capacity-seconds",
        type=int,
        default=30,
        metavar="S",
        help="duration of the capacity measurement (30)",
    )
    parser.add_argument("--connections", type=int, default=4 * WORKERS * QUEUE_MAX, metavar="N")
    options = parser.parse_args(arguments)
    try:
        generator()
    except NoLoadGenerator as problem:
        print(f"seatledger overload: {problem}", file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="seatledger-overload-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded server's user must enter the folder
        up = ("cli.main", "up", "--data", str(folder / "data"), "--workers", str(WORKERS))
        settings = {"SEATLEDGER_JWT_SECRET": SECRET}
        with servers.running(*up, log=folder / "up.log", settings=settings) as url:
            result = _measure(url, options.capacity_seconds, options.seconds, options.connections)
    print(json.dumps(msgspec.to_builtins(result) | {"ok": result.ok}))
    return 0 if result.ok else 1


def _measure(url: str, capacity_seconds: int, seconds: int, connections: int) -> Overload:
    traffic = Traffic(url)
    # Many flights, so that none becomes full: that refusal would count as overload.
    requests = traffic.bookings_anywhere(traffic.schedule(FLIGHTS))

    def load(connections: int, seconds: int) -> LoadResult:
        return wrk.load(url, requests, connections=connections, seconds=seconds)

    load(FULL, WARM_SECONDS)
    capacities = [load(FULL, capacity_seconds).accepted_per_second]
    before = _memory_bytes()
    with PoliteCaller(url, requests[0]) as polite:
        over = load(connections, seconds)
    recovered = asyncio.run(seconds_until_booked(url, requests[0]))
    grown = _memory_bytes() - before
    # Measured before and after, because the log grows and the machine may be busy.
    capacities.append(load(FULL, capacity_seconds).accepted_per_second)
    capacity = mean(capacities)
    return Overload(
        round(capacity),
        round(over.accepted_per_second),
        round(over.accepted_per_second / capacity, 3),
        over.refused,
        over.broken,
        dict(polite.answers),
        round(polite.p99_seconds, 3),
        grown,
        round(recovered, 3),
    )


def _memory_bytes() -> int:
    return sum(memory_bytes(child) for child in children(os.getpid()))


if __name__ == "__main__":
    sys.exit(main())
