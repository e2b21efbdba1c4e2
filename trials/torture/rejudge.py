"""`python -m trials.torture.rejudge FOLDER`: judge again what a run left as evidence."""

import argparse
import sys
from pathlib import Path

import msgspec

from trials.checker import check
from trials.checker.calls import read_calls
from trials.checker.history import EXACT, Clock
from trials.checker.log import load_log
from trials.torture import clock
from trials.torture.nemesis import Broken
from trials.torture.site import Setting
from trials.torture.stage import CALLS_FILE, FAULTS_FILE, LOG_FILE


def _tolerance(stage: Path) -> Clock:
    setting, _ = msgspec.json.decode((stage / FAULTS_FILE).read_bytes(), type=tuple[Setting, list[Broken]])
    return (clock.BACK, clock.FORWARD) if setting.wrong_clock else EXACT


def main(folder: Path) -> int:
    """1 when the judge finds a violation in any stage below this folder, 2 when there is nothing to judge."""
    logs = sorted(folder.rglob(LOG_FILE))
    if not logs:
        print(f"trials.torture.rejudge: no evidence ({LOG_FILE}) below {folder}", file=sys.stderr)
        return 2
    violations = [
        violation
        for log in logs
        for violation in check(read_calls(log.with_name(CALLS_FILE)), load_log(log), _tolerance(log.parent))
    ]
    for violation in violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m trials.torture.rejudge", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="that a run of `torture` has named")
    sys.exit(main(parser.parse_args().folder))
