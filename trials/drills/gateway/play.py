"""One play of the drill: load and kills, then healing, rest, and the judge."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from trials.checker.calls import Call, Records
from trials.drills.evidence import silence
from trials.drills.gateway.judge import judge
from trials.drills.gateway.nemesis import Nemesis
from trials.drills.gateway.site import HOLD_SECONDS, Site, open_site
from trials.drills.gateway.stocktaking import evidence_of, keep, moving
from trials.drills.gateway.summary import summary
from trials.programs.program import PROGRAM, found_by_verify
from trials.torture.clients import Line, connect
from trials.torture.customers import Crowd
from trials.torture.liveness import Recovery, slowest_recovery

CARDS = ("pm_card_visa",) * 8 + ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds")
FLIGHTS = 4
"""Few enough to be full most of the time, so that late money finds seats or none."""

THINK_SECONDS = 0.3
ANSWER_SECONDS_MAX = 8
CALM_SECONDS = 2
REST_SECONDS_MAX = 60
POLL_SECONDS = 0.5
REPEATED_MAX = 500
REPEATED_AT_ONCE = 8
THROUGH_GATEWAY = frozenset({"pay_booking", "capture_payment", "void_payment", "settle_refund"})


class Played(msgspec.Struct, frozen=True):
    """What a play came to; `broken` by kind.

    `silent_seconds`: the longest between two answers; `rest_seconds`: from healing until nothing was on its
    way any more.
    """

    seconds: float
    silent_seconds: float
    rest_seconds: float
    counted: dict[str, int]
    broken: dict[str, int]
    recovery: Recovery
    violations: list[str]


async def play(
    seed: str,
    seconds: float,
    program: Sequence[str] = PROGRAM,
    rest_seconds_max: float = REST_SECONDS_MAX,
    evidence: Path | None = None,
) -> Played:
    """`evidence`: where to keep what a violation was found in. Raises ChildProcessError."""
    started = time.monotonic()
    async with open_site(program) as site:
        nemesis = Nemesis(site, Random(f"{seed} nemesis"))
        records = Records(site.folder / "calls.jsonl")
        try:
            violations, rest_seconds = await _under_load(
                site, nemesis, records, seed, seconds, rest_seconds_max
            )
            found = await asyncio.to_thread(evidence_of, site, records.calls)
            violations += await asyncio.to_thread(found_by_verify, site.environment)
        finally:
            records.close()
        violations += judge(found)
        if evidence and violations:
            keep(site, found, evidence)
    return Played(
        time.monotonic() - started,
        silence(records.calls, records.calls[0].sent_at),
        rest_seconds,
        summary(found),
        dict(sorted(Counter(broken.name for broken in nemesis.broken).items())),
        slowest_recovery(records.calls, nemesis.broken),
        violations,
    )


async def _under_load(
    site: Site, nemesis: Nemesis, records: Records, seed: str, seconds: float, rest_seconds_max: float
) -> tuple[list[str], float]:
    """What was wrong before the books were opened, and how long it took until nothing was on its way."""
    violations = []
    async with (
        connect(site.url, records, site.token_for, ANSWER_SECONDS_MAX) as line,
        Crowd(line, Random(f"{seed} crowd"), HOLD_SECONDS, THINK_SECONDS, CARDS, FLIGHTS) as crowd,
    ):
        await crowd.open()
        await nemesis.rage(seconds)
        await nemesis.calm()
        await asyncio.sleep(CALM_SECONDS)
        healed_at = time.monotonic()
        if waiting := await crowd.close(rest_seconds_max):
            violations.append(f"{waiting} callers wait for an answer {rest_seconds_max} s after healing")
        while still := await asyncio.to_thread(moving, site.server.url):
            if time.monotonic() > healed_at + rest_seconds_max:
                violations.append(f"still on its way {rest_seconds_max} s after healing: {still}")
                break
            await asyncio.sleep(POLL_SECONDS)
        rest_seconds = time.monotonic() - healed_at
        try:
            await _repeat(line, records.calls, Random(f"{seed} repeats"))
        except TimeoutError:
            violations.append(f"keys are not answered again within {REST_SECONDS_MAX} s of rest")
    return violations, rest_seconds


async def _repeat(line: Line, calls: Sequence[Call], random: Random) -> None:
    """Keys once more, now that all is over; the judge compares."""
    through = [call for call in calls if call.answered and call.operation in THROUGH_GATEWAY]
    chosen = random.sample(through, min(len(through), REPEATED_MAX))
    limit = asyncio.Semaphore(REPEATED_AT_ONCE)

    async def repeat(call: Call) -> None:
        role = "client" if call.who.startswith("customer") else "operator"
        async with limit:
            caller = line.caller(call.who, role)
            await caller.command(call.operation, call.path, json.loads(call.body), call.key)

    await asyncio.wait_for(asyncio.gather(*map(repeat, chosen)), REST_SECONDS_MAX)
