"""The demo as a command: a real server, a fresh ledger, one JSON object, and the console."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import pytest

import cli.demo.command
from cli.listen_port import PortTaken
from cli.main import main
from trials.programs.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[3]
DEMO_SECONDS_MAX = 300
STOP_SECONDS_MAX = 30


def test_the_demo_finds_nothing_to_be_surprised_at_and_shows_its_console() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--json", "--stay", "--port", str(port)],
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
    assert shown["console"] == f"http://127.0.0.1:{port}/console"
    assert "seatledger-demo-" in shown["data"]
    assert not Path(shown["data"]).exists()
    assert "Seats free at position" in board
    assert report["surprises"] == []
    assert report["ok"] is True
    assert report["verify"]["ok"] is True
    assert report["proof"]["proved"]
    assert report["proof"]["forgery_found"]
    assert report["timetable"]["flights"] == 773
    assert report["rush"]["sold"] == min(report["rush"]["seats"], report["rush"]["buyers"])
    assert report["money"]["cancelled"]["paid"] > 0
    assert report["trip"]["refunded"]["amount"] * 2 == report["trip"]["paid"]["amount"]
    assert len(report["family"]["references"]) == 2
    assert report["delay"]["moved"] == 2
    assert report["departure"]["sold"] == report["departure"]["seats"] + 2
    assert report["seats"]["booked_as_counted"] == report["seats"]["booked_as_told"] > 1_000
    assert all(attempt["as_expected"] for attempt in report["refusals"])


def test_a_demo_that_fails_keeps_its_data_folder_and_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(folder: Path, *_: object) -> int:
        (folder / "postgres.log").write_text("the reason")
        raise OSError(f"see {folder}/postgres.log")

    monkeypatch.setattr(cli.demo.command, "_play_demo", fails)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["demo"]) == 1
    (folder,) = tmp_path.iterdir()
    assert (folder / "postgres.log").read_text() == "the reason"
    assert f"is kept, with postgres.log: {folder}" in capsys.readouterr().err


def test_a_demo_to_look_at_takes_the_port_of_the_settings_or_says_that_it_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken(host: str, port: int) -> None:
        raise PortTaken(f"port {port} of {host} is in use")

    monkeypatch.setattr(cli.demo.command, "require_free", taken)
    monkeypatch.setenv("SEATLEDGER_PORT", "8765")
    for words in (["demo", "--stay"], ["demo"]):
        assert main(words) == 1
        assert "port 8765 of 127.0.0.1 is in use" in capsys.readouterr().err
