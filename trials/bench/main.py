"""All that is measured of speed, by one command, and one table of what ought to be reached.

Each part measures for itself and leaves its raw numbers in a file; the table is made from those that are
there. A part that fails hides none of the others.
"""

import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from trials.bench import audit, growth, http, idle, report, snapshot, writer
from trials.bench.load_generator import NoLoadGenerator

PARTS = {
    "http": http,
    "writer": writer,
    "snapshot": snapshot,
    "audit": audit,
    "idle": idle,
    "growth": growth,
}


class NoSuchPart(Exception):
    """A part was asked for that there is not."""


def run(smoke: bool, out: Path, only: Sequence[str] | None, sizes: Sequence[int] | None) -> int:
    """0 when everything was accepted and all ledgers verify; missed targets do not matter to it.

    `only` these parts are measured, and the others told as they were measured before, if they were; with none
    at all the table is made again. `smoke`: each for a second or two, which shows that it works and measures
    nothing. Raises NoSuchPart.
    """
    chosen = list(PARTS) if only is None else list(only)
    if unknown := set(chosen) - set(PARTS):
        raise NoSuchPart(f"bench: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    # What a smoke says must not be taken for a measurement.
    folder = out / "smoke" if smoke else out
    for part in chosen:
        # So that nobody takes the numbers of an earlier run for those of this one.
        (folder / f"{part}.json").unlink(missing_ok=True)
    for part in chosen:
        _measure(part, folder / f"{part}.json", smoke, sizes)
    raws = report.read(folder, PARTS)
    note = " (a smoke: these figures mean nothing)" if smoke else ""
    whole = {part: raw for part, raw in raws.items() if "rounds" in raw}
    details = [table for part, raw in whole.items() for table in PARTS[part].tables(raw)]
    return report.finish(raws, details, folder, note)


def _measure(part: str, out: Path, smoke: bool, sizes: Sequence[int] | None) -> None:
    flags = ["--out", str(out), *(["--smoke"] if smoke else [])]
    if part == "growth" and sizes is not None and not smoke:
        flags += ["--sizes", *map(str, sizes)]
    began = time.monotonic()
    print(f"{part}: begins", file=sys.stderr, flush=True)
    try:
        PARTS[part].main(flags)
        print(f"{part}: took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    except NoLoadGenerator as problem:
        print(f"{part}: {problem}", file=sys.stderr, flush=True)
        report.failed(problem, out)
    except Exception as problem:  # the others are worth having all the same, and the report says so
        traceback.print_exc()
        print(
            f"{part}: failed after {time.monotonic() - began:.0f} s: {problem}", file=sys.stderr, flush=True
        )
        report.failed(problem, out)
