"""What was measured: raw numbers as JSON, and from them alone a report with every target and every check.

Each part of the bench leaves one file, NAME.json in the folder of results. The report is made from whatever
files are there, so that parts can be measured at different times and be told together.
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

from trials.bench.tables import Table, markdown, tell
from trials.bench.targets import Raws, verdicts

RESULTS = Path(__file__).with_name("results")
REPORT = "report.md"

STOLEN_MAX = 0.03
"""The share of the processors' time that a virtual machine may miss before its figures are doubted."""


class Check(msgspec.Struct, frozen=True):
    """Something that must hold after the load, whatever the figures are; `told` says what was seen."""

    what: str
    ok: bool
    told: str = ""


def settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options and the machine, before all begins: without them the numbers mean nothing."""
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
    """Processor time since the machine began, and what of it its host gave to others; see proc_stat(5)."""
    try:
        told = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    return float(sum(map(int, told))), float(told[7])


def _stolen_since(before: Sequence[float]) -> float:
    """The share of the processors that this machine wanted and its host gave to others, 0 to 1."""
    (all_before, stolen_before), (all_now, stolen_now) = before, _ticks()
    return round((stolen_now - stolen_before) / max(all_now - all_before, 1), 3)


def _revision() -> str:
    """Of the program; empty where it is not in git's hands."""
    told = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(told, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def conclude(
    results: Mapping[str, Any], tables: Callable[[Mapping[str, Any]], Iterable[Table]], out: Path
) -> int:
    """Writes what a part found and tells it; 0 when all its checks held."""
    told = dict(results["settings"])
    told["stolen"] = _stolen_since(told.pop("ticks"))
    raw = write({**results, "settings": told}, out)
    tell([*tables(raw), checks_table({out.stem: raw})])
    print(f"raw numbers: {out}")
    return 0 if all(check["ok"] for check in raw["checks"]) else 1


def write(results: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """The same as it can be read again."""
    out.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(results), indent=1)
    out.write_bytes(text + b"\n")
    raw: dict[str, Any] = json.loads(text)
    return raw


def failed(problem: BaseException, out: Path) -> None:
    """In place of the numbers of a part that did not get to its end."""
    write({"settings": settings({}), "checks": [Check("ran to its end", False, _said(problem))]}, out)


def _said(problem: BaseException) -> str:
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_said(one) for one in problem.exceptions)
    return f"{type(problem).__name__}: {problem}"[:1000]


def read(folder: Path, parts: Iterable[str]) -> Raws:
    """By part; of those that were measured."""
    files = {part: folder / f"{part}.json" for part in parts}
    return {
        part: json.loads(file.read_text(encoding="utf-8")) for part, file in files.items() if file.exists()
    }


def finish(raws: Raws, details: Iterable[Table], folder: Path, note: str = "") -> int:
    """Tells targets and checks, writes them with all details; 0 when something was measured and all held."""
    tables = [*targets_tables(raws, note), checks_table(raws)]
    tell(tables)
    for warning in warnings(raws):
        print(warning)
    report = folder / REPORT
    report.parent.mkdir(parents=True, exist_ok=True)
    told = "\n".join(markdown(table) for table in [*tables, machine_table(raws), *details])
    warned = "".join(f"**{warning}**\n\n" for warning in warnings(raws))
    report.write_text(f"# How fast it was\n\n{warned}{told}", encoding="utf-8")
    print(f"report: {report}")
    checks = [check["ok"] for raw in raws.values() for check in raw["checks"]]
    return 0 if checks and all(checks) else 1


def warnings(raws: Raws) -> list[str]:
    """What to know before any figure is believed."""
    shares = {part: raw["settings"].get("stolen", 0.0) for part, raw in raws.items()}
    return [
        f"{part}: the machine's host gave {share:.0%} of the processors to others while this was measured:"
        " what is no ratio is too low, and ratios are uncertain; measure again later"
        for part, share in shares.items()
        if share > STOLEN_MAX
    ]


def targets_tables(raws: Raws, note: str = "") -> list[Table]:
    headings, found = ("what", "measured", "lowest-highest", "target", ""), verdicts(raws)
    return [
        Table(f"Targets{note}", headings, [verdict for verdict in found if verdict.wanted]),
        Table("Also measured", headings[:3], [verdict[:3] for verdict in found if not verdict.wanted]),
    ]


def checks_table(raws: Raws) -> Table:
    rows = [
        (part, check["what"], "holds" if check["ok"] else "DOES NOT HOLD", check["told"])
        for part, raw in raws.items()
        for check in raw["checks"]
    ]
    return Table("Checks", ("part", "what", "", "seen"), rows)


def machine_table(raws: Raws) -> Table:
    shown = ("revision", "began", "load_before", "stolen", "processors", "system", "python")
    rows = [(part, *(str(raw["settings"].get(name, "")) for name in shown)) for part, raw in raws.items()]
    return Table("When and where", ("part", *shown), rows)
