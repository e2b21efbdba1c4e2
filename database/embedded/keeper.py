"""The keeper: a small process that starts PostgreSQL, restarts it, and stops it after its last user.

Users hold a shared lock on one file, and the keeper waits for the exclusive one: it gets it when the last
user has released it or has been killed. Standard library only: it starts in milliseconds and stays small.
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

from database.embedded.cluster import Cluster, close_socket_folder, open_cluster, open_socket_folder
from database.embedded.locks import lock_within, open_lock
from database.embedded.processes import ensure_startable, has_clients
from database.embedded.programs import start_program

USERS_LOCK = "users.lock"
KEEPER_LOCK = "keeper.lock"
URL_FILE = "postgres.url"
LOG_FILE = "postgres.log"
LINGER_FILE = "postgres.keep-until"

LINGER_SECONDS_MAX = 3600  # whatever a file says that a machine with a wrong clock wrote
LOG_BYTES_MAX = 10_000_000
LOG_CHECK_SECONDS = 60
FAILURES_MAX, FAILURES_WITHIN_SECONDS = 10, 60
PAUSE_SECONDS_MAX = 5
# A fast stop writes a checkpoint; then come an immediate one, which the next start recovers from, and a kill.
STOP_STEPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))


class KeepsFailing(Exception):
    """The server ended too often to be started again."""


def main(data_folder: str, binaries: str) -> None:
    """Keep the server of a data folder, detached from whoever asked for it, until nobody uses it."""
    if os.fork():
        os._exit(0)  # the caller waits for this process, and so never has a dead child to bury
    os.umask(0o077)
    data = Path(data_folder)
    keeper = open_lock(data / KEEPER_LOCK)
    # Whoever asks whether there is a keeper holds this lock shared for an instant, hence not one try only.
    if not lock_within(keeper, fcntl.LOCK_EX, 0.2):
        return
    users = open_lock(data / USERS_LOCK)
    # The keeper we waited for may have ended with the last user; and only users start keepers.
    if lock_within(users, fcntl.LOCK_EX, 0):
        return
    with (data / LOG_FILE).open("ab", buffering=0) as log:
        try:
            Keeper(data, log, users).run(Path(binaries))
        except Exception as problem:
            say(log, f"gave up: {problem}")
    (data / URL_FILE).unlink(missing_ok=True)
    # In this order: a user who gets in finds no keeper, and starts one.
    os.close(keeper)
    os.close(users)
    os._exit(0)  # a thread may still wait for the users' lock


class Keeper:
    """Starts, restarts and stops one server. What happens meanwhile arrives in one queue."""

    def __init__(self, data: Path, log: BinaryIO, users: int) -> None:
        self.data = data
        self.log = log
        self.users = users
        self.happened: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.hurry = threading.Event()
        self.failures: deque[float] = deque(maxlen=FAILURES_MAX)

    def run(self, binaries: Path) -> None:
        # Users decide when the server stops, not signals: a service's stop signals all of its processes at
        # once, and answers that are on their way still need the database. Only lingering is cut short.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.hurry.set())
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

    def keep(self, cluster: Cluster, socket: Path) -> None:
        """Run the server until nobody uses it, or until it fails again and again."""
        while True:
            server = self.start(cluster, socket)
            if self.next_event() == "nobody uses it":
                stop(server)
                return
            say(self.log, f"the server ended with {server.wait()}; starting it again")
            if self.pause() == "nobody uses it":
                return
            ensure_startable(cluster.folder)

    def start(self, cluster: Cluster, socket: Path) -> subprocess.Popen[bytes]:
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
        self.happened.put("ended")

    def next_event(self) -> str:
        while True:
            try:
                return self.happened.get(timeout=LOG_CHECK_SECONDS)
            except queue.Empty:
                keep_log_short(self.log)

    def pause(self) -> str | None:
        """Wait before a new start, longer after each recent failure. Raises KeepsFailing."""
        now = time.monotonic()
        self.failures.append(now)
        if len(self.failures) == FAILURES_MAX and now - self.failures[0] < FAILURES_WITHIN_SECONDS:
            raise KeepsFailing(f"the server ended {FAILURES_MAX} times within {FAILURES_WITHIN_SECONDS} s")
        recent = sum(now - failure < FAILURES_WITHIN_SECONDS for failure in self.failures)
        try:
            return self.happened.get(timeout=min(0.05 * 2**recent, PAUSE_SECONDS_MAX))
        except queue.Empty:
            return None

    def watch_users(self, folder: Path) -> None:
        while True:
            fcntl.flock(self.users, fcntl.LOCK_EX)
            seconds = linger_seconds(self.data)
            # A connection string was handed out: whoever is connected by it is not cut off.
            if (self.data / LINGER_FILE).exists() and seconds <= 0 and has_clients(folder):
                seconds = 1
            if seconds <= 0 or self.hurry.is_set():
                # Kept until this process ends: whoever comes now waits, and then starts afresh.
                self.happened.put("nobody uses it")
                return
            fcntl.flock(self.users, fcntl.LOCK_UN)
            self.hurry.wait(min(seconds, 1))


def linger_seconds(data: Path) -> float:
    """Return for how long the server is to stay although nobody uses it."""
    try:
        return min(float((data / LINGER_FILE).read_text()) - time.time(), LINGER_SECONDS_MAX)
    except (FileNotFoundError, ValueError):
        return 0


def stop(server: subprocess.Popen[bytes]) -> None:
    for number, seconds in STOP_STEPS:
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
            return


def keep_log_short(log: BinaryIO) -> None:
    """Move the log's content aside when it is long. The server appends to the same open file, so it stays."""
    path = Path(log.name)
    with suppress(OSError):  # a full disk must not end the keeper as well
        if path.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.ftruncate(log.fileno(), 0)


def write_private(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def say(log: BinaryIO, line: str) -> None:
    with suppress(OSError):
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} keeper: {line}\n".encode())
