"""What ought to be reached: every target once, what it is, how it follows from raw numbers, and the verdict.

A ratio is taken round by round, so that what disturbs a whole round disturbs both its sides; the median of
the rounds counts. Where the limits come from: two cores, database and load generator on the same machine.
"""

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

Raws = Mapping[str, Any]
"""By part of the bench: what its file holds."""


class Found(NamedTuple):
    """What a target came to in each round, and a word to it. Without rounds it was not measured."""

    rounds: list[float]
    note: str = ""


class Target(NamedTuple):
    """To be at least `least`, or at most `most`; with neither it is only told.

    `found` raises KeyError, IndexError or ZeroDivisionError where that was not measured.
    """

    what: str
    found: Callable[[Raws], Found]
    least: float | None = None
    most: float | None = None
    form: str = "{:.2f}"

    @property
    def wanted(self) -> str:
        if self.least is not None:
            return "≥ " + self.form.format(self.least)
        return "" if self.most is None else "≤ " + self.form.format(self.most)

    def is_met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Verdict(NamedTuple):
    """All as it is shown; `outcome` is empty where there is nothing to reach."""

    what: str
    measured: str
    spread: str
    wanted: str
    outcome: str


def verdicts(raws: Raws) -> list[Verdict]:
    """On every target, measured or not."""
    return [_verdict(target, raws) for target in TARGETS]


def _verdict(target: Target, raws: Raws) -> Verdict:
    try:
        rounds, note = target.found(raws)
    except (KeyError, IndexError, ZeroDivisionError):
        rounds, note = [], ""
    what = target.what + (f" ({note})" if note else "")
    if not rounds:
        return Verdict(what, "not measured", "", target.wanted, "not measured")
    value = median(rounds)
    outcome = ("reached" if target.is_met(value) else "missed") if target.wanted else ""
    spread = "-".join(target.form.format(end) for end in (min(rounds), max(rounds)))
    return Verdict(what, target.form.format(value), spread, target.wanted, outcome)


Share = Callable[[Mapping[str, Any]], float]
"""Of one round: cases by name."""


def _http(connections: int, share: Share) -> Callable[[Raws], Found]:
    def found(raws: Raws) -> Found:
        return Found([share(one[str(connections)]) for one in raws["http"]["rounds"]])

    return found


def _part(name: str, share: Share) -> Callable[[Raws], Found]:
    return lambda raws: Found([share(one) for one in raws[name]["rounds"]])


def _pace(case: str, reference: str) -> Share:
    """Over HTTP: answers accepted a second."""
    return lambda loads: loads[case]["accepted_per_second"] / loads[reference]["accepted_per_second"]


def _bookings(case: str, reference: str) -> Share:
    """Without HTTP: bookings a second."""
    return lambda paces: paces[case]["per_second"] / paces[reference]["per_second"]


def _tail(case: str) -> Share:
    return lambda loads: loads[case]["p99_ms"] / loads[case]["p50_ms"]


def _lone(loads: Mapping[str, Any]) -> float:
    least = loads["pgbench, 1 client"]["p50_ms"] + loads["book, no-op"]["p50_ms"]
    return float(loads["book, many flights"]["p50_ms"] / least)


def _events(case: str) -> Share:
    return lambda one: one["runs"][case]["events"] / one["runs"][case]["seconds"]


def _api_and_scheduler(one: Any) -> float:
    """Without who starts them anew, and without the keeper of the embedded database: MB."""
    named = ("cli.main api ", "cli.main scheduler ")
    found: dict[str, float] = one["2"]["processes"]
    return sum(mb for words, mb in found.items() if any(name in words for name in named))


FOLDED = "seats in the past"
"""No point query: it folds what became of a flight's bookings, some hundred rows from all over the ledger."""


def _growth(events: int, folded: bool = False) -> Callable[[Raws], Found]:
    """Of all commands and point queries that which costs most there, in its cost in the smallest ledger.

    `folded`: only the query that is none.
    """

    def found(raws: Raws) -> Found:
        rounds = raws["growth"]["rounds"]
        sizes = sorted(map(int, rounds[0]))
        # Loading ends a few thousand events after the number asked for.
        small, *larger = map(str, sizes)
        large = next((size for size in larger if events <= int(size) < 2 * events), None)
        if large is None:
            return Found([], raws["growth"]["settings"].get("left_out", ""))
        kinds = [kind for kind in rounds[0][large] if (kind == FOLDED) == folded]
        shares = {kind: [one[large][kind] / one[small][kind] for one in rounds] for kind in kinds}
        worst = max(shares, key=lambda kind: median(shares[kind]))
        return Found(shares[worst], worst)

    return found


