"""`seatledger verify`, asked as anybody would, as a check of the bench."""

import json
import subprocess
import sys
from pathlib import Path

from trials.bench.report import Check
from trials.bench.servers import REPOSITORY, clean_environment


def verified(data: Path, what: str = "verify") -> Check:
    """Whether the ledger in that data folder verifies, running or not."""
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", "--data", str(data), "--json"],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(ran.stdout)
    except ValueError:
        return Check(what, False, ran.stderr[-1000:])
    told = f"{said['checked']:,} events" + (f"; {said['reason']}" if said["reason"] else "")
    return Check(what, bool(said["ok"]), told)
