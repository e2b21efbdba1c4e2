"""A file of checkpoints, one JSON object a line: strict reading, durable appending."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from audit.proofs import canonical_json
from audit.proofs.checkpoint import Checkpoint, read_checkpoint
from audit.proofs.not_proved import NotProved

FILE_BYTES_MAX = 256 * 1024 * 1024
LINE_BYTES_MAX = 4096
_BEGINNING = b'{"position":'


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """Return all checkpoints in the file, without checking signatures. Raises NotProved, OSError.

    A last line without a line feed was cut by a crash or is being written; it is left out.
    """
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise NotProved(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    *lines, _torn = content.split(b"\n")
    return [_read(path, f"line {number}", line) for number, line in enumerate(lines, start=1)]


class Stated(msgspec.Struct, frozen=True):
    """The part of a checkpoint that a log is compared with; `hash` is hex."""

    position: int
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}(?!\n)$")]


def read_stated(path: Path) -> list[Stated]:
    """Return position and hash of all checkpoints, some 30 times faster than `read_checkpoints`.

    A missing file has none. Signatures are not checked. Raises NotProved, OSError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return []
    if len(content) > FILE_BYTES_MAX:
        raise NotProved(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    try:
        return _STATED.decode_lines(content[: content.rfind(b"\n") + 1])
    except ValueError:
        raise NotProved(f"{path}: not every line is a checkpoint") from None


_STATED = msgspec.json.Decoder(Stated)


def read_last_checkpoint(path: Path) -> Checkpoint | None:
    """Return the last checkpoint; None if the file is missing or empty. Raises NotProved, OSError."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 2 * LINE_BYTES_MAX, 0))
            *lines, _torn = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    return _read(path, "the last line", lines[-1]) if lines else None


def append_checkpoints(path: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """Append the checkpoints past the last one in the file, and sync them to disk.

    Raises NotProved if the file ends with something else; OSError.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # The lock keeps two schedulers on one machine from writing a checkpoint twice.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        last = read_last_checkpoint(path)
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
    """Remove a line cut by a crash. The checkpoint is in the database and is written again."""
    size = os.fstat(descriptor).st_size
    begin = max(size - LINE_BYTES_MAX, 0)
    tail = os.pread(descriptor, size - begin, begin)
    torn = tail[tail.rfind(b"\n") + 1 :]
    if not torn.startswith(_BEGINNING[: len(torn)]):
        # The path may name a file of the user by mistake, which must stay intact.
        raise NotProved(f"{path}: does not end with a checkpoint")
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
        return read_checkpoint(canonical_json.decode(line))
    except NotProved as refuted:
        raise NotProved(f"{path}, {place}: {refuted}") from None
