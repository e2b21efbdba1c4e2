"""One scenario: a fresh ledger under faults, then healed, then observed until it answers, then checked."""

import asyncio
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec

from trials.checker import check_each
from trials.checker.books import Books, check_books
from trials.checker.calls import Call, Records
from trials.checker.history import EXACT, THROUGH_GATEWAY, History
from trials.checker.ledgers import MAIN, LedgerPlace, divide
from trials.checker.log import Log, save_log
from trials.crowd.caller import Caller, Send
from trials.crowd.crowd import Crowd
from trials.crowd.http import connect
from trials.crowd.sale import Plan
from trials.programs.ledgers import CARRIERS
from trials.programs.program import verify_problems
from trials.torture import clock
from trials.torture.faults import Fault
from trials.torture.gateway import pending_work, summarise
from trials.torture.liveness import Recovery, late_answers, longest_silence, slowest_recovery
from trials.torture.names import read_named_log
from trials.torture.nemesis import Nemesis
from trials.torture.site import Setting, Site, open_site

CALM_SECONDS = 2
POLL_SECONDS = 0.2
ANSWERED_SECONDS_MAX = 30
"""After healing, every caller is answered within this time, and payments come to rest."""

CARDS = ("pm_card_visa",) * 8 + ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds")
GATEWAY_FLIGHTS = 4
"""Few enough to be full most of the time, so that late money finds seats or none."""

THINK_SECONDS, GATEWAY_THINK_SECONDS = 0.05, 0.3
REPEATED_MAX = 500
REPEATED_AT_ONCE = 8

CALLS_FILE, FAULTS_FILE, BOOKS_FILE = "calls.jsonl", "faults.json", "books.json"


class Result(msgspec.Struct, frozen=True):
    """The result of one scenario; `broken` counts faults by name."""

    setting: str
    seconds: float
    broken: dict[str, int]
    checked: dict[str, int]
    recovery: Recovery
    silent_seconds: float
    violations: list[str]


async def play(
    setting: Setting,
    seed: str,
    seconds: float,
    evidence: Path,
    faults: Mapping[str, Fault] | None = None,
    think_seconds: float | None = None,
    answered_seconds_max: float = ANSWERED_SECONDS_MAX,
) -> Result:
    """Play one scenario; leave in the folder `evidence` the files from which the check can be repeated."""
    started = time.monotonic()
    records = Records(evidence / CALLS_FILE)
    books = None
    async with open_site(setting, Random(f"{seed} ways")) as site:
        nemesis = Nemesis(site, Random(f"{seed} nemesis"), faults)
        async with (
            connect(site.url, records.add, site.token_for, _answer_seconds_max(setting)) as line,
            Crowd(line.send, Random(f"{seed} crowd"), _plan(setting, think_seconds)) as crowd,
        ):
            await crowd.open()
            await nemesis.rage(seconds)
            await site.calm()
            await asyncio.sleep(CALM_SECONDS)
            violations = site.violations
            if waiting := await crowd.close(answered_seconds_max):
                violations.append(
                    f"{waiting} callers wait for an answer {answered_seconds_max} s after healing"
                )
            if site.gateway:
                violations += await _rest(site, answered_seconds_max)
                violations += await _repeat_keys(line.send, records.calls, Random(f"{seed} repeats"))
        violations += await asyncio.to_thread(_not_recovered, site, answered_seconds_max)
        logs = await asyncio.to_thread(_read_logs, site)
        if site.gateway:
            books = site.gateway.books()
        await site.retire(site.main)
        _keep_logs(site, evidence)
    records.close()
    for place in setting.ledgers:
        save_log(logs[place.name], evidence / log_file(place))
    (evidence / FAULTS_FILE).write_bytes(msgspec.json.encode((setting, nemesis.broken)))
    if books:
        (evidence / BOOKS_FILE).write_bytes(msgspec.json.encode(books))
    violations = await asyncio.to_thread(find_violations, setting, records.calls, logs, books) + violations
    parts = divide(records.calls, setting.ledgers)
    recovery = max(slowest_recovery(calls, nemesis.broken) for calls in parts.values())
    if recovery.seconds > answered_seconds_max:
        violations.append(f"no call was answered within {answered_seconds_max} s: {recovery}")
    if not site.gateway:
        # While the gateway is slow or down, commands wait for it.
        violations += late_answers(records.calls, nemesis.broken)
    checked: Counter[str] = Counter()
    for name, log in logs.items():
        checked.update(_count(parts[name], log))
    lost = {"answers to clients lost": site.front.lost, "answers to commit lost": site.back.lost}
    return Result(
        str(setting),
        time.monotonic() - started,
        dict(sorted(nemesis.counts.items())),
        {
            **checked,
            "faults": len(nemesis.broken),
            **lost,
            **(summarise(logs[MAIN], books) if books else {}),
        },
        recovery,
        max(longest_silence(calls, records.calls[0].sent_at) for calls in parts.values()),
        violations,
    )


