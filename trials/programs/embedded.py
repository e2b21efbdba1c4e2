"""The PostgreSQL under torture: its process tree, by its own postmaster.pid, and ways to break it."""

import contextlib
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from database.embedded import ensure_running
from database.embedded.cluster import find_place
from database.embedded.keeper import URL_FILE
from database.embedded.processes import postmaster_id, server_processes
from trials.programs.processes import parent, send, words


class Server:
    """The embedded server of one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._frozen: list[int] = []

    @property
    def url(self) -> str:
        """The superuser's; changes with nothing but the folder. Raises OSError while there is no server."""
        return (self.data / URL_FILE).read_text()

    @property
    def socket(self) -> Path:
        """The unix socket that it listens on."""
        query = parse_qs(urlsplit(self.url).query)
        return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"

    def processes(self) -> list[int]:
        """The postmaster first."""
        place = find_place(self.data)
        if place is None:
            return []
        found = server_processes(place / "cluster")
        first = postmaster_id(place / "cluster")
        return sorted(found, key=lambda process: process != first)

    def keeper(self) -> list[int]:
        """The postmaster's parent, once it is certain that it is the keeper of this very folder."""
        for postmaster in self.processes()[:1]:
            keeper = parent(postmaster)
            if keeper and str(self.data) in words(keeper):
                return [keeper]
        return []

    def kill(self) -> None:
        """The whole tree at once: stopped first, the postmaster cannot tidy up after its children."""
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
        """Terminate the backends of the program, or of its writers only; how many there were."""
        with (
            contextlib.suppress(psycopg.Error, OSError),
            psycopg.connect(self.url, connect_timeout=2, autocommit=True) as connection,
        ):
            return len(connection.execute(_CUT, (f"seatledger {kind}%",)).fetchall())
        return 0

    def ensure(self) -> None:
        """Replace a killed keeper, where no program does."""
        with contextlib.suppress(OSError):
            ensure_running(self.data)


_CUT = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name like %s and pid <> pg_backend_pid()
"""
