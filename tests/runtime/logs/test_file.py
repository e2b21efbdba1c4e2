"""Several processes share and rotate one log file without losing a line."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from loguru import logger

from runtime.logs import configure_logs
from runtime.logs.file import SharedFile
from runtime.settings import Settings, WrongSetting

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = 4
LINES_EACH = 4_000
WRITER = """
import sys
from pathlib import Path
from runtime.logs.file import SharedFile
path, name, count, size_max, kept = sys.argv[1:]
file = SharedFile(Path(path), int(size_max), int(kept))
for number in range(int(count)):
    file.write(f"{name}-{number} {'x' * (number % 90)}\\n".encode())
sys.exit(file.dropped)
"""


def start_writer(path: Path, name: int, size_max_bytes: int, kept_max: int) -> "subprocess.Popen[bytes]":
    arguments = [str(path), str(name), str(LINES_EACH), str(size_max_bytes), str(kept_max)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], cwd=ROOT)


def test_four_processes_rotate_one_file_and_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    writers = [start_writer(path, name, 20_000, 200) for name in range(PROCESSES)]
    assert [writer.wait(60) for writer in writers] == [0] * PROCESSES
    files = list(tmp_path.iterdir())
    lines = Counter(line.split()[0] for file in files for line in file.read_text().splitlines())
    assert lines == Counter(f"{name}-{number}" for name in range(PROCESSES) for number in range(LINES_EACH))
    assert len(files) > 20


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    file = SharedFile(tmp_path / "app.log", 1_000, 3)
    for number in range(500):
        file.write(f"line {number}\n".encode())
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "app.log",
        "app.log.1",
        "app.log.2",
        "app.log.3",
    ]
    assert (tmp_path / "app.log").read_text().endswith("line 499\n")


def test_a_file_moved_or_deleted_from_outside_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    file = SharedFile(path)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    path.unlink()
    file.write(b"three\n")
    assert path.read_bytes() == b"three\n"
    file.close()


def test_a_full_disk_drops_lines_reports_once_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = SharedFile(tmp_path / "app.log")
    with monkeypatch.context() as full:
        full.setattr(
            os, "write", lambda fd, line: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        for _ in range(3):
            file.write(b"lost\n")
    file.write(b"back\n")
    file.close()
    assert file.dropped == 3
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in told] == [
        "No space left on device; log lines are dropped",
        "written again, 3 lines were dropped so far",
    ]


def test_a_file_that_cannot_be_rotated_grows_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    file = SharedFile(tmp_path / "app.log", 10)
    for _ in range(5):
        file.write(b"a line\n")
    file.close()
    assert (tmp_path / "app.log").read_bytes() == b"a line\n" * 5
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_link_is_written_through_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    file = SharedFile(tmp_path / "link", 10)
    for _ in range(5):
        file.write(b"a line\n")
    file.close()
    assert (tmp_path / "target").read_bytes() == b"a line\n" * 5
    assert (tmp_path / "link").is_symlink()


def test_a_log_file_that_cannot_be_opened_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"^SEATLEDGER_LOG_FILE='.*': Is a directory$"):
        configure_logs(Settings(log_file=tmp_path), "api")


def test_the_log_file_gets_the_lines_of_the_console(tmp_path: Path) -> None:
    path = tmp_path / "new" / "app.log"
    try:
        configure_logs(Settings(log_file=path, log_format="json"), "api")
        logger.info("Hello")
    finally:
        logger.remove()
    assert '"event":"Hello"' in path.read_text()
