"""`python -m trials.torture.recheck FOLDER`: check again the evidence that a run left."""

import argparse
import sys
from pathlib import Path

import msgspec

from trials.checker.books import Books
from trials.checker.calls import read_calls
from trials.checker.log import load_log
from trials.torture.nemesis import Broken
from trials.torture.scenario import BOOKS_FILE, CALLS_FILE, FAULTS_FILE, find_violations, log_file
from trials.torture.site import Setting


def main(folder: Path) -> int:
    """Return 1 for a violation in any scenario below the folder, 2 if there is no evidence, else 0."""
    scenarios = sorted(file.parent for file in folder.rglob(FAULTS_FILE))
    if not scenarios:
        print(f"trials.torture.recheck: no evidence ({FAULTS_FILE}) below {folder}", file=sys.stderr)
        return 2
    violations = [violation for scenario in scenarios for violation in _recheck(scenario)]
    for violation in violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations)} violations")
    return 1 if violations else 0


def _recheck(scenario: Path) -> list[str]:
    faults = (scenario / FAULTS_FILE).read_bytes()
    setting, _ = msgspec.json.decode(faults, type=tuple[Setting, list[Broken]])
    file = scenario / BOOKS_FILE
    books = msgspec.json.decode(file.read_bytes(), type=Books) if file.exists() else None
    logs = {place.name: load_log(scenario / log_file(place)) for place in setting.ledgers}
    return find_violations(setting, read_calls(scenario / CALLS_FILE), logs, books)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m trials.torture.recheck", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="named by a run of `torture`")
    sys.exit(main(parser.parse_args().folder))
