"""`python -m trials.drills.patroni`: the fail-over drill with Patroni and etcd electing the leader.

Needs `patroni` and `etcd` on PATH (Debian: apt-get install patroni etcd-server python3-etcd).
"""

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.request import urlopen

import psycopg

from database.embedded.processes import send, server_processes
from trials.drills.failover import synchronous
from trials.drills.rounds import Result, figures
from trials.programs.ports import free_port
from trials.programs.postgres import DATABASE, USER, WAIT_SECONDS_MAX, Ground, NoPrograms, drill_ground

NAMES = ("left", "right")

LEASE = {"ttl": 5, "loop_wait": 1, "retry_timeout": 2}
"""In seconds. The loss of a leader is detected after `ttl`; Patroni's own default is 30."""

TRUST_LOCAL = [
    "local all all trust",
    "host all all 127.0.0.1/32 trust",
    "host replication all 127.0.0.1/32 trust",
]


class Member:
    """One Patroni with its PostgreSQL."""

    def __init__(self, ground: Ground, name: str, etcd_port: int, password: str) -> None:
        self.name = name
        self.port = free_port()
        self._ground = ground
        self._folder = ground.folder_for(name)
        self._process: subprocess.Popen[bytes] | None = None
        self.rest = f"127.0.0.1:{free_port()}"
        account = {"username": USER, "password": password}
        settings = {
            "scope": "seatledger",
            "name": name,
            "etcd3": {"host": f"127.0.0.1:{etcd_port}"},
            "restapi": {"listen": self.rest, "connect_address": self.rest},
            "bootstrap": {
                # Not strict: a leader without a standby accepts writes, as in the drill without Patroni.
                "dcs": {**LEASE, "synchronous_mode": True},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self._folder / "cluster"),
                "bin_dir": str(ground.binaries),
                "pgpass": str(self._folder / "pgpass"),
                "authentication": {"superuser": account, "replication": account, "rewind": account},
                "use_pg_rewind": True,
                "parameters": {"unix_socket_directories": str(self._folder), "wal_log_hints": "on"},
                "pg_hba": TRUST_LOCAL,
            },
        }
        self._settings = self._folder / "patroni.json"
        self._settings.write_text(json.dumps(settings))
        self._settings.chmod(0o644)

    def start(self) -> None:
        self._process = self._ground.start_from_path("patroni", self._settings)

    def kill(self) -> None:
        """Kill Patroni and the server at once: the lease runs out, and nothing restarts."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGKILL)
        tree = server_processes(self._folder / "cluster")
        send(signal.SIGSTOP, tree)
        send(signal.SIGKILL, tree)
        if process:
            process.wait(WAIT_SECONDS_MAX)

    def ask(self, statement: str, *parameters: Any, database: str = DATABASE) -> list[tuple[Any, ...]]:
        url = f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def leads(self) -> bool:
        with suppress(psycopg.Error):
            return self.ask("select pg_is_in_recovery()", database="postgres") == [(False,)]
        return False


class Cluster:
    """Two members and an etcd. `promote` waits until Patroni has promoted the standby."""

    def __init__(self, ground: Ground) -> None:
        port, password = free_port(), secrets.token_urlsafe(16)
        client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        data = ground.folder_for("etcd") / "data"
        self._etcd = ground.start_from_path(
            "etcd",
            f"--data-dir={data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )
        self.primary, self.standby = (Member(ground, name, port, password) for name in NAMES)
        hosts, ports = "127.0.0.1,127.0.0.1", f"{self.primary.port},{self.standby.port}"
        self.url = (
            f"postgresql:///{DATABASE}?host={hosts}&port={ports}&user={USER}&target_session_attrs=read-write"
        )
        try:
            self.primary.start()
            _wait(self.primary.leads, "no member leads")
            self.standby.start()
            self._wait_for_standby()
            self.primary.ask(f"create database {DATABASE}", database="postgres")
        except BaseException:
            self.stop()
            raise

    def promote(self) -> None:
        """Wait for the promotion. Raises TimeoutError."""
        _wait(self.standby.leads, "Patroni promotes no standby")
        self.primary, self.standby = self.standby, self.primary

    def pair_again(self) -> None:
        self.standby.start()
        self._wait_for_standby()

    def stop(self) -> None:
        for member in (self.standby, self.primary):
            member.kill()
        self._etcd.kill()
        self._etcd.wait(WAIT_SECONDS_MAX)

    def _wait_for_standby(self) -> None:
        _wait(self._is_paired, "the standby does not catch up")

    def _is_paired(self) -> bool:
        """Return whether Patroni lists the standby as synchronous: only then can it be promoted."""
        with suppress(OSError), urlopen(f"http://{self.primary.rest}/cluster", timeout=2) as answer:
            roles = {member["name"]: member["role"] for member in json.load(answer)["members"]}
            return roles.get(self.standby.name) == "sync_standby"
        return False


def _wait(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {WAIT_SECONDS_MAX} s")
        time.sleep(0.05)


@contextmanager
def _cluster(ground: Ground) -> Iterator[Cluster]:
    cluster = Cluster(ground)
    try:
        yield cluster
    finally:
        cluster.stop()


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when nothing acknowledged was lost; else 1."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.patroni", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how many fail-overs (10)")
    options = parser.parse_args(arguments)
    missing = [program for program in ("patroni", "etcd") if not shutil.which(program)]
    if missing:
        print(f"trials.drills.patroni: not on PATH: {', '.join(missing)}\n{__doc__}", file=sys.stderr)
        return 2
    try:
        with drill_ground() as ground, _cluster(ground) as cluster:
            result: Result = asyncio.run(
                synchronous(ground, cluster, options.times, unnoticed_seconds=(0.0,))
            )
    except NoPrograms as problem:
        print(f"trials.drills.patroni: {problem}", file=sys.stderr)
        return 1
    for sentence in [*result.violations, *(loss for each in result.rounds for loss in each.lost)]:
        print(f"VIOLATION: {sentence}")
    print(", ".join(f"{name} {value}" for name, value in figures(result).items()))
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
