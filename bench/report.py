"""What was measured: raw numbers as JSON, and from them alone a report with every target and every check.

Each part of the bench leaves one file, NAME.json in the folder of results. The report is made from whatever
files are there, so that parts can be measured at different times and be told together.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.tables import Table, markdown, tell
from bench.targets import Raws, verdicts

RESULTS = Path(__file__).with_name("results")
REPORT = "report.md"


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
    }


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
    raw = write(results, out)
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
    report = folder / REPORT
    report.parent.mkdir(parents=True, exist_ok=True)
    told = "\n".join(markdown(table) for table in [*tables, machine_table(raws), *details])
    report.write_text(f"# How fast it was\n\n{told}", encoding="utf-8")
    print(f"report: {report}")
    checks = [check["ok"] for raw in raws.values() for check in raw["checks"]]
    return 0 if checks and all(checks) else 1


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
    shown = ("revision", "began", "load_before", "processors", "system", "python")
    rows = [(part, *(str(raw["settings"][name]) for name in shown)) for part, raw in raws.items()]
    return Table("When and where", ("part", *shown), rows)
