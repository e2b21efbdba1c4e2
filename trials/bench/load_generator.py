"""The load generator wrk: from PATH, or downloaded once as a Debian or Ubuntu package.

Packages are unpacked into a cache folder and not installed, so root is not needed. If the machine has no
package lists, they are downloaded to the cache as well.
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
    found = Generator(
        str(unpacked / "usr/bin/wrk"), dict(os.environ) | {"LD_LIBRARY_PATH": _libraries(unpacked)}
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
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        try:
            _download(folder, [])
        except subprocess.CalledProcessError:
            _download(folder, _own_lists(CACHE / "apt"))
        for package in folder.glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(folder / "unpacked")])
        (folder / "unpacked").rename(unpacked)


def _download(folder: Path, options: list[str]) -> None:
    """Download wrk and its special libraries; the common ones exist on every machine."""
    output = _run(["apt-cache", *options, "depends", "--important", PACKAGE])
    names, alternative = [PACKAGE], False
    for line in output.splitlines():
        kind, _, package = line.strip().partition(": ")
        # "|Depends" means that the next line is an alternative.
        if kind.endswith("Depends") and not alternative and package.startswith(("libluajit", "libssl")):
            names.append(package)
        alternative = kind.startswith("|")
    _run(["apt-get", *options, "download", "-q", *names], folder)


def _own_lists(place: Path) -> list[str]:
    """Download package lists to the cache, and return the apt options that use them."""
    options = []
    for option, name in (("Dir::State", "state"), ("Dir::Cache", "cache")):
        (place / name / ("lists" if name == "state" else "archives") / "partial").mkdir(
            parents=True, exist_ok=True
        )
        options += ["-o", f"{option}={place / name}"]
    options += ["-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User="]
    _run(["apt-get", *options, "update", "-q"])
    return options


def _libraries(unpacked: Path) -> str:
    return ":".join(sorted({str(library.parent) for library in unpacked.glob("usr/lib/**/*.so.*")}))


def _run(command: list[str], folder: Path | None = None) -> str:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=SECONDS_MAX
    ).stdout


def _reason(problem: Exception) -> str:
    """Return the last line of the error output."""
    output = getattr(problem, "stderr", None) or str(problem)
    return str(output).strip().splitlines()[-1]
