"""Secrets stay where they belong: in no log, no traceback, no message of a failed start, no file here."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.tokens import SECRET_FILE, secret
from runtime.settings import Settings
from tests.contract.program import REPOSITORY, clean_environment
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
"""Passwords of examples and tests, which open nothing."""


@pytest.mark.parametrize("case", FAILED_STARTS)
def test_a_start_that_fails_tells_no_password(case, tmp_path):
    arguments, url = FAILED_STARTS[case]
    told = output(arguments, tmp_path, DATABASE_URL=url)
    assert told.strip()
    for word in (PASSWORD, SECRET):
        assert word not in told


@pytest.mark.parametrize("given", ["too-short-a-secret", SECRET])
def test_a_wrong_setting_tells_no_secret(given, tmp_path):
    told = output(["migrate"], tmp_path, SEATLEDGER_JWT_SECRET=given, SEATLEDGER_PORT="none")
    assert "SEATLEDGER_" in told
    assert given not in told


def test_the_secret_that_is_made_is_for_its_owner_only(tmp_path):
    path = tmp_path / "new" / SECRET_FILE
    assert secret(Settings(data=path.parent)) == path.read_text().strip()
    assert path.stat().st_mode & 0o077 == 0


def test_no_tracked_file_holds_a_secret():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        if path.is_file() and (found := leaks(path)):
            raise AssertionError(f"{name}: {', '.join(found)}")


def test_the_scan_finds_what_it_looks_for(tmp_path):
    """The control, put together here so that the scan does not find this very file."""
    for text in (
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a" * 36,
        "postgresql://ann:" + "correcthorse@db.example/ledger",
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJhbGljZSJ9." + "a" * 43,
    ):
        (tmp_path / "file").write_text(text)
        assert leaks(tmp_path / "file"), text


def leaks(path: Path) -> list[str]:
    text = path.read_text(errors="replace")
    return [
        name
        for name, pattern in PATTERNS.items()
        for match in pattern.finditer(text)
        if match.groupdict().get("word") not in SAMPLES
    ]


def output(arguments, folder, **environment):
    """What a program says until it ends, or in the first second after its first word, at DEBUG."""
    module = ("-m", "api.serve") if arguments is None else ("-m", "cli.main", *arguments)
    settings = {
        "SEATLEDGER_LOG_LEVEL": "DEBUG",
        "SEATLEDGER_JWT_SECRET": SECRET,
        "SEATLEDGER_DATA": str(folder),
        "SEATLEDGER_PORT": str(free_port()),
    }
    told = folder / "told.txt"
    with (
        told.open("wb") as file,
        subprocess.Popen(
            [sys.executable, *module],
            cwd=REPOSITORY,
            env=clean_environment() | settings | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        deadline = time.monotonic() + START_SECONDS_MAX
        while process.poll() is None and not told.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(15)
    return told.read_text()
