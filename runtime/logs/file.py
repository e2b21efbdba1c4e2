"""A log file that several processes append to and rotate without losing a line."""

import fcntl
import os
import stat
import sys
from pathlib import Path

SIZE_MAX_BYTES = 20_000_000
KEPT_FILES_MAX = 5


class SharedFile:
    """Lines go to exactly `path`; when it is full it becomes `path.1`, that one `path.2`, up to `kept_max`.

    Safe for any number of processes on a local file system (the threads of one take turns in loguru):

    - a line is one write in append mode, which the kernel puts at the end of the file in one piece;
    - before each line the file at `path` is compared with the one held open, so that everybody follows a
      rotation, an outside logrotate or a deletion by their next line. A line that slips in between lands
      in `path.1`, late but not lost;
    - only who has locked the very file that is at `path` may rotate, and moving it away is the last step.
      Nobody waits for the lock: without it, the line makes the file a little longer.

    Trouble with the file (a full disk) drops lines, is told once on standard error, and never raises. What
    is not a regular file (a pipe, a link, a device) is written to and left where it is.
    """

    def __init__(
        self, path: Path, size_max_bytes: int = SIZE_MAX_BYTES, kept_max: int = KEPT_FILES_MAX
    ) -> None:
        """Raises OSError when the file cannot be opened."""
        self.dropped = 0
        self._path = Path(os.path.abspath(path))
        self._size_max_bytes = size_max_bytes
        self._kept_max = kept_max
        self._complaint = ""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = -1
        self._pid = 0
        self._open()

    def write(self, line: bytes) -> None:
        complaint = ""
        try:
            complaint = self._make_room()
            if os.write(self._fd, line) < len(line):
                os.write(
                    self._fd, b"\n"
                )  # the disk filled up in mid-line: at least the next one stands alone
                raise OSError("short write")
        except OSError as error:
            self.dropped += 1
            complaint = f"{error.strerror or error}; log lines are dropped"
        if complaint != self._complaint:
            self._complaint = complaint
            _tell(f"{self._path}: {complaint or f'written again, {self.dropped} lines were dropped so far'}")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        # O_NONBLOCK: a named pipe without a reader is an error at once, not a program that never starts.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fresh = os.open(self._path, flags, 0o640)
        self.close()
        self._fd, self._pid = fresh, os.getpid()

    def _make_room(self) -> str:
        """Hold the file that is at `path` now and has room; what stands in the way of rotating it, if any."""
        # After a fork the parent's descriptor would share the parent's lock too: a child opens its own.
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
        """Move the files up by one, unless somebody is about it already; is there a new file to open?"""
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


def _tell(sentence: str) -> None:
    try:
        print(sentence, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
