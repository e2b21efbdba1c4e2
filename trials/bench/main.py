"""The benchmark: run all parts, and report their results against the targets.

Each part writes its raw numbers to a file, and the report is built from the files that exist. A failed part
does not stop the others.
"""

import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from trials.bench import audit, database, growth, http, idle, ledgers, report, snapshot, writer
from trials.bench.load_generator import NoLoadGenerator

PARTS = {
    module.PART.name: module.PART
    for module in (http, writer, database, ledgers, snapshot, audit, idle, growth)
}


class UnknownPart(Exception):
    """The named part does not exist."""


def run(smoke: bool, out: Path, only: Sequence[str] | None, sizes: Sequence[int] | None) -> int:
    """Measure the parts and return 0 if all checks hold; missed targets do not count.

    `only` restricts the parts to measure; the report shows earlier results of the others. An empty list only
    builds the report again. `smoke` runs each part for a second or two, to show that it works.
    Raises UnknownPart.
    """
    chosen = list(PARTS) if only is None else list(only)
    if unknown := set(chosen) - set(PARTS):
        raise UnknownPart(f"bench: no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    # Results of a smoke run stay apart from measurements.
    folder = out / "smoke" if smoke else out
    for part in chosen:
        # Results of an earlier run must not appear as results of this one.
        (folder / f"{part}.json").unlink(missing_ok=True)
    for part in chosen:
        _measure(part, folder / f"{part}.json", smoke, sizes)
    raws = report.read(folder, PARTS)
    note = " (smoke run: the figures are not measurements)" if smoke else ""
    whole = {part: raw for part, raw in raws.items() if "rounds" in raw}
    details = [table for part, raw in whole.items() for table in PARTS[part].tables(raw)]
    return report.finish(raws, details, folder, note)


def _measure(part: str, out: Path, smoke: bool, sizes: Sequence[int] | None) -> None:
    flags = ["--out", str(out), *(["--smoke"] if smoke else [])]
    if part == "growth" and sizes is not None and not smoke:
        flags += ["--sizes", *map(str, sizes)]
    began = time.monotonic()
    print(f"{part}: started", file=sys.stderr, flush=True)
    try:
        PARTS[part].main(flags)
        print(f"{part}: took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    except NoLoadGenerator as problem:
        print(f"{part}: {problem}", file=sys.stderr, flush=True)
        report.write_failure(problem, out)
    except Exception as problem:  # the other parts still run, and the report shows the failure
        traceback.print_exc()
        print(
            f"{part}: failed after {time.monotonic() - began:.0f} s: {problem}", file=sys.stderr, flush=True
        )
        report.write_failure(problem, out)
