"""Results: raw numbers as JSON, and a report with every target and check, built from the raw numbers alone.

Each part of the benchmark writes NAME.json in the results folder. The report uses the files that exist, so
parts can be measured at different times.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from trials.bench.tables import ResultTable, markdown, print_tables
from trials.bench.targets import Raws, target_rows

RESULTS = Path(__file__).with_name("results")
REPORT = "report.md"

STOLEN_MAX = 0.03
"""Share of stolen processor time above which the report warns."""


class BenchCheck(msgspec.Struct, frozen=True):
    """A condition that must hold after the load. `detail` describes the observation."""

    what: str
    ok: bool
    detail: str = ""


def settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options and a description of the machine, taken before the measurement."""
    return {
        **{name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
        "revision": _revision(),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 1),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ticks": _ticks(),
    }


def _ticks() -> tuple[float, float]:
    """Return the processor time since boot, and the stolen part of it (proc_stat(5))."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    return float(sum(map(int, fields))), float(fields[7])


def _stolen_since(before: Sequence[float]) -> float:
    """Return the share of processor time since `before` that the host gave to other machines, 0 to 1."""
    (all_before, stolen_before), (all_now, stolen_now) = before, _ticks()
    return round((stolen_now - stolen_before) / max(all_now - all_before, 1), 3)


def _revision() -> str:
    """Return the git revision of the program; empty outside a repository."""
    command = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def conclude(
    results: Mapping[str, Any], tables: Callable[[Mapping[str, Any]], Iterable[ResultTable]], out: Path
) -> int:
    """Write and print the results of a part. Return 0 if all its checks hold."""
    machine = dict(results["settings"])
    machine["stolen"] = _stolen_since(machine.pop("ticks"))
    raw = write({**results, "settings": machine}, out)
    print_tables([*tables(raw), checks_table({out.stem: raw})])
    print(f"raw numbers: {out}")
    return 0 if all(check["ok"] for check in raw["checks"]) else 1


def write(results: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Write the results, and return them as read back from JSON."""
    out.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(results), indent=1)
    out.write_bytes(text + b"\n")
    raw: dict[str, Any] = json.loads(text)
    return raw


def write_failure(problem: BaseException, out: Path) -> None:
    """Write the failure of a part in place of its results."""
    write({"settings": settings({}), "checks": [BenchCheck("completed", False, _describe(problem))]}, out)


def _describe(problem: BaseException) -> str:
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_describe(one) for one in problem.exceptions)
    return f"{type(problem).__name__}: {problem}"[:1000]


def read(folder: Path, parts: Iterable[str]) -> Raws:
    """Read the results of the parts that were measured."""
    files = {part: folder / f"{part}.json" for part in parts}
    return {
        part: json.loads(file.read_text(encoding="utf-8")) for part, file in files.items() if file.exists()
    }


def finish(raws: Raws, details: Iterable[ResultTable], folder: Path, note: str = "") -> int:
    """Print targets and checks, and write the report. Return 0 if there are results and all checks hold."""
    tables = [*targets_tables(raws, note), checks_table(raws)]
    print_tables(tables)
    for warning in warnings(raws):
        print(warning)
    report = folder / REPORT
    report.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(markdown(table) for table in [*tables, machine_table(raws), *details])
    notes = "".join(f"**{warning}**\n\n" for warning in warnings(raws))
    report.write_text(f"# Benchmark report\n\n{notes}{body}", encoding="utf-8")
    print(f"report: {report}")
    checks = [check["ok"] for raw in raws.values() for check in raw["checks"]]
    return 0 if checks and all(checks) else 1


def warnings(raws: Raws) -> list[str]:
    """Return warnings about figures that are not reliable."""
    shares = {part: raw["settings"].get("stolen", 0.0) for part, raw in raws.items()}
    return [
        f"{part}: the host gave {share:.0%} of the processor time to other machines during this part:"
        " absolute figures are too low and ratios are uncertain; measure again later"
        for part, share in shares.items()
        if share > STOLEN_MAX
    ]


def targets_tables(raws: Raws, note: str = "") -> list[ResultTable]:
    headings, rows = ("what", "measured", "lowest-highest", "target", ""), target_rows(raws)
    return [
        ResultTable(f"Targets{note}", headings, [row for row in rows if row.limit]),
        ResultTable("Also measured", headings[:3], [row[:3] for row in rows if not row.limit]),
    ]


def checks_table(raws: Raws) -> ResultTable:
    rows = [
        (part, check["what"], "holds" if check["ok"] else "DOES NOT HOLD", check["detail"])
        for part, raw in raws.items()
        for check in raw["checks"]
    ]
    return ResultTable("Checks", ("part", "what", "", "detail"), rows)


def machine_table(raws: Raws) -> ResultTable:
    names = ("revision", "began", "load_before", "stolen", "processors", "system", "python")
    rows = [(part, *(str(raw["settings"].get(name, "")) for name in names)) for part, raw in raws.items()]
    return ResultTable("Machine", ("part", *names), rows)
