"""The demo as a user starts it: a real server, its own fresh ledger, and one JSON object at the end."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_SECONDS_MAX = 300


def test_the_demo_finds_nothing_to_be_surprised_at() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS_MAX,
    )
    told = json.loads(demo.stdout)
    assert told["surprises"] == []
    assert demo.returncode == 0, demo.stderr
    assert told["ok"] is True
    assert told["verify"]["ok"] is True
    assert told["proof"]["proved"]
    assert told["proof"]["forgery_found"]
    assert told["timetable"]["flights"] == 773
    assert told["rush"]["sold"] == min(told["rush"]["seats"], told["rush"]["buyers"])
    assert told["money"]["cancelled"]["paid"] > 0
    assert told["seats"]["booked_as_counted"] == told["seats"]["booked_as_told"] > 1_000
    assert all(attempt["as_expected"] for attempt in told["refusals"])
