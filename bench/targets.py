"""What the API ought to reach, each as a ratio of two things measured in the same round."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from bench.wrk import Load

Loads = Mapping[str, Load]


class Target(NamedTuple):
    """`share` of one round is to be at least `least`, or below `below`."""

    what: str
    connections: int
    share: Callable[[Loads], float]
    least: float = 0.0
    below: float = float("inf")


class Verdict(NamedTuple):
    what: str
    connections: int
    share: float
    wanted: str
    met: bool


def _pace(case: str, reference: str) -> Callable[[Loads], float]:
    return lambda loads: loads[case].accepted_per_second / loads[reference].accepted_per_second


def _tail(case: str) -> Callable[[Loads], float]:
    return lambda loads: loads[case].p99_ms / loads[case].p50_ms


TARGETS = (
    Target("book: pace of the no-op POST", 64, _pace("book, many flights", "book, no-op"), 0.55),
    Target("book: pace of the no-op POST", 256, _pace("book, many flights", "book, no-op"), 0.65),
    Target("book: its p99 in its p50", 64, _tail("book, many flights"), below=4.0),
    Target("pay: pace of the no-op POST", 64, _pace("pay", "pay, no-op"), 0.50),
    Target(
        "one hot flight: pace of many flights", 64, _pace("book, one hot flight", "book, many flights"), 0.95
    ),
    Target(
        "read a booking: pace of the no-op GET", 64, _pace("read a booking", "read a booking, no-op"), 0.60
    ),
    Target("read seats: pace of the no-op GET", 64, _pace("read seats", "read seats, no-op"), 0.60),
)


def verdicts(rounds: Sequence[Mapping[int, Loads]]) -> list[Verdict]:
    """On those targets whose number of connections was measured, by the median of the rounds."""
    found = []
    for what, connections, share, least, below in TARGETS:
        shares = [share(measured[connections]) for measured in rounds if connections in measured]
        if shares:
            value = median(shares)
            wanted = f"≥ {least:.2f}" if least else f"< {below:.2f}"
            found.append(Verdict(what, connections, value, wanted, least <= value < below))
    return found
