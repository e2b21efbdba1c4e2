"""The metrics folder is removed when its program ends, or by the next program after a kill."""

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
