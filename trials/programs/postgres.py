"""PostgreSQL servers for drills, each in its own folder: started, killed, copied, promoted and removed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from psycopg import sql

from database.embedded.binaries import find_binaries
from database.embedded.cluster import account_for
from database.embedded.processes import postmaster_id, send, server_processes
from database.embedded.programs import run_program, start_program
from database.embedded.reachable import reachable_binaries

USER = DATABASE = "seatledger"
WAIT_SECONDS_MAX = 60
POLL_SECONDS = 0.02

SETTINGS = {
    # No network and no password: only the server's account and root can enter the socket's folder.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "log_min_error_statement": "panic",
}


class NoPrograms(Exception):
    """PostgreSQL programs that a drill needs are missing."""


class Ground:
    """A folder for the servers of one drill, with the PostgreSQL programs and the account that runs them."""

    def __init__(self, folder: Path, log: BinaryIO) -> None:
        self.folder = folder
        self._log = log
        self._account = account_for(None)
        binaries = find_binaries()
        if binaries is None or not os.access(binaries / "pg_basebackup", os.X_OK):
            raise NoPrograms("the PostgreSQL programs (postgres, initdb, pg_basebackup) were not found")
        self._binaries = reachable_binaries(binaries, self._account) if self._account else binaries
        self.servers: list[Server] = []

    def folder_for(self, name: str) -> Path:
        """Create a folder that only the servers' account can enter."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        if self._account:
            os.chown(folder, self._account.uid, self._account.gid)
        return folder

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a PostgreSQL program. Raises CalledProcessError; the reason is in the log."""
        run_program([self._binaries / program, *arguments], self._account, self._log)

    def start(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return start_program([self._binaries / program, *arguments], self._account, self._log)

    @property
    def binaries(self) -> Path:
        """The folder of the PostgreSQL programs."""
        return self._binaries

    def start_from_path(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start a program from PATH under the servers' account. Raises NoPrograms."""
        found = shutil.which(program)
        if found is None:
            raise NoPrograms(f"{program} is not on PATH")
        return start_program([found, *arguments], self._account, self._log)

    def new_server(self, name: str, settings: Mapping[str, str] | None = None) -> "Server":
        """Start a server with an empty database."""
        server = Server(self, name, settings or {})
        options = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", f"--username={USER}"]
        self.run("initdb", f"--pgdata={server.cluster}", "--no-instructions", *options)
        server.start("postgres")
        server.execute(f"create database {DATABASE}", database="postgres")
        return server

    def copy_of(self, server: "Server", name: str, *options: str) -> "Server":
        """Copy a running server by a base backup into its own folder, without starting it."""
        copy = Server(self, name, server.settings)
        source = f"host={server.folder} user={USER} application_name={name}"
        arguments = [f"--pgdata={copy.cluster}", f"--dbname={source}", "--checkpoint=fast", "--no-sync"]
        self.run("pg_basebackup", *arguments, *options)
        return copy


class Server:
    """One server. Its name is that of its folder, and its application name at the primary."""

    def __init__(self, ground: Ground, name: str, settings: Mapping[str, str]) -> None:
        self.name = name
        self.settings = dict(settings)
        self.folder = ground.folder_for(name)
        self.cluster = self.folder / "cluster"
        self._ground = ground
        self._process: subprocess.Popen[bytes] | None = None
        ground.servers.append(self)

    @property
    def url(self) -> str:
        return url_of(self)

    def start(self, database: str = DATABASE) -> None:
        """Start the server and wait until it answers. A standby answers queries only."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder), **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = self._ground.start("postgres", "-D", self.cluster, *options)
        self.wait_until(lambda: self.ask("select 1", database=database) == [(1,)])

    def kill(self) -> None:
        """Kill the whole tree at once. The postmaster is stopped first, so that it cannot tidy up."""
        first = postmaster_id(self.cluster)
        tree = server_processes(self.cluster)
        send(signal.SIGSTOP, [process for process in tree if process == first])
        send(signal.SIGKILL, tree)
        self._reap(signal.SIGKILL)
        self.wait_until(lambda: not server_processes(self.cluster))

    def stop(self) -> None:
        self._reap(signal.SIGINT)

    def remove(self) -> None:
        self.kill()
        self._ground.servers.remove(self)
        shutil.rmtree(self.folder)

    def promote(self) -> None:
        """Promote a standby. Raises psycopg.Error, and TimeoutError when that takes too long."""
        self.execute(f"select pg_promote(true, {WAIT_SECONDS_MAX})")
        self.wait_until(lambda: self.ask("select pg_is_in_recovery()") == [(False,)])

    def configure(self, **settings: str) -> None:
        """Change settings while the server runs, and wait until new sessions use them."""
        for name, value in settings.items():
            self.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        self.execute("select pg_reload_conf()")
        for name, value in settings.items():
            shown = f"select current_setting('{name}')"
            self.wait_until(lambda shown=shown, value=value: self.ask(shown) == [(value,)])  # type: ignore[misc]

    def ask(self, statement: Any, *parameters: Any, database: str = DATABASE) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            url_of(self, database=database), connect_timeout=5, autocommit=True
        ) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def execute(self, statement: Any, *, database: str = DATABASE) -> None:
        self.ask(statement, database=database)

    def wait_until(self, holds: Callable[[], bool], seconds: float = WAIT_SECONDS_MAX) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(psycopg.OperationalError):
                if holds():
                    return
            if self._process and self._process.poll() and time.monotonic() < deadline:
                raise ChildProcessError(f"server {self.name} ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"server {self.name}: did not happen within {seconds} s")
            time.sleep(POLL_SECONDS)

    def _reap(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.wait(WAIT_SECONDS_MAX)
        if process.stdin:
            process.stdin.close()


def url_of(*servers: Server, database: str = DATABASE) -> str:
    """Return a connection string with all servers, for the one that accepts writes."""
    hosts = ",".join(str(server.folder) for server in servers)
    writable = "&target_session_attrs=read-write" if len(servers) > 1 else ""
    return f"postgresql:///{database}?host={hosts}&user={USER}{writable}"


@contextmanager
def drill_ground() -> Iterator[Ground]:
    """Provide a folder for one drill; remove its processes and files at the end. Raises NoPrograms."""
    # Directly below /tmp, because the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="seatledger-drill-", dir="/tmp")).resolve()
    # The servers' account must be able to enter.
    folder.chmod(0o755)
    try:
        with (folder / "postgres.log").open("ab", buffering=0) as log:
            ground = Ground(folder, log)
            try:
                yield ground
            except (subprocess.CalledProcessError, ChildProcessError, TimeoutError) as problem:
                # The log is removed with the folder.
                problem.add_note((folder / "postgres.log").read_text(errors="replace")[-3000:])
                raise
            finally:
                for server in list(ground.servers):
                    server.kill()
    finally:
        shutil.rmtree(folder)
