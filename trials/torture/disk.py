"""A small disk for the database that can be filled. Needs root and the right to mount."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEGABYTES = 400
FILLER = "filler"
CHUNK = bytes(1 << 20)
SYSTEM = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
"""Folders of `mount` and `umount`, whatever the PATH is."""


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk on a new folder; yield False, with an ordinary folder, if that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, env=SYSTEM, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            _unmount(folder)


def fill(folder: Path) -> None:
    """Fill it to the last byte."""
    with suppress(OSError), (folder / FILLER).open("ab", buffering=0) as filler:
        while filler.write(CHUNK):
            pass


def free(folder: Path) -> None:
    (folder / FILLER).unlink(missing_ok=True)


def _unmount(folder: Path) -> None:
    for _ in range(50):
        unmounted = subprocess.run(["umount", str(folder)], env=SYSTEM, capture_output=True, check=False)
        if unmounted.returncode == 0:
            return
        time.sleep(0.2)
    subprocess.run(["umount", "--lazy", str(folder)], env=SYSTEM, capture_output=True, check=False)
