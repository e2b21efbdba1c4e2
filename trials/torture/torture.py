"""`torture`: so many minutes of faults from a seed, and whether anything gave way."""

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

import msgspec
from loguru import logger

from trials.torture.site import Setting
from trials.torture.stage import Played, play

STAGE_SECONDS_MAX = 120
"""A stage is a ledger of its own. Longer ones would only make the judge slower."""


def torture(minutes: float, seed: int, json: bool) -> int:
    """Half of the stages embedded, half with the database behind a proxy. 1 when anything gave way."""
    logger.remove()
    evidence = Path(tempfile.mkdtemp(prefix="seatledger-evidence-"))
    try:
        played = asyncio.run(_play(minutes * 60, seed, evidence, json))
    except KeyboardInterrupt:
        shutil.rmtree(evidence)
        raise
    violations = [violation for stage in played for violation in stage.violations]
    if violations:
        print(
            f"evidence: {evidence} (judge it again: python -m trials.torture.rejudge FOLDER)", file=sys.stderr
        )
    else:
        shutil.rmtree(evidence)
    if json:
        broken, checked = _sum(p.broken for p in played), _sum(p.checked for p in played)
        print(
            msgspec.json.encode(
                {
                    "seed": seed,
                    "seconds": sum(p.seconds for p in played),
                    "broken": broken,
                    "checked": checked,
                    "slowest_recovery": max(p.recovery for p in played),
                    "violations": violations,
                    "ok": not violations,
                }
            ).decode()
        )
    else:
        _report(seed, played, violations)
    return 1 if violations else 0


async def _play(seconds: float, seed: int, evidence: Path, quiet: bool) -> list[Played]:
    played: list[Played] = []
    stages = max(2, 2 * round(seconds / (2 * STAGE_SECONDS_MAX)))
    for number in range(stages):
        name = f"{seed}.{number}"
        setting = Setting.drawn(Random(f"{name} setting"), proxied=number % 2 == 1)
        folder = evidence / name
        folder.mkdir()
        if not quiet:
            print(f"stage {name}: {setting}", flush=True)
        played.append(await play(setting, name, seconds / stages, folder))
        if not quiet:
            print(f"  {_told(played[-1].checked)}", flush=True)
    return played


def _report(seed: int, played: list[Played], violations: list[str]) -> None:
    print(f"\nseed {seed}")
    print(f"broke: {_told(_sum(p.broken for p in played))}")
    print(f"checked: {_told(_sum(p.checked for p in played))}")
    slowest = max(p.recovery for p in played)
    print(f"slowest to answer again: {slowest.seconds:.1f} s after {slowest.fault!r}")
    for violation in violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations)} violations" if violations else "nothing gave way: 0 violations")


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
