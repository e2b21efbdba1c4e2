"""Targets: limits, and how each figure follows from the raw numbers.

Ratios are computed per round, so that a disturbance of a round affects both sides, and the median counts.
The limits apply to two cores, with database and load generator on the same machine.
"""

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

from trials.bench import large_commands

Raws = Mapping[str, Any]
"""Contents of the result files, by part of the benchmark."""


class Measured(NamedTuple):
    """The figure of a target in each round, and a note. No rounds means not measured."""

    rounds: list[float]
    note: str = ""


class Target(NamedTuple):
    """A figure to be at least `least` or at most `most`; with neither it is informative.

    `measure` raises KeyError, IndexError or ZeroDivisionError if the raw numbers are missing.
    """

    what: str
    measure: Callable[[Raws], Measured]
    least: float | None = None
    most: float | None = None
    form: str = "{:.2f}"

    @property
    def limit(self) -> str:
        if self.least is not None:
            return "≥ " + self.form.format(self.least)
        return "" if self.most is None else "≤ " + self.form.format(self.most)

    def is_met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class TargetRow(NamedTuple):
    """A row of the report. `outcome` is empty for informative figures."""

    what: str
    measured: str
    spread: str
    limit: str
    outcome: str


def target_rows(raws: Raws) -> list[TargetRow]:
    """Return a row for every target, measured or not."""
    return [_row(target, raws) for target in TARGETS]


def _row(target: Target, raws: Raws) -> TargetRow:
    try:
        rounds, note = target.measure(raws)
    except (KeyError, IndexError, ZeroDivisionError):
        rounds, note = [], ""
    what = target.what + (f" ({note})" if note else "")
    if not rounds:
        return TargetRow(what, "not measured", "", target.limit, "not measured")
    value = median(rounds)
    outcome = ("reached" if target.is_met(value) else "missed") if target.limit else ""
    spread = "-".join(target.form.format(end) for end in (min(rounds), max(rounds)))
    return TargetRow(what, target.form.format(value), spread, target.limit, outcome)


Figure = Callable[[Any], float]
"""Computes a figure from one round."""


def _part(name: str, figure: Figure) -> Callable[[Raws], Measured]:
    return lambda raws: Measured([figure(one) for one in raws[name]["rounds"]])


def _http(connections: int, figure: Figure) -> Callable[[Raws], Measured]:
    return _part("http", lambda one: figure(one[str(connections)]))


def _writer(case: str, reference: str) -> Callable[[Raws], Measured]:
    return _part("writer", _ratio(case, reference))


def _ledgers(case: str, reference: str) -> Callable[[Raws], Measured]:
    return _part("ledgers", _ratio(case, reference))


def _ratio(case: str, reference: str) -> Figure:
    """Return the ratio of the paces of two cases."""
    return lambda paces: paces[case]["per_second"] / paces[reference]["per_second"]


def _tail(case: str) -> Figure:
    return lambda paces: paces[case]["p99_ms"] / paces[case]["p50_ms"]


def _lone(paces: Mapping[str, Any]) -> float:
    least = paces["pgbench, 1 client"]["p50_ms"] + paces[NOOP]["p50_ms"]
    return float(paces[BOOK]["p50_ms"] / least)


def _events(case: str) -> Figure:
    return lambda runs: runs[case]["events_per_second"]


def _memory(workers: int) -> Figure:
    return lambda one: one[str(workers)]["memory_mb"]


def _api_and_scheduler(case: str) -> Figure:
    """Return the memory of API and scheduler in MB, without supervisor and keeper."""
    names = ("cli.main api ", "cli.main scheduler ")

    def figure(one: Any) -> float:
        processes: dict[str, float] = one[case]["processes"]
        return sum(mb for command, mb in processes.items() if any(name in command for name in names))

    return figure


def _large(command: str) -> Callable[[Raws], Measured]:
    """Return the seconds of a command on a flight with many bookings."""
    return lambda raws: Measured([one[command] for one in raws["writer"]["large commands"]])


def _of_instructions(raws: Raws) -> Measured:
    """Return the ratio of a booking's instructions in one of many ledgers to those in the only one."""
    counts = raws["ledgers"]["instructions"]
    return Measured([counts[AMONG_MANY] / counts[ALONE]] if counts else [])


