"""The embedded PostgreSQL server: started by its first user, stopped after its last one.

This module is the interface of the package; the other modules are private to it.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from database.embedded.binaries import VARIABLE
from database.embedded.startup import (
    LEAVE_SECONDS_MAX,
    POLL_SECONDS,
    EmbeddedDatabaseFailed,
    failure,
    start_keeper,
    wait_for_answer,
)

if os.name == "posix":  # other systems lack these locks, so they need a DATABASE_URL
    import fcntl

    from database.embedded.cluster import (
        PASSWORD_FILE,
        POINTER_FILE,
        ClusterMissing,
        account_for,
        find_place,
        has_shared_memory,
        shares_account,
    )
    from database.embedded.keeper import (
        KEEPER_LOCK,
        LINGER_FILE,
        LOG_FILE,
        USERS_LOCK,
        linger_seconds,
        write_private,
    )
    from database.embedded.locks import is_locked, lock_within, open_lock

__all__ = [
    "LOG_FILE",
    "EmbeddedDatabaseFailed",
    "account_warning",
    "ensure_running",
    "existing_database",
    "is_in_use",
    "keep_for",
    "lacks_shared_memory",
    "remove_database",
    "running_database",
    "use_programs",
]

ENTER_SECONDS_MAX = 90  # the longest time that an earlier server takes to stop


def use_programs(folder: Path) -> None:
    """Run the PostgreSQL programs in this folder, here and in child processes."""
    os.environ[VARIABLE] = str(folder.resolve())


def account_warning(data: Path) -> str | None:
    """Return a line if the server of this data folder runs, or is going to run, as a shared account."""
    try:
        shared = os.name == "posix" and shares_account(find_place(data.resolve()))
    except (ClusterMissing, KeyError):
        return None
    if not shared:
        return None
    return (
        "the embedded database runs as the user nobody, which other programs may share:"
        " create a user postgres before the first start, or set DATABASE_URL"
    )


@contextmanager
def running_database(
    database_url: str | None, data: Path, *, log: Callable[[str], object] = lambda line: None
) -> Iterator[str]:
    """Yield the owner's connection string: `database_url`, or that of the embedded server in folder `data`.

    All processes inside this context share the server, which stops when the last one leaves. The first use
    creates the database. Raises EmbeddedDatabaseFailed, and OSError for a folder that cannot be written.
    """
    if database_url:
        yield database_url
        return
    if os.name != "posix":
        raise EmbeddedDatabaseFailed("the embedded database needs Linux or macOS: set DATABASE_URL")
    data = data.resolve()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    users = open_lock(data / USERS_LOCK)
    try:
        if not lock_within(users, fcntl.LOCK_SH, ENTER_SECONDS_MAX):
            raise failure(data, "an earlier server does not stop")
        yield wait_for_answer(data, log)
    finally:
        _leave(data, users)


@contextmanager
def existing_database(database_url: str | None, data: Path) -> Iterator[str]:
    """Yield a connection string like `running_database`, but never create a database.

    Raises EmbeddedDatabaseFailed for a folder without one, because its name may be mistyped.
    """
    try:
        missing = os.name == "posix" and not database_url and find_place(data.resolve()) is None
    except ClusterMissing as problem:
        raise EmbeddedDatabaseFailed(str(problem)) from None
    if missing:
        raise EmbeddedDatabaseFailed(f"there is no database in {data}: check the folder (--data)")
    with running_database(database_url, data) as url:
        yield url


def ensure_running(data: Path) -> None:
    """Replace a keeper that was killed, without waiting for the server to answer.

    A long-running process inside `running_database` calls this every second; while the keeper lives, a call
    takes microseconds. Raises EmbeddedDatabaseFailed if there are no PostgreSQL programs.
    """
    data = data.resolve()
    if not is_locked(data / KEEPER_LOCK):
        start_keeper(data)


def lacks_shared_memory(data: Path) -> bool:
    """Return whether the embedded server runs without /dev/shm, on files in its folder instead."""
    return os.name == "posix" and not has_shared_memory(account_for(find_place(data.resolve())))


def keep_for(data: Path, seconds: float) -> None:
    """Keep the server running that long after its last user, one hour at most.

    For a connection string that was printed.
    """
    write_private(data.resolve() / LINGER_FILE, str(time.time() + seconds))


def is_in_use(data: Path) -> bool:
    """Return whether a program uses the embedded server now, apart from a printed connection string."""
    data = data.resolve()
    return data.is_dir() and is_locked(data / KEEPER_LOCK) and linger_seconds(data) <= 0


def remove_database(data: Path) -> None:
    """Delete the embedded database of a data folder, wherever its files are.

    Raises EmbeddedDatabaseFailed while it is in use.
    """
    data = data.resolve()
    users = open_lock(data / USERS_LOCK)
    try:
        if not lock_within(users, fcntl.LOCK_EX, LEAVE_SECONDS_MAX) or is_locked(data / KEEPER_LOCK):
            raise failure(data, "it is in use and cannot be removed")
        if place := find_place(data):
            shutil.rmtree(place)
        for name in (POINTER_FILE, PASSWORD_FILE, LOG_FILE):
            (data / name).unlink(missing_ok=True)
    finally:
        os.close(users)


def _leave(data: Path, users: int) -> None:
    """Release the shared lock, and wait until the server stops unless there are other users.

    So a program that ends leaves no server process behind.
    """
    fcntl.flock(users, fcntl.LOCK_UN)
    other_users = 0
    deadline = time.monotonic() + LEAVE_SECONDS_MAX
    try:
        while time.monotonic() < deadline and is_locked(data / KEEPER_LOCK) and linger_seconds(data) <= 0:
            # A shared lock is granted and an exclusive one is not: there are other users. Two tries, because
            # another process that is leaving looks the same for an instant.
            if lock_within(users, fcntl.LOCK_SH, 0):
                other_users += not lock_within(users, fcntl.LOCK_EX, 0)
                fcntl.flock(users, fcntl.LOCK_UN)
                if other_users == 2:
                    return
            time.sleep(POLL_SECONDS)
    finally:
        os.close(users)
