"""The figures of a load: accepted answers per second, and their latencies."""

from statistics import quantiles

import msgspec


class Pace(msgspec.Struct, frozen=True):
    """`refused` and `broken` count answers that were not accepted, and requests without an answer.

    `cpu_us` is the CPU time of the server's processes, PostgreSQL included, per accepted answer; None where
    it is not measured.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused: int = 0
    broken: int = 0
    cpu_us: float | None = None


def pace_of(seconds_each: list[float], elapsed: float) -> Pace:
    """Return the pace of so many accepted answers within `elapsed` seconds."""
    percentiles = quantiles(seconds_each, n=100, method="inclusive")
    return Pace(
        len(seconds_each) / elapsed, percentiles[49] * 1e3, percentiles[98] * 1e3, max(seconds_each) * 1e3
    )
