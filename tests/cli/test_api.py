"""Command `api` alone."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.contract.program import clean_environment
from trials.programs.ports import free_port


def test_the_api_alone_says_once_that_it_is_ready(database_url: str, tmp_path: Path, checkout: Path) -> None:
    port = str(free_port())
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "api", "--port", port, "--data", str(tmp_path / "data")],
        env=clean_environment() | {"DATABASE_URL": database_url, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as api:
        try:
            assert api.stdout
            assert api.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=10) as live:
                assert live.status == 200
            api.send_signal(signal.SIGTERM)
            assert api.stdout.read() == "", "two workers, one line"
            assert api.wait(20) == 0
        finally:
            if api.poll() is None:
                os.killpg(api.pid, signal.SIGKILL)
