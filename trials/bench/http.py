"""The API over HTTP, against a reference in the same run.

Starts the program on a fresh ledger with full durability, another API process on the same ledger, and a
Litestar app that only decodes and encodes the same bodies, on the same server. Each round loads them in turn,
for each number of connections. An open loop of bookings at a fixed rate follows. Finally the ledger must
verify, and survive a rush and kills.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from database.embedded import running_database
from trials.bench import after_load, open_loop, pgbench, servers
from trials.bench.closed_loop import CASES, NOOP, LoadRound, Loads, Urls
from trials.bench.ledgers import fresh_folder
from trials.bench.load_generator import generator
from trials.bench.report import BenchCheck, conclude, part_parser, settings
from trials.bench.tables import ResultTable, spread
from trials.bench.traffic import HOLD_SECONDS, SEATS, SECRET, Traffic
from trials.bench.verify_check import verified
from trials.bench.wrk import LoadResult


class Options(NamedTuple):
    connections: list[int]
    rate: int
    seconds: int
    rounds: int
    workers: int
    kills: int
    out: Path
    settings: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if everything was accepted and all checks hold. Raises NoLoadGenerator."""
    options = _options(arguments)
    generator()
    chosen = settings(options._asdict())
    with fresh_folder() as data:
        with _servers(data, options) as urls:
            traffic = Traffic(urls.ledger)
            rounds = _measure(traffic, urls, data, options)
            flights = traffic.schedule(options.rate * options.seconds // SEATS + 10)
            steady = open_loop.load(
                urls.ledger, traffic.bookings_anywhere(flights), options.rate, options.seconds
            )
        checks = [
            all_accepted(
                [load for one in rounds for loads in one.values() for load in loads.values()] + [steady]
            ),
            verified(data, "verify after the load"),
            *asyncio.run(after_load.checks(data, options.kills)),
            verified(data, "verify after rush and kills"),
        ]
    found = {"settings": chosen, "rounds": rounds, "open_loop": steady, "checks": checks}
    return conclude(found, tables, options.out)


@contextmanager
def _servers(data: Path, options: Options) -> Iterator[Urls]:
    own = {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_HOLD_SECONDS": HOLD_SECONDS, **options.settings}
    workers, place = ("--workers", str(options.workers)), ("--data", str(data))
    with (
        servers.running("cli.main", "up", *place, *workers, log=data / "up.log", settings=own) as ledger,
        servers.running(
            "cli.main", "api", *place, "--workers", "1", log=data / "api.log", settings=own, says_ready=False
        ) as alone,
        servers.running(NOOP, *workers, log=data / "noop.log") as noop,
        running_database(None, data) as database,
    ):
        pgbench.prepare(database)
        yield Urls(ledger, alone, noop, database)


def _measure(traffic: Traffic, urls: Urls, data: Path, options: Options) -> list[dict[int, Loads]]:
    warming = LoadRound(traffic, urls, str(data), 64, options.seconds)
    warming.warm()
    rounds = []
    for number in range(options.rounds):
        measured = {}
        for connections in options.connections:
            progress = f"http: round {number + 1} of {options.rounds}, {connections} connections"
            print(progress, file=sys.stderr, flush=True)
            measured[connections] = LoadRound(
                traffic, urls, str(data), connections, options.seconds
            ).measure()
        rounds.append(measured)
    return rounds


def all_accepted(loads: Sequence[LoadResult]) -> BenchCheck:
    refused, broken = sum(load.refused for load in loads), sum(load.broken for load in loads)
    return BenchCheck(
        "all accepted", not (refused or broken), f"{refused} refused, {broken} without an answer"
    )


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    chosen, rounds, steady = raw["settings"], raw["rounds"], raw["open_loop"]
    steadily = f"Open loop of {chosen['rate']} bookings per second"
    cells = [f"{steady[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")]
    return [
        *(_table(connections, [one[connections] for one in rounds], chosen) for connections in rounds[0]),
        ResultTable(steadily, ("p50 ms", "p99 ms", "longest ms"), [cells]),
    ]


def _table(connections: str, rounds: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any]) -> ResultTable:
    def cell(case: str, name: str, form: str) -> str:
        return spread([one[case][name] for one in rounds], form)[0]

    rows, pace = [], "accepted_per_second"
    for case, reference in CASES.items():
        if case not in rounds[0]:
            continue
        # Ratios are per round: a disturbance of a round affects both sides.
        compared = reference and all(one[reference][pace] for one in rounds)
        shares = [one[case][pace] / one[reference][pace] for one in rounds] if compared else []
        rows.append(
            [
                case,
                *spread([one[case][pace] for one in rounds]),
                spread(shares, ".0%")[0] if shares else "",
                cell(case, "cpu_us", ".0f"),
                cell(case, "p50_ms", ".1f"),
                cell(case, "p99_ms", ".1f"),
                *(str(sum(one[case][name] for one in rounds)) for name in ("refused", "broken")),
            ]
        )
    title = f"{connections} connections, {len(rounds)} rounds of {chosen['seconds']} s"
    headings = (
        "",
        "a second",
        "lowest-highest",
        "of no-op",
        "CPU µs",
        "p50 ms",
        "p99 ms",
        "refused",
        "broken",
    )
    return ResultTable(f"{title}, {chosen['workers']} workers", headings, rows)


def _options(arguments: Sequence[str] | None) -> Options:
    parser = part_parser("http", __doc__)
    add: Callable[..., Any] = parser.add_argument
    add(
        "--connections",
        type=int,
        nargs="+",
        default=[1, 16, 64, 256],
        metavar="N",
        help="connections at the same time (1 16 64 256)",
    )
    add("--rate", type=int, default=500, metavar="N", help="bookings a second of the open loop (500)")
    add("--seconds", type=int, default=3, metavar="S", help="duration of each load in each round (3)")
    add("--rounds", type=int, default=3, metavar="N", help="number of rounds (3)")
    add("--workers", type=int, default=2, metavar="N", help="processes of each server (2)")
    add(
        "--kills",
        type=int,
        default=3,
        metavar="N",
        help="kills of PostgreSQL and the program after the load (3)",
    )
    add(
        "--setting",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of the ledger, to compare settings",
    )
    options = vars(parser.parse_args(arguments))
    options["settings"] = dict(options.pop("setting"))
    if options.pop("smoke"):
        options |= {"seconds": 1, "rounds": 1, "connections": [64], "rate": 50, "kills": 1}
    return Options(**options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