def _snapshot(phase: str) -> Callable[[Raws], Found]:
    """The ledger that is read in what it was before, both in the ledger that nobody reads."""

    def paces(raws: Raws, phase: str) -> list[float]:
        slices = [one for one in raws["snapshot"]["rounds"] if one["phase"] == phase]
        return [_bookings("read", "other")(one) for one in slices]

    def found(raws: Raws) -> Found:
        before = median(paces(raws, "before"))
        return Found([pace / before for pace in paces(raws, phase)])

    return found


BOOK, HOT, NOOP = "book, many flights", "book, one hot flight", "book, no-op"
WRITER, WRITER_HOT = "64 in flight", "64 in flight, one hot flight"
PGBENCH, PGBENCH_HOT = "pgbench, 64 clients", "pgbench, 64 clients, one hot flight"

TARGETS = (
    Target("book: pace of the no-op POST, 64 connections", _http(64, _pace(BOOK, NOOP)), least=0.55),
    Target("book: pace of the no-op POST, 256 connections", _http(256, _pace(BOOK, NOOP)), least=0.65),
    Target("book: p99 in p50, 64 connections", _http(64, _tail(BOOK)), most=4.0),
    Target("book: p99 in p50, 256 connections", _http(256, _tail(BOOK)), most=4.0),
    Target("pay: pace of the no-op POST, 64 connections", _http(64, _pace("pay", "pay, no-op")), least=0.50),
    Target("one hot flight: pace of many flights, 64 connections", _http(64, _pace(HOT, BOOK)), least=0.95),
    Target(
        "writer, 64 in flight: pace of pgbench, 64 clients", _part("writer", _bookings(WRITER, PGBENCH)), 1.0
    ),
    Target(
        "writer, one hot flight: pace of pgbench on one",
        _part("writer", _bookings(WRITER_HOT, PGBENCH_HOT)),
        5.0,
    ),
    Target(
        "writer, one hot flight: pace of many flights", _part("writer", _bookings(WRITER_HOT, WRITER)), 0.95
    ),
    Target(
        "writer: pace of the stock application", _part("writer", _bookings(WRITER, "stock application")), 15.0
    ),
    Target(
        "read seats: pace of the no-op GET, 64 connections",
        _http(64, _pace("read seats", "read seats, no-op")),
        0.60,
    ),
    Target(
        "read a booking: pace of the no-op GET, 64 connections",
        _http(64, _pace("read a booking", "read a booking, no-op")),
        0.60,
    ),
    Target("book, 1 connection: p50 in those of pgbench and no-op together", _http(1, _lone), most=2.5),
    Target("10,000,000 events: cost in that at the smallest size", _growth(10_000_000), most=1.15),
    Target("1,000,000 events: cost in that at the smallest size", _growth(1_000_000)),
    Target("10,000,000 events: what folds a flight's past", _growth(10_000_000, folded=True)),
    Target("verify: events a second", _part("audit", _events("verify")), 150_000, form="{:,.0f}"),
    Target("rebuild of all views: events a second", _part("audit", _events("rebuild --all")), 100_000,
           form="{:,.0f}"),
    Target("idle: % of a core", _part("idle", lambda one: one["2"]["cpu_percent"]), most=2.0),
    Target("idle: MB of API and scheduler", _part("idle", _api_and_scheduler), most=200.0, form="{:.0f}"),
    Target("idle: MB of all, with supervisor and keeper", _part("idle", lambda one: one["2"]["memory_mb"]),
           form="{:.0f}"),
    Target("idle with one worker: MB of all", _part("idle", lambda one: one["1"]["memory_mb"]),
           form="{:.0f}"),
    Target("cancel: pace of the no-op POST, 64 connections", _http(64, _pace("cancel", "cancel, no-op"))),
    Target(
        "book, a new connection each: pace of the no-op POST so, 64 connections",
        _http(64, _pace("book, new connections", "book, no-op, new connections")),
    ),
    Target(
        "book, a new connection each: pace of kept ones, 64 connections",
        _http(64, _pace("book, new connections", BOOK)),
    ),
    Target("book, two processes: pace of one, 64 connections", _http(64, _pace(BOOK, "book, one process"))),
    Target(
        "one hot flight, two processes: pace of one, 64 connections",
        _http(64, _pace(HOT, "book, one hot flight, one process")),
    ),
    Target("book under an analyst's long snapshot: pace of before", _snapshot("while")),
    Target("book after it: pace of before", _snapshot("after")),
)  # fmt: skip
"""The targets, and what is only told."""
