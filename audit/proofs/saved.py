"""Checkpoints saved in a file, one JSON object a line: read strictly, appended so that they last."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from audit.proofs import spelling
from audit.proofs.checkpoint import Checkpoint, read_checkpoint
from audit.proofs.refuted import Refuted

FILE_BYTES_MAX = 256 * 1024 * 1024
LINE_BYTES_MAX = 4096
_BEGINNING = b'{"position":'


def read_saved(path: Path) -> list[Checkpoint]:
    """All in a file, in its order; signatures are not looked at. Raises Refuted and OSError.

    A last line that is not ended is one that a crash cut short, or that is being written: it is left out.
    """
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise Refuted(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    *lines, _torn = content.split(b"\n")
    return [_read(path, f"line {number}", line) for number, line in enumerate(lines, start=1)]


def last_saved(path: Path) -> Checkpoint | None:
    """The last in a file; None when there is no file, or nothing in it. Raises Refuted and OSError."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 2 * LINE_BYTES_MAX, 0))
            *lines, _torn = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    return _read(path, "the last line", lines[-1]) if lines else None


def append(path: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """Add those that are past the last one in the file; on disk when this returns.

    Raises Refuted when the file ends with something else, OSError.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # One at a time, so that two schedulers on one machine do not write the same twice.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        last = last_saved(path)
        _drop_torn_line(path, descriptor)
        reached = last.position if last else 0
        lines = "".join(checkpoint.line() for checkpoint in checkpoints if checkpoint.position > reached)
        _write_all(descriptor, lines.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(path.parent)


def _drop_torn_line(path: Path, descriptor: int) -> None:
    """What a crash cut short says nothing; the whole line is in the database and comes again."""
    size = os.fstat(descriptor).st_size
    begin = max(size - LINE_BYTES_MAX, 0)
    tail = os.pread(descriptor, size - begin, begin)
    torn = tail[tail.rfind(b"\n") + 1 :]
    if not torn.startswith(_BEGINNING[: len(torn)]):
        # Somebody's own file, named by mistake: nothing of it may be lost.
        raise Refuted(f"{path}: does not end with a checkpoint")
    os.ftruncate(descriptor, size - len(torn))


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, place: str, line: bytes) -> Checkpoint:
    try:
        return read_checkpoint(spelling.read(line + b"\n"))
    except Refuted as refuted:
        raise Refuted(f"{path}, {place}: {refuted}") from None
