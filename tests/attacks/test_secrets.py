"""Secrets appear in no log, traceback, error message or tracked file."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from cli.tokens import SECRET_FILE, jwt_secret
from runtime.settings import Settings
from tests.contract.program import REPOSITORY, clean_environment
from tests.programs import find_program, needs
from tests.waiting import wait_until
from trials.programs.ports import free_port

PASSWORD = "hunter2hunter2"
SECRET = "swordfish-swordfish-swordfish-swordfish"
NOWHERE = f"postgresql://ann:{PASSWORD}@127.0.0.1:9/ledger?connect_timeout=1"
SECONDS = 1
START_SECONDS_MAX = 30

FAILED_STARTS = {
    "api": (["api"], NOWHERE),
    "scheduler": (["scheduler"], NOWHERE),
    "migrate": (["migrate"], NOWHERE),
    "verify": (["verify"], NOWHERE),
    "up": (["up"], NOWHERE),
    "workers alone": (None, NOWHERE),
    "a keyword string": (
        ["migrate"],
        f"host=127.0.0.1 port=9 user=ann password={PASSWORD} connect_timeout=1",
    ),
    "an unknown option": (["migrate"], NOWHERE + "&no_such_option=1"),
    "a broken address": (["migrate"], f"postgresql://ann:{PASSWORD}@[::1/ledger"),
    "a stray at sign": (["migrate"], f"postgresql://ann:{PASSWORD}@x@127.0.0.1:9/ledger"),
    "a broken keyword string": (["migrate"], f"password={PASSWORD} port=none host"),
    "no address at all": (["migrate"], PASSWORD),
}

PATTERNS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "a cloud key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a forge's token": re.compile(r"\b(gh[pousr]_\w{36}|github_pat_\w{22,}|glpat-[\w-]{20}|sk-[\w-]{32,})"),
    "a chat's token": re.compile(r"\bxox[abprs]-[\w-]{10,}"),
    "a password in an address": re.compile(r"://[^\s:/@{}<>$\"'`]+:(?P<word>[^\s/@{}<>$\"'`]{3,})@[\w.-]+"),
}
SAMPLES = {"password", "hunter2", "swordfish", PASSWORD}
"""Passwords of examples and tests, which give access to nothing."""


@pytest.mark.parametrize("case", FAILED_STARTS)
def test_a_failed_start_prints_no_password(case, tmp_path):
    arguments, url = FAILED_STARTS[case]
    text = output(arguments, tmp_path, DATABASE_URL=url)
    assert text.strip()
    for word in (PASSWORD, SECRET):
        assert word not in text


@pytest.mark.parametrize("secret_text", ["too-short-a-secret", SECRET])
def test_a_wrong_setting_prints_no_secret(secret_text, tmp_path):
    text = output(["migrate"], tmp_path, SEATLEDGER_JWT_SECRET=secret_text, SEATLEDGER_PORT="none")
    assert "SEATLEDGER_" in text
    assert secret_text not in text


def test_a_new_secret_file_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "new" / SECRET_FILE
    assert jwt_secret(Settings(data=path.parent)) == path.read_text().strip()
    assert path.stat().st_mode & 0o077 == 0


def test_no_tracked_file_holds_a_secret():
    paths = list(files_not_ignored(REPOSITORY))
    assert REPOSITORY / "README.md" in paths
    assert Path(__file__) in paths
    for path in paths:
        if names := find_leaks(path):
            raise AssertionError(f"{path}: {', '.join(names)}")


@needs("git")
def test_the_scan_reads_what_git_tracks():
    """Control. Without git the scan reads the folder, and leaves out what .gitignore names."""
    listed = subprocess.run(
        [find_program("git"), "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout")
    tracked = {REPOSITORY / name for name in filter(None, listed.stdout.split("\0"))}
    assert {path for path in tracked if path.is_file()} <= set(files_not_ignored(REPOSITORY))


def test_the_scan_finds_secrets(tmp_path):
    """Control. The secrets are joined from parts, or the scan would find them in this file."""
    for text in (
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a" * 36,
        "postgresql://ann:" + "correcthorse@db.example/ledger",
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJhbGljZSJ9." + "a" * 43,
    ):
        (tmp_path / "file").write_text(text)
        assert find_leaks(tmp_path / "file"), text


def files_not_ignored(root: Path) -> Iterator[Path]:
    """Yield the files of a checkout, without those that .gitignore names."""
    lines = (root / ".gitignore").read_text().splitlines()
    patterns = [line.rstrip("/") for line in lines if line and line[0] not in "#!"]
    kept = {line.strip("!/") for line in lines if line.startswith("!")}

    def is_ignored(path: Path) -> bool:
        place = path.relative_to(root).as_posix()
        if path.name == ".git" or place in kept:
            return place not in kept
        return any(fnmatch(place if "/" in pattern else path.name, pattern) for pattern in patterns)

    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_ignored(Path(folder, name))]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not is_ignored(path):
                yield path


def find_leaks(path: Path) -> list[str]:
    text = path.read_text(errors="replace")
    return [
        name
        for name, pattern in PATTERNS.items()
        for match in pattern.finditer(text)
        if match.groupdict().get("word") not in SAMPLES
    ]


def output(arguments, folder, **environment):
    """Return what a program prints until it ends, or in the second after its first line, at DEBUG."""
    module = ("-m", "api.serve") if arguments is None else ("-m", "cli.main", *arguments)
    settings = {
        "SEATLEDGER_LOG_LEVEL": "DEBUG",
        "SEATLEDGER_JWT_SECRET": SECRET,
        "SEATLEDGER_DATA": str(folder),
        "SEATLEDGER_PORT": str(free_port()),
    }
    path = folder / "output.txt"
    with (
        path.open("wb") as file,
        subprocess.Popen(
            [sys.executable, *module],
            cwd=REPOSITORY,
            env=clean_environment() | settings | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        wait_until(lambda: process.poll() is not None or path.stat().st_size, START_SECONDS_MAX)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(15)
    return path.read_text()
