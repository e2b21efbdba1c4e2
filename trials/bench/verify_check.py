"""Run `seatledger verify` as a check of the benchmark."""

import json
import subprocess
import sys
from pathlib import Path

from trials.bench.report import BenchCheck
from trials.bench.servers import clean_environment
from trials.programs.program import ROOT


def verified(data: Path, what: str = "verify") -> BenchCheck:
    """Check that the ledger in the data folder verifies, running or not."""
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", "--data", str(data), "--json"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(ran.stdout)
    except ValueError:
        return BenchCheck(what, False, ran.stderr[-1000:])
    told = f"{said['checked']:,} events" + (f"; {said['reason']}" if said["reason"] else "")
    return BenchCheck(what, bool(said["ok"]), told)
