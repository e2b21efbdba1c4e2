"""The OpenAPI document and the server agree, checked by schemathesis."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.contract.people import OLGA
from tests.repetitions import times

HERE = Path(__file__).parent
SEED = "20261122"
SECONDS_MAX = 300


async def test_schemathesis_finds_no_difference_from_the_document(program, operator, tmp_path):
    flight = await operator.create_flight(seats=900)
    bookings = [(await operator.book(flight)).created() for _ in range(4)]
    full = await operator.create_flight(seats=1)
    (await operator.book(full)).created()
    parties = [
        (await operator.join_waiting_list(full, user_id=name)).created() for name in ("ann", "ben", "cid")
    ]
    targets = {
        "flight": [flight["id"], full["id"]],
        "booking": [booking["id"] for booking in bookings],
        "waiting": [party["id"] for party in parties],
    }
    ended = await asyncio.to_thread(schemathesis, program.url, targets, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    coverage = re.search(r"Selected: (\d+)/\1\n\s+Tested: \1\n", ended.stdout)
    assert coverage, ended.stdout


def schemathesis(url, targets, folder):
    """Run schemathesis in a process of its own, with all checks and the same requests in each run."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{url}/openapi.json", "--checks", "all", "--seed", SEED, "--no-color"),
            *("--max-examples", str(times(2, 20))),
        ],
        env=os.environ
        | {"PYTHONPATH": str(HERE.parents[1]), "NO_PROXY": "127.0.0.1"}
        | {"SEATLEDGER_TOKEN": OLGA.token(), "SEATLEDGER_TARGETS": json.dumps(targets)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
