"""`python -m trials.torture.controls [NAME …]`: broken programs that the judge must catch.

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
from trials.torture.kinds import ANYWHERE
from trials.torture.site import Setting
from trials.torture.stage import play

SECONDS_MAX = 60
ROUND_SECONDS = 8


class Control(msgspec.Struct, frozen=True):
    """`faults` bring the break to light; `seen` is what the judge then says, in part."""

    seen: str
    faults: tuple[str, ...] = ("clients reset",)
    hold_seconds: int = 1
    sweep_cron: str = ""


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
}


class Caught(msgspec.Struct, frozen=True):
    """By which sentence, None when it got away, and after how many seconds of torture and judgement."""

    sentence: str | None
    seconds: float


async def catch(name: str, seconds_max: float = SECONDS_MAX) -> Caught:
    """Torture the broken program until the judge sees it."""
    control = CONTROLS[name]
    setting = Setting(False, control.hold_seconds, control.sweep_cron, 2.0, program=program(name))
    faults = {fault: ANYWHERE[fault] for fault in control.faults}
    started = time.monotonic()
    for number in range(100):
        seconds = min(ROUND_SECONDS, seconds_max - (time.monotonic() - started))
        if seconds <= 0:
            break
        evidence = Path(tempfile.mkdtemp(prefix="seatledger-control-"))
        # In a hurry, and impatient with a program that has lost its way.
        played = await play(setting, f"{name}.{number}", seconds, evidence, faults, 0.01, 5)
        shutil.rmtree(evidence)
        for sentence in played.violations:
            if any(words in sentence for words in control.seen.split("|")):
                return Caught(sentence, time.monotonic() - started)
    return Caught(None, time.monotonic() - started)


def main(names: list[str]) -> int:
    """1 when a control got away."""
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