def _of_a_booking(raws: Raws) -> Measured:
    """Return the instructions of a booking in the API, in PostgreSQL at 64 in a block, and for its facts."""
    in_api = raws["ledgers"]["instructions"][ALONE]
    in_database = raws["database"]["rounds"][0][BOOK_BLOCK]
    return Measured([in_api + in_database["instructions"] + in_database["facts"]])


def _fixed_rate(raws: Raws) -> Measured:
    """Return p99 in p50 of the open loop, whose rate is about half of the capacity."""
    steady = raws["http"]["open_loop"]
    return Measured([steady["p99_ms"] / steady["p50_ms"]], f"{raws['http']['settings']['rate']} a second")


def bytes_of_a_booking(events: int) -> Callable[[Raws], Measured]:
    """Return the bytes that a booking takes on disk in a ledger of so many events."""

    def measure(raws: Raws) -> Measured:
        sizes = raws["growth"]["sizes"]
        return Measured([one[BYTES] for size, one in sizes.items() if events <= int(size) < 2 * events])

    return measure


FOLDED = "seats in the past"
"""The one case that is not a point query: it folds the bookings of a flight, some hundred scattered rows."""


def _growth(events: int, folded: bool = False) -> Callable[[Raws], Measured]:
    """Return the highest growth of cost from the smallest ledger, over all commands and point queries.

    `folded` selects the case that is not a point query instead.
    """

    def measure(raws: Raws) -> Measured:
        rounds = raws["growth"]["rounds"]
        sizes = sorted(map(int, rounds[0]))
        # Loading overshoots the requested number by a few thousand events.
        small, *larger = map(str, sizes)
        large = next((size for size in larger if events <= int(size) < 2 * events), None)
        if large is None:
            return Measured([], raws["growth"]["settings"].get("left_out", ""))
        kinds = [kind for kind in rounds[0][large] if (kind == FOLDED) == folded]
        shares = {kind: [one[large][kind] / one[small][kind] for one in rounds] for kind in kinds}
        worst = max(shares, key=lambda kind: median(shares[kind]))
        return Measured(shares[worst], worst)

    return measure


def _snapshot(phase: str) -> Callable[[Raws], Measured]:
    """Return the pace in a phase relative to before, each against the other ledger."""

    def measure(raws: Raws) -> Measured:
        paces: dict[str, list[float]] = {"before": [], phase: []}
        for one in raws["snapshot"]["rounds"]:
            paces.setdefault(one["phase"], []).append(_ratio("read", "other")(one))
        return Measured([pace / median(paces["before"]) for pace in paces[phase]])

    return measure


ALONE, AMONG_MANY = "the only ledger", "one of 200"
BOOK, HOT, NOOP = "book, many flights", "book, one hot flight", "book, no-op"
WRITER, WRITER_HOT = "64 in flight", "64 in flight, one hot flight"
PGBENCH, PGBENCH_HOT = "pgbench, 64 clients", "pgbench, 64 clients, one hot flight"
STOCK = "stock application"
BOOK_BLOCK = "book, 64 in a block"
BYTES = "bytes a booking on disk"

