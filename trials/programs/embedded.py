"""The embedded PostgreSQL server of a data folder: its processes, and ways to break it."""

import contextlib
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from database.embedded import ensure_running
from database.embedded.cluster import find_place
from database.embedded.keeper import URL_FILE
from database.embedded.processes import postmaster_id, server_processes
from trials.programs.processes import command_line, parent, send


class Server:
    """The embedded server of one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._frozen: list[int] = []

    @property
    def url(self) -> str:
        """The superuser's URL. Raises OSError while there is no server."""
        return (self.data / URL_FILE).read_text()

    @property
    def socket(self) -> Path:
        """The unix socket of the server."""
        query = parse_qs(urlsplit(self.url).query)
        return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"

    def processes(self) -> list[int]:
        """Return all its processes, the postmaster first."""
        place = find_place(self.data)
        if place is None:
            return []
        found = server_processes(place / "cluster")
        first = postmaster_id(place / "cluster")
        return sorted(found, key=lambda process: process != first)

    def keeper(self) -> list[int]:
        """Return the postmaster's parent if its command line names this folder: the keeper."""
        for postmaster in self.processes()[:1]:
            keeper = parent(postmaster)
            if keeper and str(self.data) in command_line(keeper):
                return [keeper]
        return []

    def kill(self) -> None:
        """Kill the whole tree at once. The postmaster is stopped first, so that it cannot tidy up."""
        tree = self.processes()
        send(signal.SIGSTOP, tree[:1])
        send(signal.SIGKILL, tree)

    def freeze(self) -> None:
        self._frozen = self.processes()
        send(signal.SIGSTOP, self._frozen)

    def thaw(self) -> None:
        alive = set(self.processes())
        send(signal.SIGCONT, [process for process in self._frozen if process in alive])
        self._frozen = []

    def cut_connections(self, kind: str = "") -> int:
        """Terminate the backends of the program, or only those of its writers; return their number."""
        with (
            contextlib.suppress(psycopg.Error, OSError),
            psycopg.connect(self.url, connect_timeout=2, autocommit=True) as connection,
        ):
            return len(connection.execute(_CUT, (f"seatledger {kind}%",)).fetchall())
        return 0

    def ensure(self) -> None:
        """Start a new keeper if the old one was killed."""
        with contextlib.suppress(OSError):
            ensure_running(self.data)


_CUT = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name like %s and pid <> pg_backend_pid()
"""
