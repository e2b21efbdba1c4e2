"""What was measured: a table for people, a file of raw numbers for everything else."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.targets import Verdict, verdicts
from bench.wrk import Load

WIDTH_PIPED = 110
DEFAULT_OUT = Path(__file__).with_name("results") / "http.json"

CASES = {
    "book, no-op": ("book, many flights", "book, one hot flight"),
    "pay, no-op": ("pay",),
    "read a booking, no-op": ("read a booking", "read a history"),
    "read seats, no-op": ("read seats",),
}
"""Each reference, and the cases that are compared with it."""


def settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options and the machine: without them the numbers mean nothing."""
    return {
        **{name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def write(results: Mapping[str, Any], out: Path) -> None:
    rounds = [
        {
            connections: {case: load._asdict() for case, load in loads.items()}
            for connections, loads in measured.items()
        }
        for measured in results["rounds"]
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**results, "rounds": rounds}, indent=1) + "\n", encoding="utf-8")


def show(results: Mapping[str, Any], out: Path) -> None:
    chosen, rounds, verified = results["settings"], results["rounds"], results["verify"]
    console = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED)
    console.print(
        f"{chosen['rounds']} rounds of {chosen['seconds']} s, {chosen['workers']} workers, "
        f"{chosen['processors']} processors shared with database and load generator"
    )
    for connections in rounds[0]:
        console.print(_table(connections, [measured[connections] for measured in rounds]))
    steady = results["open_loop"]
    console.print(
        f"book, {chosen['rate']} a second whether or not answered: p50 {steady['p50_ms']:.1f} ms, "
        f"p99 {steady['p99_ms']:.1f} ms, longest {steady['max_ms']:.1f} ms",
        highlight=False,
    )
    if found := verdicts(rounds):
        console.print(_verdicts(found))
    console.print(f"verify afterwards: {json.dumps(verified)}", highlight=False, soft_wrap=True)
    console.print(f"raw numbers: {out}", highlight=False, soft_wrap=True)


def _verdicts(found: Sequence[Verdict]) -> Table:
    table = Table(title="targets", title_style="")
    for heading in ("", "connections", "measured", "wanted", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for verdict in found:
        met = "reached" if verdict.met else "missed"
        table.add_row(verdict.what, str(verdict.connections), f"{verdict.share:.2f}", verdict.wanted, met)
    return table


def _table(connections: int, rounds: Sequence[Mapping[str, Load]]) -> Table:
    table = Table(title=f"{connections} connections", title_style="")
    for heading in (
        "",
        "a second",
        "lowest-highest",
        "of no-op",
        "CPU µs",
        "p50 ms",
        "p99 ms",
        "refused",
        "broken",
    ):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for reference, cases in CASES.items():
        table.add_row(*_row(reference, reference, rounds), style="dim")
        for case in cases:
            table.add_row(*_row(case, reference, rounds), end_section=case == cases[-1])
    return table


def _row(case: str, reference: str, rounds: Sequence[Mapping[str, Load]]) -> list[str]:
    loads = [loads[case] for loads in rounds]
    paces = [load.accepted_per_second for load in loads]
    # Round by round, so that what disturbs a whole round disturbs both sides of the ratio.
    shares = [load[case].accepted_per_second / load[reference].accepted_per_second for load in rounds]
    return [
        case,
        f"{median(paces):,.0f}",
        f"{min(paces):,.0f}-{max(paces):,.0f}",
        "" if case == reference else f"{median(shares):.0%}",
        f"{median([load.cpu_us for load in loads]):.0f}",
        f"{median([load.p50_ms for load in loads]):.1f}",
        f"{median([load.p99_ms for load in loads]):.1f}",
        str(sum(load.refused for load in loads)),
        str(sum(load.broken for load in loads)),
    ]
