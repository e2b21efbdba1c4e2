"""The load generator wrk: from PATH, or downloaded once as a Debian or Ubuntu package.

Packages are unpacked into a cache folder and not installed, so root is not needed, nor the package lists of
the machine.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

CACHE = Path(__file__).with_name(".cache")
PACKAGE = "wrk"
SECONDS_MAX = 180
MISSING = (
    "the load generator wrk is not on PATH, and could not be downloaded: install it (apt-get install wrk)"
)


class NoLoadGenerator(Exception):
    """wrk is not available. The message says what to install."""


class Generator(NamedTuple):
    program: str
    environment: dict[str, str]


@cache
def generator() -> Generator:
    """Find or download wrk. Raises NoLoadGenerator."""
    if program := shutil.which(PACKAGE):
        return Generator(program, dict(os.environ))
    unpacked = CACHE / PACKAGE
    if not unpacked.exists():
        try:
            _fetch(unpacked)
        except (OSError, subprocess.SubprocessError) as problem:
            raise NoLoadGenerator(f"{MISSING}: {_reason(problem)}") from problem
    libraries = {str(library.parent) for library in unpacked.glob("usr/lib/**/*.so.*")}
    found = Generator(
        str(unpacked / "usr/bin/wrk"), dict(os.environ) | {"LD_LIBRARY_PATH": ":".join(libraries)}
    )
    # `wrk -v` exits with 1 on success.
    version = subprocess.run(
        [found.program, "-v"], env=found.environment, capture_output=True, text=True, check=False
    )
    if not version.stdout.startswith("wrk"):
        raise NoLoadGenerator(f"{MISSING}; remove {CACHE} to try again: {version.stderr.strip()}")
    return found


def is_available() -> bool:
    """Return whether wrk is available without a download."""
    return shutil.which(PACKAGE) is not None or (CACHE / PACKAGE).exists()


def _fetch(unpacked: Path) -> None:
    """Download the package, with the libraries that this machine lacks, and unpack it."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        own = [f"Dir::State={folder}/state", f"Dir::Cache={folder}/cache", "APT::Sandbox::User="]
        own += ["Dir::State::status=/var/lib/dpkg/status", "Debug::NoLocking=1"]
        apt_get = ["apt-get", "--quiet", *(f"--option={option}" for option in own)]
        _run([*apt_get, "update"])
        _run([*apt_get, "install", "--yes", "--download-only", "--reinstall", PACKAGE])
        for package in folder.glob("cache/archives/*.deb"):
            _run(["dpkg", "-x", str(package), str(folder / "unpacked")])
        (folder / "unpacked").rename(unpacked)


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_MAX)


def _reason(problem: Exception) -> str:
    """Return the last line of the error output."""
    output = getattr(problem, "stderr", None) or str(problem)
    return str(output).strip().splitlines()[-1]
