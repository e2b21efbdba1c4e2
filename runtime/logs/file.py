"""A log file that several processes append to and rotate without losing a line."""

import fcntl
import os
import stat
import sys
from pathlib import Path

SIZE_MAX_BYTES = 20_000_000
KEPT_FILES_MAX = 5


class SharedFile:
    """Appends lines to `path`. A full file becomes `path.1`, that one `path.2`, up to `kept_max`.

    Safe for any number of processes on a local file system (loguru serialises the threads of a process):

    - A line is one write in append mode, which the kernel appends in one piece.
    - Before each line, the file at `path` is compared with the open one, so that every process follows a
      rotation, an outside logrotate or a deletion. A line written in between lands in `path.1`.
    - A process rotates only while it holds a lock on the file at `path`; moving the file is the last step.
      Without the lock, a process does not wait: its line makes the file a little longer.

    An error of the file (a full disk) drops lines, is printed once on standard error, and never raises. A
    pipe, a link or a device is written to and never moved.
    """

    def __init__(
        self, path: Path, size_max_bytes: int = SIZE_MAX_BYTES, kept_max: int = KEPT_FILES_MAX
    ) -> None:
        """Open the file. Raises OSError."""
        self.dropped = 0
        self._path = Path(os.path.abspath(path))
        self._size_max_bytes = size_max_bytes
        self._kept_max = kept_max
        self._error = ""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = -1
        self._pid = 0
        self._open()

    def write(self, line: bytes) -> None:
        message = ""
        try:
            message = self._make_room()
            if os.write(self._fd, line) < len(line):
                os.write(self._fd, b"\n")  # the disk is full; end the partial line
                raise OSError("short write")
        except OSError as error:
            self.dropped += 1
            message = f"{error.strerror or error}; log lines are dropped"
        if message != self._error:
            self._error = message
            _print(f"{self._path}: {message or f'written again, {self.dropped} lines were dropped so far'}")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        # With O_NONBLOCK, a named pipe without a reader fails at once instead of blocking the start.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fresh = os.open(self._path, flags, 0o640)
        self.close()
        self._fd, self._pid = fresh, os.getpid()

    def _make_room(self) -> str:
        """Open the current file at `path`, rotated if full. Return the reason if rotation failed, else ''."""
        # After a fork, the inherited descriptor shares the parent's lock, so a child opens its own.
        if self._pid != os.getpid() or not self._is_current():
            self._open()
        if os.fstat(self._fd).st_size >= self._size_max_bytes:
            try:
                if self._rotate():
                    self._open()
            except OSError as error:
                return f"{error.strerror or error}; the file is full and cannot be moved away, so it grows"
        return ""

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _rotate(self) -> bool:
        """Rename the files, unless another process does so. Return whether a new file must be opened."""
        if os.path.lexists(self._path) and not stat.S_ISREG(os.lstat(self._path).st_mode):
            return False
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            if self._is_current():
                self._move_up()
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        return True

    def _move_up(self) -> None:
        names = [f"{self._path}", *(f"{self._path}.{number}" for number in range(1, self._kept_max + 1))]
        for older, newer in reversed(list(zip(names[1:], names, strict=False))):
            if os.path.exists(newer):
                os.replace(newer, older)


def _print(sentence: str) -> None:
    try:
        print(sentence, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