def log_file(place: LedgerPlace) -> str:
    return f"log-{place.name}.json"


def _read_logs(site: Site) -> dict[str, Log]:
    url, data = site.server.url, site.server.data
    return {place.name: read_named_log(url, data, place.schema) for place in site.setting.ledgers}


def find_violations(
    setting: Setting, calls: list[Call], logs: Mapping[str, Log], books: Books | None
) -> list[str]:
    """Check the history of each ledger, and the books of the gateway if there is one."""
    tolerance = (clock.BACK, clock.FORWARD) if setting.wrong_clock else EXACT
    violations = check_each(calls, logs, setting.ledgers, tolerance, setting.gateway)
    if books:
        violations += check_books(History.of(calls, logs[MAIN], tolerance, setting.gateway), books)
    return violations


def _answer_seconds_max(setting: Setting) -> float:
    """Return how long clients wait: longer than the program's deadline, and than its wait for the gateway."""
    return setting.deadline_seconds + (3 if setting.gateway else 2)


def _plan(setting: Setting, think_seconds: float | None) -> Plan:
    if setting.gateway:
        return Plan(
            hold_seconds=setting.hold_seconds,
            think_seconds=think_seconds or GATEWAY_THINK_SECONDS,
            flights=GATEWAY_FLIGHTS,
            cards=CARDS,
        )
    return Plan(
        hold_seconds=setting.hold_seconds,
        think_seconds=think_seconds or THINK_SECONDS,
        carriers=CARRIERS,
    )


async def _rest(site: Site, seconds_max: float) -> list[str]:
    """Wait until no payment, refund or hold is pending any more."""
    deadline = time.monotonic() + seconds_max
    while pending := await asyncio.to_thread(pending_work, site.server.url):
        if time.monotonic() > deadline:
            return [f"still on its way {seconds_max} s after healing: {pending}"]
        await asyncio.sleep(POLL_SECONDS)
    return []


async def _repeat_keys(send: Send, calls: Sequence[Call], random: Random) -> list[str]:
    """Repeat commands under their keys once all is at rest; the checker compares the answers."""
    answered = [call for call in calls if call.answered and call.operation in THROUGH_GATEWAY]
    limit = asyncio.Semaphore(REPEATED_AT_ONCE)

    async def repeat(call: Call) -> None:
        async with limit:
            await Caller(send, call.who, call.role, random).settle(call)

    repeats = map(repeat, random.sample(answered, min(len(answered), REPEATED_MAX)))
    try:
        await asyncio.wait_for(asyncio.gather(*repeats), ANSWERED_SECONDS_MAX * 2)
    except TimeoutError:
        return [f"keys are not answered again within {ANSWERED_SECONDS_MAX * 2} s"]
    return []


def _not_recovered(site: Site, seconds_max: float) -> list[str]:
    """Return a sentence if the program does not become ready, and the findings of its own `verify`."""
    wrong = []
    deadline = time.monotonic() + seconds_max
    while problem := _not_ready(site.main.port):
        if time.monotonic() > deadline:
            wrong.append(f"not ready {seconds_max} s after healing: {problem}")
            break
        time.sleep(POLL_SECONDS)
    for place in site.setting.ledgers:
        wrong += verify_problems(site.environment, place.name)
    return wrong


def _not_ready(port: int) -> str:
    """Return the readiness check if it fails, for any ledger; else an empty string."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            text = str(answer.read()[:5000])
            return text if '"ok":false' in text else ""
    except urllib.error.HTTPError as answer:
        return str(answer.read()[:500])
    except OSError as problem:
        return repr(problem)


def _keep_logs(site: Site, evidence: Path) -> None:
    for log in site.folder.glob("*.log"):
        (evidence / log.name).write_bytes(log.read_bytes())


def _count(calls: list[Call], log: Log) -> dict[str, int]:
    history = History.of(calls, log)
    unknown = [call for call in calls if not call.answered and call.is_command]
    troubled = [
        command for command in history.commands.values() if not all(t.answered for t in command.tries)
    ]
    statuses = Counter(command.answers[0].status for command in history.commands.values() if command.answers)
    return {
        "calls": len(calls),
        "commands": len(history.commands),
        "accepted": statuses[200] + statuses[201],
        "refused": sum(statuses.values()) - statuses[200] - statuses[201],
        "unknown outcomes": len(unknown),
        "unknowns resolved": sum(bool(command.answers) for command in troubled),
        "found done already": sum(any(c.replayed for c in command.answers) for command in troubled),
        "reads": len(history.reads),
        "events": len(log.events),
    }