TARGETS = (
    Target("book: pace of the no-op POST, 64 connections", _http(64, _ratio(BOOK, NOOP)), least=0.45),
    Target("book: pace of the no-op POST, 256 connections", _http(256, _ratio(BOOK, NOOP)), least=0.45),
    Target("book: p99 in p50, 64 connections", _http(64, _tail(BOOK)), most=4.0),
    Target("book: p99 in p50, 256 connections", _http(256, _tail(BOOK)), most=4.0),
    Target("pay: pace of the no-op POST, 64 connections", _http(64, _ratio("pay", "pay, no-op")), least=0.40),
    Target(
        "cancel: pace of the no-op POST, 64 connections",
        _http(64, _ratio("cancel", "cancel, no-op")),
        least=0.35,
    ),
    Target("book at a fixed rate: p99 in p50", _fixed_rate, most=3.0),
    Target(
        "a booking: instructions in all processes, without HTTP", _of_a_booking, most=900_000, form="{:,.0f}"
    ),
    Target("one hot flight: pace of many flights, 64 connections", _http(64, _ratio(HOT, BOOK)), least=0.95),
    Target("writer, 64 in flight: pace of pgbench, 64 clients", _writer(WRITER, PGBENCH), least=0.5),
    Target("writer, one hot flight: pace of pgbench on one", _writer(WRITER_HOT, PGBENCH_HOT), least=5.0),
    Target("writer, one hot flight: pace of many flights", _writer(WRITER_HOT, WRITER), least=0.95),
    Target("retime a flight of 1,000 bookings: seconds", _large("retime"), most=large_commands.SECONDS_MAX),
    Target(
        "move 1,000 bookings to another flight: seconds", _large("move all"), most=large_commands.SECONDS_MAX
    ),
    Target("writer: pace of the stock application", _writer(WRITER, STOCK), least=25.0),
    Target(
        "read seats: pace of the no-op GET, 64 connections",
        _http(64, _ratio("read seats", "read seats, no-op")),
        least=0.70,
    ),
    Target(
        "read a booking: pace of the no-op GET, 64 connections",
        _http(64, _ratio("read a booking", "read a booking, no-op")),
        least=0.70,
    ),
    Target("book, 1 connection: p50 in those of pgbench and no-op together", _http(1, _lone), most=2.5),
    Target("10,000,000 events: cost in that at the smallest size", _growth(10_000_000), most=1.15),
    Target("1,000,000 events: cost in that at the smallest size", _growth(1_000_000)),
    Target("10,000,000 events: what folds a flight's past", _growth(10_000_000, folded=True)),
    Target("10,000,000 events: bytes a booking", bytes_of_a_booking(10_000_000), most=2_500, form="{:,.0f}"),
    Target("1,000,000 events: bytes a booking", bytes_of_a_booking(1_000_000), form="{:,.0f}"),
    Target("verify: events a second", _part("audit", _events("verify")), least=150_000, form="{:,.0f}"),
    Target(
        "rebuild of all views: events a second",
        _part("audit", _events("rebuild --all")),
        least=150_000,
        form="{:,.0f}",
    ),
    Target("idle: % of a core", _part("idle", lambda one: one["2"]["cpu_percent"]), most=2.0),
    Target(
        "idle: MB of API and scheduler", _part("idle", _api_and_scheduler("2")), most=150.0, form="{:.0f}"
    ),
    Target("idle: MB of all, with supervisor and keeper", _part("idle", _memory(2)), form="{:.0f}"),
    Target("idle with one worker: MB of all", _part("idle", _memory(1)), form="{:.0f}"),
    Target(
        "idle, many ledgers: % of a core", _part("idle", lambda one: one["ledgers"]["cpu_percent"]), most=3.0
    ),
    Target(
        "idle, many ledgers: MB of API and scheduler",
        _part("idle", _api_and_scheduler("ledgers")),
        most=300.0,
        form="{:.0f}",
    ),
    Target(
        "book, a new connection each: pace of the no-op POST so, 64 connections",
        _http(64, _ratio("book, new connections", "book, no-op, new connections")),
    ),
    Target(
        "book, a new connection each: pace of kept ones, 64 connections",
        _http(64, _ratio("book, new connections", BOOK)),
    ),
    Target("book, two processes: pace of one, 64 connections", _http(64, _ratio(BOOK, "book, one process"))),
    Target(
        "one hot flight, two processes: pace of one, 64 connections",
        _http(64, _ratio(HOT, "book, one hot flight, one process")),
    ),
    Target(
        "4 ledgers, commits of 20 ms: pace of one",
        _ledgers("4 in one process, commits of 20 ms", "1 in one process, commits of 20 ms"),
        least=3.5,
    ),
    Target(
        "one of 200 ledgers: instructions of the API for a booking",
        _of_instructions,
        most=1.05,
        form="{:.3f}",
    ),
    Target("4 ledgers in one process: pace of one", _ledgers("4 in one process", "1 in one process")),
    Target(
        "4 ledgers, two processes: pace on 4 servers in that on one",
        _ledgers("4 in two processes, on 4 servers", "4 in two processes"),
    ),
    Target("book under an analyst's long snapshot: pace of before", _snapshot("while")),
    Target("book after it: pace of before", _snapshot("after")),
)
"""All targets and informative figures."""
