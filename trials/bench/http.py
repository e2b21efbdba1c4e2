"""The API over HTTP, against a reference in the same run.

Starts the program on a fresh ledger with full durability, another API process on the same ledger, and a
Litestar app that only decodes and encodes the same bodies, on the same server. Each round loads them in turn,
for each number of connections. An open loop of bookings at a fixed rate follows. Finally the ledger must
verify, and survive a rush and kills.
"""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from database.embedded import running_database
from trials.bench import after_load, open_loop, pgbench
from trials.bench.closed_loop import CASES, NOOP_SERVER, LoadRound, Loads, Servers
from trials.bench.fresh import fresh_folder
from trials.bench.load_generator import generator
from trials.bench.pace import Pace
from trials.bench.part import Option, Part
from trials.bench.report import BenchCheck
from trials.bench.servers import running, verified
from trials.bench.tables import ResultTable, case_table, ends, middle, total
from trials.bench.traffic import HOLD_SECONDS, SEATS, SECRET, Traffic

COLUMNS = {
    "a second": middle("per_second"),
    "lowest-highest": ends("per_second"),
    "of no-op": middle("share", ".0%"),
    "CPU µs": middle("cpu_us"),
    "p50 ms": middle("p50_ms", ".1f"),
    "p99 ms": middle("p99_ms", ".1f"),
    "refused": total("refused"),
    "broken": total("broken"),
}


def measure(options: Namespace) -> dict[str, Any]:
    """Measure and check. Raises NoLoadGenerator."""
    generator()
    with fresh_folder() as data:
        with _servers(data, options) as servers:
            traffic = Traffic(servers.ledger)
            rounds = _rounds(traffic, servers, options)
            flights = traffic.schedule(options.rate * options.seconds // SEATS + 10)
            steady = open_loop.load(
                servers.ledger, traffic.bookings_anywhere(flights), options.rate, options.seconds
            )
        loads = [load for one in rounds for cases in one.values() for load in cases.values()]
        checks = [
            all_accepted([*loads, steady]),
            verified(data, "verify after the load"),
            *asyncio.run(after_load.checks(data, options.kills)),
            verified(data, "verify after rush and kills"),
        ]
    return {"rounds": rounds, "open_loop": steady, "checks": checks}


@contextmanager
def _servers(data: Path, options: Namespace) -> Iterator[Servers]:
    own = {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_HOLD_SECONDS": HOLD_SECONDS}
    own |= dict(setting.split("=", 1) for setting in options.settings)
    workers, place = ("--workers", str(options.workers)), ("--data", str(data))
    with (
        running("cli.main", "up", *place, *workers, log=data / "up.log", settings=own) as ledger,
        running("cli.main", "api", *place, "--workers", "1", log=data / "api.log", settings=own) as alone,
        running(NOOP_SERVER, *workers, log=data / "noop.log") as noop,
        running_database(None, data) as database,
    ):
        pgbench.prepare(database)
        yield Servers(ledger, alone, noop, database, data)


def _rounds(traffic: Traffic, servers: Servers, options: Namespace) -> list[dict[int, Loads]]:
    if not options.smoke:
        LoadRound(traffic, servers, 64, options.seconds).warm()
    rounds = []
    for number in range(options.rounds):
        measured = {}
        for connections in options.connections:
            progress = f"http: round {number + 1} of {options.rounds}, {connections} connections"
            print(progress, file=sys.stderr, flush=True)
            measured[connections] = LoadRound(traffic, servers, connections, options.seconds).measure()
        rounds.append(measured)
    return rounds


def all_accepted(loads: Sequence[Pace]) -> BenchCheck:
    refused, broken = sum(load.refused for load in loads), sum(load.broken for load in loads)
    return BenchCheck(
        "all accepted", not (refused or broken), f"{refused} refused, {broken} without an answer"
    )


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    chosen, rounds = raw["settings"], raw["rounds"]
    duration = f"{len(rounds)} rounds of {chosen['seconds']} s, {chosen['workers']} workers"
    cells = [f"{raw['open_loop'][name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")]
    steadily = f"Open loop of {chosen['rate']} bookings per second"
    return [
        *(
            case_table(f"{n} connections, {duration}", [_with_shares(one[n]) for one in rounds], COLUMNS)
            for n in rounds[0]
        ),
        ResultTable(steadily, ("p50 ms", "p99 ms", "longest ms"), [cells]),
    ]


def _with_shares(loads: Mapping[str, Any]) -> dict[str, Any]:
    """Add the ratios to the references. They are per round: a disturbance of a round affects both sides."""
    found = dict(loads)
    for name, case in CASES.items():
        if name in loads and case.reference and (pace := loads[case.reference]["per_second"]):
            found[name] = loads[name] | {"share": loads[name]["per_second"] / pace}
    return found


PART = Part(
    "http",
    __doc__,
    {
        "connections": Option("connections at the same time", [1, 16, 64, 256], smoke=[64]),
        "rate": Option("bookings a second of the open loop", 500, smoke=50),
        "seconds": Option("duration of each load in each round", 3, smoke=1),
        "rounds": Option("number of rounds", 3, smoke=1),
        "workers": Option("processes of each server", 2, smoke=2),
        "kills": Option("kills of PostgreSQL and the program after the load", 3, smoke=1),
        "settings": Option("NAME=VALUE settings of the ledger, to compare settings", [], smoke=[]),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
