"""The metrics folder is removed when its program ends, or by the next program after a kill."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from api.http.metrics_dir import metrics_folder

HOLDER = """
import sys
from api.http.metrics_dir import metrics_folder
with metrics_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def holder(checkout: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_folder_of_a_killed_program_is_removed_by_the_next(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with holder:
        left = Path(holder.stdout.readline().strip())  # type: ignore[union-attr]
        holder.kill()
    assert left.is_dir()
    with metrics_folder() as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_running_program_is_not_removed(holder: subprocess.Popen[str]) -> None:
    with holder:
        used = Path(holder.stdout.readline().strip())  # type: ignore[union-attr]
        with metrics_folder():
            assert used.is_dir()
    assert not used.exists()


COUNTERS = """
import multiprocessing, os, re, signal
from pathlib import Path
from api.http import metrics

fork = multiprocessing.get_context("fork")

def count_and_die(ready, others):
    metrics.observe("GET", "/", 200, 0.01)
    ready.set()
    others.wait()
    os.kill(os.getpid(), signal.SIGKILL)

for _ in range(5):
    pair = [(fork.Event(), fork.Event()) for _ in range(2)]
    workers = [fork.Process(target=count_and_die, args=events) for events in pair]
    for worker in workers:
        worker.start()
    for ready, _ in pair:
        assert ready.wait(30)
    for _, others in pair:
        others.set()
    for worker in workers:
        worker.join(30)
text = metrics.exposition(0, 0).decode()
counts = re.findall(r"^seatledger_http_request(?:s_total|_seconds_count).* (.*)$", text, re.M)
print(len(list(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db"))), *counts)
"""


def test_restarted_workers_continue_the_files_and_counts_of_dead_ones(checkout: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTERS],
        cwd=checkout,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # The main process and two workers at a time have a file of counters and one of a histogram each.
    files, requests, durations = map(float, done.stdout.split())
    assert (files <= 6, requests, durations) == (True, 10, 10), done.stdout
