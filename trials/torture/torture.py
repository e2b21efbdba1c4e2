"""`torture`: minutes of faults from a seed, and whether any promise was broken."""

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec
from loguru import logger

from trials.torture.scenario import Result, play
from trials.torture.site import Setting

SCENARIO_SECONDS_MAX = 120
"""Each scenario has a ledger of its own. In a longer one only the check would take longer."""


def torture(minutes: float, seed: int, json: bool, scenario: str = "ledger") -> int:
    """Run scenarios for so many minutes; return 1 when a promise was broken, else 0.

    `ledger`: half of them with the embedded database, half with the database behind a proxy.
    `gateway`: payments through a gateway; its books are compared with the ledger's.
    """
    logger.remove()
    evidence = Path(tempfile.mkdtemp(prefix="seatledger-evidence-"))
    try:
        results = asyncio.run(_play(minutes * 60, seed, evidence, json, scenario))
    except KeyboardInterrupt:
        shutil.rmtree(evidence)
        raise
    violations = [violation for result in results for violation in result.violations]
    if violations:
        print(f"evidence: {evidence} (check again: python -m trials.torture.recheck FOLDER)", file=sys.stderr)
    else:
        shutil.rmtree(evidence)
    if json:
        broken, checked = _sum(r.broken for r in results), _sum(r.checked for r in results)
        print(
            msgspec.json.encode(
                {
                    "seed": seed,
                    "seconds": sum(r.seconds for r in results),
                    "broken": broken,
                    "checked": checked,
                    "slowest_recovery": max(r.recovery for r in results),
                    "violations": violations,
                    "ok": not violations,
                }
            ).decode()
        )
    else:
        _report(seed, results, violations)
    return 1 if violations else 0


async def _play(seconds: float, seed: int, evidence: Path, quiet: bool, scenario: str) -> list[Result]:
    results: list[Result] = []
    settings = list(_settings(seconds, seed, scenario))
    for number, setting in enumerate(settings):
        name = f"{seed}.{number}"
        folder = evidence / name
        folder.mkdir()
        if not quiet:
            print(f"scenario {name}: {setting}", flush=True)
        results.append(await play(setting, name, seconds / len(settings), folder))
        if not quiet:
            print(f"  {_list(results[-1].checked)}", flush=True)
    return results


def _settings(seconds: float, seed: int, scenario: str) -> Iterator[Setting]:
    if scenario == "gateway":
        for _ in range(max(1, round(seconds / SCENARIO_SECONDS_MAX))):
            yield Setting.with_gateway()
        return
    for number in range(max(2, 2 * round(seconds / (2 * SCENARIO_SECONDS_MAX)))):
        yield Setting.drawn(Random(f"{seed}.{number} setting"), proxied=number % 2 == 1)


def _report(seed: int, results: list[Result], violations: list[str]) -> None:
    print(f"\nseed {seed}")
    print(f"broke: {_list(_sum(r.broken for r in results))}")
    print(f"checked: {_list(_sum(r.checked for r in results))}")
    slowest = max(r.recovery for r in results)
    print(f"slowest to answer again: {slowest.seconds:.1f} s after {slowest.fault!r}")
    print(f"longest silence: {max(r.silent_seconds for r in results):.1f} s")
    for violation in violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations)} violations" if violations else "every promise held: 0 violations")


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
