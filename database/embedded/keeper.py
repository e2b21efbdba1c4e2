"""The keeper: a small process that starts PostgreSQL, restarts it, and stops it after its last user.

Users hold a shared lock on one file, and the keeper waits for the exclusive one. It gets the lock when the
last user has released it or was killed. With the standard library only, it starts in milliseconds.
"""

import fcntl
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from database.embedded.cluster import EmbeddedCluster, close_socket_folder, open_cluster, open_socket_folder
from database.embedded.locks import lock_within, open_lock
from database.embedded.processes import ensure_startable, has_clients
from database.embedded.programs import start_program, write_line

USERS_LOCK = "users.lock"
KEEPER_LOCK = "keeper.lock"
URL_FILE = "postgres.url"
LOG_FILE = "postgres.log"
LINGER_FILE = "postgres.keep-until"

LINGER_SECONDS_MAX = 3600  # the file may come from a machine with a wrong clock
LOG_BYTES_MAX = 10_000_000
LOG_CHECK_SECONDS = 60
FAILURES_MAX, FAILURES_WITHIN_SECONDS = 10, 60
PAUSE_SECONDS_MAX = 5
# A fast stop writes a checkpoint. An immediate stop and a kill follow; the next start recovers from those.
STOP_STEPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))


class RepeatedFailures(Exception):
    """The server ended too often to start it again."""


def main(data_folder: str, binaries: str) -> None:
    """Keep the server of a data folder running while it has users, detached from the calling process."""
    if os.fork():
        os._exit(0)  # the caller waits for this process, so it is left with no zombie
    os.umask(0o077)
    data = Path(data_folder)
    keeper = open_lock(data / KEEPER_LOCK)
    # `is_locked` holds this lock shared for an instant, so one try is not enough.
    if not lock_within(keeper, fcntl.LOCK_EX, 0.2):
        return
    users = open_lock(data / USERS_LOCK)
    # An earlier keeper may have ended with the last user; without users no keeper is needed.
    if lock_within(users, fcntl.LOCK_EX, 0):
        return
    with (data / LOG_FILE).open("ab", buffering=0) as log:
        try:
            Keeper(data, log, users).run(Path(binaries))
        except Exception as problem:
            write_line(log, f"gave up: {problem}")
    (data / URL_FILE).unlink(missing_ok=True)
    # In this order: a user that enters finds no keeper, and starts one.
    os.close(keeper)
    os.close(users)
    os._exit(0)  # a thread may still wait for the lock of the users


class Keeper:
    """Starts, restarts and stops one server, driven by a queue of events."""

    def __init__(self, data: Path, log: BinaryIO, users: int) -> None:
        self.data = data
        self.log = log
        self.users = users
        self.events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.stop_lingering = threading.Event()
        self.failures: deque[float] = deque(maxlen=FAILURES_MAX)

    def run(self, binaries: Path) -> None:
        # Signals do not stop the server while it has users: stopping a service signals all its processes at
        # once, and requests in progress still need the database. A signal only ends the lingering.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop_lingering.set())
        keep_log_short(self.log)
        cluster = open_cluster(self.data, binaries, self.log)
        socket = open_socket_folder(cluster)
        write_private(self.data / URL_FILE, cluster.url(socket))
        threading.Thread(target=self.watch_users, args=[cluster.folder], daemon=True).start()
        try:
            self.keep(cluster, socket)
        finally:
            close_socket_folder(cluster)
            (self.data / LINGER_FILE).unlink(missing_ok=True)

    def keep(self, cluster: EmbeddedCluster, socket: Path) -> None:
        """Run the server until it has no users, or until it fails repeatedly. Raises RepeatedFailures."""
        while True:
            server = self.start(cluster, socket)
            if self.next_event() == "unused":
                stop(server)
                return
            write_line(self.log, f"the server ended with {server.wait()}; starting it again")
            if self.pause() == "unused":
                return
            ensure_startable(cluster.folder)

    def start(self, cluster: EmbeddedCluster, socket: Path) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": '"' + str(socket).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            "logging_collector": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [cluster.binaries / "postgres", "-D", cluster.folder, *options]
        server = start_program(command, cluster.account, self.log)
        threading.Thread(target=self.watch_server, args=[server], daemon=True).start()
        return server

    def watch_server(self, server: subprocess.Popen[bytes]) -> None:
        server.wait()
        self.events.put("ended")

    def next_event(self) -> str:
        while True:
            try:
                return self.events.get(timeout=LOG_CHECK_SECONDS)
            except queue.Empty:
                keep_log_short(self.log)

    def pause(self) -> str | None:
        """Wait before a restart, longer after each recent failure. Raises RepeatedFailures."""
        now = time.monotonic()
        self.failures.append(now)
        if len(self.failures) == FAILURES_MAX and now - self.failures[0] < FAILURES_WITHIN_SECONDS:
            raise RepeatedFailures(
                f"the server ended {FAILURES_MAX} times within {FAILURES_WITHIN_SECONDS} s"
            )
        recent = sum(now - failure < FAILURES_WITHIN_SECONDS for failure in self.failures)
        try:
            return self.events.get(timeout=min(0.05 * 2**recent, PAUSE_SECONDS_MAX))
        except queue.Empty:
            return None

    def watch_users(self, folder: Path) -> None:
        while True:
            fcntl.flock(self.users, fcntl.LOCK_EX)
            seconds = linger_seconds(self.data)
            # Clients of a printed connection string are not cut off.
            if (self.data / LINGER_FILE).exists() and seconds <= 0 and has_clients(folder):
                seconds = 1
            if seconds <= 0 or self.stop_lingering.is_set():
                # The lock lasts until this process ends: a new user waits for that, and then starts a keeper.
                self.events.put("unused")
                return
            fcntl.flock(self.users, fcntl.LOCK_UN)
            self.stop_lingering.wait(min(seconds, 1))


def linger_seconds(data: Path) -> float:
    """Return how many more seconds the server stays without users."""
    try:
        return min(float((data / LINGER_FILE).read_text()) - time.time(), LINGER_SECONDS_MAX)
    except (FileNotFoundError, ValueError):
        return 0


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server, by a stronger signal after each time limit."""
    for number, seconds in STOP_STEPS:
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
            return


def keep_log_short(log: BinaryIO) -> None:
    """Copy a long log aside and truncate it. The file stays the same, because the server has it open."""
    path = Path(log.name)
    with suppress(OSError):  # a full disk must not end the keeper
        if path.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.ftruncate(log.fileno(), 0)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
