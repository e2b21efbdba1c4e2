"""`python -m faults.rejudge FOLDER`: judge again what a run left as evidence."""

import sys
from pathlib import Path

from faults.judge import judge
from faults.judge.log import saved
from faults.records import read_calls
from faults.stage import CALLS_FILE, LOG_FILE


def main(folder: Path) -> int:
    """1 when the judge finds a violation in any stage below this folder."""
    violations = [
        violation
        for log in sorted(folder.rglob(LOG_FILE))
        for violation in judge(read_calls(log.with_name(CALLS_FILE)), saved(log))
    ]
    for violation in violations:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
