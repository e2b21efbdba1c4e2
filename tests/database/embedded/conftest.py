"""Data folders with real servers, and programs that use them; every test checks that no process is left."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from database.embedded import remove_database
from database.embedded.locks import is_locked
from database.embedded.processes import postmaster_id, server_processes

ROOT = Path(__file__).resolve().parents[3]

# PYTHONPATH is for the system's Python: other accounts may be unable to read this environment.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
    "PYTHONDONTWRITEBYTECODE": "1",
}

USER = """
import sys
from pathlib import Path
from database.embedded import ensure_running, running_database
with running_database(None, Path(sys.argv[1])) as url:
    print(url, flush=True)
    for line in sys.stdin:
        ensure_running(Path(sys.argv[1]))
        print("ensured", flush=True)
"""


class User:
    """A program that uses the embedded database of a folder until its input ends."""

    def __init__(self, data: Path, *, prefix: list[str] | None = None, python: str = sys.executable) -> None:
        self.process = subprocess.Popen(
            [*(prefix or []), python, "-P", "-c", USER, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        self._url = ""

    @property
    def url(self) -> str:
        self._url = self._url or self._read_line()
        return self._url

    def ensure_running(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self._read_line() == "ensured"

    def leave(self) -> int:
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _read_line(self) -> str:
        return self.process.stdout.readline().strip()


class Folder:
    """A data folder, and the processes of its server."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.users: list[User] = []

    def user(self, **options) -> User:
        user = User(self.data, **options)
        self.users.append(user)
        return user

    @property
    def place(self) -> Path:
        pointer = self.data / "postgres.place"
        return Path(pointer.read_text().strip()) if pointer.exists() else self.data / "postgres"

    @property
    def cluster(self) -> Path:
        return self.place / "cluster"

    @property
    def log(self) -> str:
        return (self.data / "postgres.log").read_text()

    def postmaster(self) -> int:
        process = postmaster_id(self.cluster)
        assert process in server_processes(self.cluster), "postmaster.pid names another process"
        return process

    def keeper(self) -> int:
        """Return the parent of the postmaster, after a check that it is the keeper of this folder."""
        status = Path(f"/proc/{self.postmaster()}/status").read_text()
        parent = int(status.split("PPid:")[1].split()[0])
        assert str(self.data).encode() in Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        return parent

    def server_processes(self) -> list[int]:
        return server_processes(self.cluster)

    def keeper_checks_users(self) -> bool:
        """Return whether the keeper holds the lock of the users, or waits for it."""
        inode = (self.data / "users.lock").stat().st_ino
        locks = Path("/proc/locks").read_text().splitlines()
        return any(f" {self.keeper()} " in lock and f":{inode} " in lock for lock in locks)

    def end(self) -> None:
        for user in self.users:
            user.kill()
        eventually(lambda: not is_locked(self.data / "keeper.lock"))
        assert not self.server_processes()


def eventually(holds: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    with suppress(FileNotFoundError):
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    return False


def kill_server(folder: Folder) -> None:
    """Kill all processes at once. The postmaster is stopped first, so that it cannot clean up."""
    postmaster = folder.postmaster()
    os.kill(postmaster, signal.SIGSTOP)
    for process in folder.server_processes():
        os.kill(process, signal.SIGKILL)


def kill_keeper(folder: Folder) -> None:
    keeper = folder.keeper()
    os.kill(keeper, signal.SIGKILL)
    # A process with threads looks dead a moment before its last thread closes the files.
    eventually(lambda: not is_alive(keeper) and not is_locked(folder.data / "keeper.lock"))


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@contextmanager
def new_folder() -> Iterator[Path]:
    """Create a data folder that all accounts can reach; those of pytest are private to their owner."""
    data = Path(tempfile.mkdtemp(prefix="seatledger-test-"))
    data.chmod(0o755)
    yield data
    remove_database(data)
    shutil.rmtree(data)


@pytest.fixture(scope="session")
def used_data() -> Iterator[Path]:
    with new_folder() as data:
        yield data


@pytest.fixture
def folder(used_data: Path) -> Iterator[Folder]:
    """A data folder with the database of earlier tests, if there were any."""
    folder = Folder(used_data)
    yield folder
    folder.end()


@pytest.fixture
def fresh_folder() -> Iterator[Folder]:
    """A data folder without a database."""
    with new_folder() as data:
        folder = Folder(data)
        yield folder
        folder.end()
