"""The demo as a command: a real server, a fresh ledger, one JSON object, and the console."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
DEMO_SECONDS_MAX = 300
STOP_SECONDS_MAX = 30


def test_the_demo_finds_nothing_to_be_surprised_at_and_shows_its_console() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--json", "--stay"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        watchdog = threading.Timer(DEMO_SECONDS_MAX, demo.kill)
        watchdog.start()
        try:
            assert demo.stdout is not None
            assert demo.stderr is not None
            report = json.loads(demo.stdout.readline())
            shown: dict[str, str] = {}
            while "token" not in shown and (line := demo.stderr.readline()):
                name, _, value = line.partition(" ")
                shown[name] = value.strip()
            request = urllib.request.Request(
                shown["console"], headers={"cookie": f"seatledger_console={shown['token']}"}
            )
            with urllib.request.urlopen(request, timeout=10) as page:
                board = page.read().decode()
        finally:
            watchdog.cancel()
            demo.send_signal(signal.SIGTERM)
            _, complaints = demo.communicate(timeout=STOP_SECONDS_MAX)
    assert demo.returncode == 0, complaints
    assert "Seats free at position" in board
    assert report["surprises"] == []
    assert report["ok"] is True
    assert report["verify"]["ok"] is True
    assert report["proof"]["proved"]
    assert report["proof"]["forgery_found"]
    assert report["timetable"]["flights"] == 773
    assert report["rush"]["sold"] == min(report["rush"]["seats"], report["rush"]["buyers"])
    assert report["money"]["cancelled"]["paid"] > 0
    assert report["seats"]["booked_as_counted"] == report["seats"]["booked_as_told"] > 1_000
    assert all(attempt["as_expected"] for attempt in report["refusals"])
