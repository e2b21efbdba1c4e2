"""`python -m trials.torture.controls [NAME …]`: broken programs that the checker must catch.

Without them "0 violations" would prove nothing.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from trials.torture.broken import BREAKS, program
from trials.torture.faults import ANYWHERE
from trials.torture.scenario import play
from trials.torture.site import Setting

ROUND_SECONDS, GATEWAY_ROUND_SECONDS = 4, 10
"""The first round. Most controls are caught in it."""

ROUND_FACTORS = (1, 2, 4, 8)
"""The lengths of all rounds, in first rounds."""

THINK_SECONDS = 0.01
ANSWERED_SECONDS_MAX, GATEWAY_ANSWERED_SECONDS_MAX = 5, 12
"""Short, because a broken program may never answer."""


class Control(msgspec.Struct, frozen=True):
    """`faults` reveal the break; `seen` is a part of the checker's sentence, with alternatives after `|`."""

    seen: str
    faults: tuple[str, ...] = ("clients reset",)
    hold_seconds: int = 1
    sweep_cron: str = ""
    gateway: bool = False


CONTROLS = {
    "keys-in-a-second-transaction": Control(
        "belong to no recorded command|its events stand at",
        ("cut writers again and again", "kill a worker"),
    ),
    "seats-checked-outside-the-lock": Control("is oversold", hold_seconds=3),
    "answers-before-commit": Control(
        "the ledger has no such command", ("cut writers again and again", "kill postgres")
    ),
    "holds-expired-unchecked": Control(
        "a hold expires before its end", hold_seconds=2, sweep_cron="* * * * * *"
    ),
    "payments-after-the-end": Control("accepted after the hold's end"),
    "refusals-forgotten": Control("the ledger has no such command"),
    "availability-remembered": Control("booked at"),
    "late-money-forgotten": Control("neither booked nor owed|refused without a reason"),
    "refunds-settled-twice": Control("is settled twice"),
    "references-repeated": Control("the fold says"),
    "refusals-forgotten-in-the-second-ledger": Control("second: acknowledged, but the ledger has no such"),
    "answers-that-name-main": Control("answered by the ledger 'main', not second"),
    "second-ledger-in-the-log-of-main": Control("main: recorded, but no caller requested it"),
    "itineraries-paid-in-part": Control("of an itinerary are paid only"),
    "departures-forgotten": Control("outlive their flight|after the departure|by the rules flight-departed"),
    "stated-refunds-ignored": Control("a stated refund of"),
    "policies-ignored": Control("instead of"),
    "parts-divided-unevenly": Control("instead of|the price of a seat changes"),
    "denied-boarding-unpaid": Control("captured,"),
    "schedule-changes-untold": Control("are not told of the new times"),
    "small-changes-asked": Control("an answer is due by"),
    "moved-seats-uncounted": Control("is oversold|the fold counts|the fold says|by the rules"),
    "split-money-kept": Control("the money of a split|by the rules|captured,"),
    "passengers-uncounted": Control("has other passengers|by the rules"),
    "charges-under-a-fresh-id": Control("the log never requested", gateway=True),
    "reconciler-asleep": Control("still on its way", gateway=True),
    "lapsed-payments-forgotten": Control("money is still held", gateway=True),
    "captures-recorded-before-they-are-asked": Control("came; the books say", gateway=True),
    "itineraries-charged-for-one-booking": Control("is not what was requested", gateway=True),
}


class Caught(msgspec.Struct, frozen=True):
    """The sentence that caught the program, None if it got away, and the seconds until then."""

    sentence: str | None
    seconds: float


async def catch(name: str) -> Caught:
    """Play scenarios with the broken program until the checker catches it."""
    control, started = CONTROLS[name], time.monotonic()
    round_seconds = GATEWAY_ROUND_SECONDS if control.gateway else ROUND_SECONDS
    for number, factor in enumerate(ROUND_FACTORS):
        evidence = Path(tempfile.mkdtemp(prefix="seatledger-control-"))
        seed = f"{name}.{number}"
        violations = await _violations(control, name, seed, factor * round_seconds, evidence)
        shutil.rmtree(evidence)
        for sentence in violations:
            if any(words in sentence for words in control.seen.split("|")):
                return Caught(sentence, time.monotonic() - started)
    return Caught(None, time.monotonic() - started)


async def _violations(control: Control, name: str, seed: str, seconds: float, evidence: Path) -> list[str]:
    if control.gateway:
        setting = Setting.with_gateway(program(name))
        result = await play(
            setting, seed, seconds, evidence, answered_seconds_max=GATEWAY_ANSWERED_SECONDS_MAX
        )
        return result.violations
    setting = Setting(False, control.hold_seconds, control.sweep_cron, 2.0, program=program(name))
    faults = {fault: ANYWHERE[fault] for fault in control.faults}
    result = await play(setting, seed, seconds, evidence, faults, THINK_SECONDS, ANSWERED_SECONDS_MAX)
    return result.violations


def main(names: list[str]) -> int:
    """Return 1 when a control got away."""
    missed = 0
    for name in names or BREAKS:
        caught = asyncio.run(catch(name))
        missed += caught.sentence is None
        verdict = f"caught: {caught.sentence[:200]}" if caught.sentence else "NOT CAUGHT"
        print(f"{name} after {caught.seconds:.0f} s: {verdict}", flush=True)
    return 1 if missed else 0


def _control(name: str) -> str:
    if name not in BREAKS:
        raise argparse.ArgumentTypeError(f"there is no {name}; there are {', '.join(BREAKS)}")
    return name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m trials.torture.controls", description=__doc__)
    parser.add_argument("names", nargs="*", type=_control, metavar="NAME", help=", ".join(BREAKS))
    sys.exit(main(parser.parse_args().names))
