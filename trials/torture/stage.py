"""One stage: a fresh ledger under torture, then healed, then asked whether it lives, then judged."""

import asyncio
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from trials.checker import check
from trials.checker.calls import READS, Call, Records
from trials.checker.history import EXACT, History
from trials.checker.log import Log, save_log
from trials.programs.program import found_by_verify
from trials.torture import clock
from trials.torture.clients import connect
from trials.torture.customers import Crowd
from trials.torture.kinds import Fault
from trials.torture.liveness import Recovery, late_answers, slowest_recovery
from trials.torture.names import read_named_log
from trials.torture.nemesis import Broken, Nemesis
from trials.torture.site import Setting, Site, open_site

CALM_SECONDS = 2
ANSWERED_SECONDS_MAX = 30
"""After everything is healed, each caller has been answered by then."""

CALLS_FILE, LOG_FILE, FAULTS_FILE = "calls.jsonl", "log.json", "faults.json"


class Played(msgspec.Struct, frozen=True):
    """What a stage came to."""

    setting: str
    seconds: float
    broken: dict[str, int]
    checked: dict[str, int]
    recovery: Recovery
    violations: list[str]


async def play(
    setting: Setting,
    seed: str,
    seconds: float,
    evidence: Path,
    faults: Mapping[str, Fault] | None = None,
    think_seconds: float = 0.05,
    answered_seconds_max: float = ANSWERED_SECONDS_MAX,
) -> Played:
    """`evidence` is the folder for what the judgement can be repeated from."""
    started = time.monotonic()
    records = Records(evidence / CALLS_FILE)
    async with open_site(setting, Random(f"{seed} ways")) as site:
        nemesis = Nemesis(site, Random(f"{seed} nemesis"), faults)
        async with (
            connect(site.url, records, site.token_for, setting.deadline_seconds + 2) as line,
            Crowd(line, Random(f"{seed} crowd"), setting.hold_seconds, think_seconds) as crowd,
        ):
            await crowd.open()
            await nemesis.rage(seconds)
            await asyncio.sleep(CALM_SECONDS)
            waiting = await crowd.close(answered_seconds_max)
        violations = site.violations
        if waiting:
            violations.append(f"{waiting} callers wait for an answer {answered_seconds_max} s after healing")
        violations += await asyncio.to_thread(_recovered, site, answered_seconds_max)
        log = await asyncio.to_thread(read_named_log, site.server.url, site.server.data)
        await site.retire(site.main)
    records.close()
    save_log(log, evidence / LOG_FILE)
    (evidence / FAULTS_FILE).write_bytes(msgspec.json.encode((setting, nemesis.broken)))
    tolerance = (clock.BACK, clock.FORWARD) if setting.wrong_clock else EXACT
    violations = await asyncio.to_thread(check, records.calls, log, tolerance) + violations
    recovery = slowest_recovery(records.calls, nemesis.broken)
    if recovery.seconds > answered_seconds_max:
        violations.append(f"nobody was answered within {answered_seconds_max} s: {recovery}")
    violations += late_answers(records.calls, nemesis.broken)
    lost = {"answers to clients lost": site.front.lost, "answers to commit lost": site.back.lost}
    return Played(
        str(setting),
        time.monotonic() - started,
        dict(sorted(nemesis.counts.items())),
        {**_counted(records.calls, log, nemesis.broken), **lost},
        recovery,
        violations,
    )


def _recovered(site: Site, seconds_max: float) -> list[str]:
    """Ready again, and consistent by the program's own account."""
    wrong = []
    deadline = time.monotonic() + seconds_max
    while problem := _not_ready(site.main.port):
        if time.monotonic() > deadline:
            wrong.append(f"not ready {seconds_max} s after healing: {problem}")
            break
        time.sleep(0.2)
    return wrong + found_by_verify(site.environment)


def _not_ready(port: int) -> str:
    """What readiness says when it is not ready; empty when it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10):
            return ""
    except urllib.error.HTTPError as answer:
        return str(answer.read()[:500])
    except OSError as problem:
        return repr(problem)


def _counted(calls: list[Call], log: Log, broken: list[Broken]) -> dict[str, int]:
    history = History.of(calls, log)
    unknown = [call for call in calls if not call.answered and call.operation not in READS]
    troubled = [
        command for command in history.commands.values() if not all(t.answered for t in command.tries)
    ]
    statuses = Counter(command.answers[0].status for command in history.commands.values() if command.answers)
    found: dict[str, Any] = {
        "calls": len(calls),
        "commands": len(history.commands),
        "accepted": statuses[200] + statuses[201],
        "refused": sum(statuses.values()) - statuses[200] - statuses[201],
        "unknown outcomes": len(unknown),
        "unknowns resolved": sum(bool(command.answers) for command in troubled),
        "found done already": sum(any(c.replayed for c in command.answers) for command in troubled),
        "reads": len(history.reads),
        "events": len(log.events),
        "faults": len(broken),
    }
    return found
