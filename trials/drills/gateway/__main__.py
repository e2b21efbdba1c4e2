"""`python -m trials.drills.gateway`: both sides of a payment killed under load, then the books compared."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random

import msgspec
from loguru import logger

from trials.drills.gateway.controls import CONTROLS, catch
from trials.drills.gateway.play import Played, play


def main(arguments: list[str] | None = None) -> int:
    """0 when the books agree to the minor unit; with --controls, when every broken program was caught."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.gateway", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for how long (5)")
    parser.add_argument("--seed", type=int, help="settles what breaks in which order (drawn, and told)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--controls", action="store_true", help="programs broken on purpose instead")
    options = parser.parse_args(arguments)
    logger.remove()
    if options.controls:
        return _controls()
    seed = options.seed if options.seed is not None else Random().randrange(1_000_000)
    evidence = Path(tempfile.gettempdir()) / f"seatledger-gateway-{seed}"
    played = asyncio.run(play(str(seed), options.minutes * 60, evidence=evidence))
    if options.json:
        print(msgspec.json.encode({"seed": seed, "ok": not played.violations, "played": played}).decode())
    else:
        _report(seed, played)
    if played.violations:
        print(f"evidence: {evidence}", file=sys.stderr)
    return 1 if played.violations else 0


def _report(seed: int, played: Played) -> None:
    print(f"seed {seed}, {played.seconds:.0f} s; at rest {played.rest_seconds:.1f} s after healing")
    print(f"broke: {_told(played.broken)}")
    print(f"came to: {_told(played.counted)}")
    print(f"longest silence: {played.silent_seconds:.1f} s, with the time that the program was kept down")
    print(f"slowest to answer once all ran: {played.recovery.seconds:.1f} s after {played.recovery.fault!r}")
    for violation in played.violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(played.violations)} violations" if played.violations else "0 violations: the books agree")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _controls() -> int:
    missed = 0
    for name in CONTROLS:
        caught = asyncio.run(catch(name))
        missed += caught is None
        print(f"{name}: {'caught: ' + caught[:200] if caught else 'NOT CAUGHT'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
