"""A NATS server that tests kill and start again, and the feed as a program of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.program import REPOSITORY, clean_environment
from tests.programs import find_program
from tests.waiting import await_until, wait_until
from trials.programs.ports import free_port

START_SECONDS_MAX = 30


class NatsServer:
    """`nats-server` with JetStream on a port and a folder that outlast it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = find_program("nats-server")
        assert program
        store = str(self._folder / "store")
        command = [program, "--jetstream", "--store_dir", store, "-a", "127.0.0.1", "-p", str(self.port)]
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, START_SECONDS_MAX, "nats-server does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            return probe.recv(5) == b"INFO "
        return False


class FeedProgram:
    """`seatledger feed nats` on one database and one server."""

    def __init__(self, database: str, server: NatsServer, folder: Path) -> None:
        self.environment = clean_environment() | {
            "DATABASE_URL": database,
            "SEATLEDGER_DATA": str(folder / "data"),
            "NATS_URL": server.url,
        }
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cli.main", "feed", "nats", *options]
        with (self._folder / "feed.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment | environment,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def run(self, *options: str, **environment: str) -> tuple[int, str]:
        """Run it to its end; return the exit code and what it wrote."""
        before = len(self.log())
        code = self.start(*options, **environment).wait(60)
        return code, self.log()[before:]

    def log(self) -> str:
        path = self._folder / "feed.log"
        return path.read_text() if path.exists() else ""

    def ready_lines(self) -> int:
        """Return how often a feed has printed `ready`."""
        return self.log().splitlines().count("ready")

    def kill(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def feed(database_url: str, nats_server: NatsServer, tmp_path: Path) -> Iterator[FeedProgram]:
    feed = FeedProgram(database_url, nats_server, tmp_path)
    yield feed
    feed.kill()


@pytest.fixture
def fill(tamper: Callable[[str], list[Any]]) -> Callable[..., None]:
    """Return a function that writes events at these positions, without a chain: a feed does not check it."""

    def write(first: int, last: int, mark: str = "") -> None:
        tamper(
            f"""insert into ledger.events
            select n, gen_random_uuid(), 1, 'booking.initiated', '{{"n": ' || n || '}}', 'a', 'o', 1,
                'k-' || n, '', '', '2030-04-01', '', sha256(('{mark}' || n)::bytea)
            from generate_series({first}, {last}) n"""
        )

    return write


class Reader:
    """Reads streams with connections of its own."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server

    @contextlib.asynccontextmanager
    async def context(self) -> AsyncIterator[Any]:
        import nats

        connection = await nats.connect(self._server.url, allow_reconnect=False)
        try:
            yield connection.jetstream(timeout=10)
        finally:
            await connection.close()

    async def last(self, stream: str = "seatledger-main") -> int:
        """Return the last sequence of the stream; 0 without a stream or a server."""
        import nats

        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError):
            async with self.context() as context:
                return int((await context.stream_info(stream)).state.last_seq)
        return 0

    async def wait_for(self, position: int, stream: str = "seatledger-main") -> int:
        """Wait until the stream has this position; return the last one."""
        reached = 0

        async def has_arrived() -> bool:
            nonlocal reached
            reached = await self.last(stream)
            return reached >= position

        await await_until(has_arrived, 60)
        return reached

    async def messages(self, stream: str = "seatledger-main") -> list[Any]:
        """Return all messages of a stream in order."""
        from nats.js.api import AckPolicy, ConsumerConfig

        found: list[Any] = []
        async with self.context() as context:
            count = (await context.stream_info(stream)).state.messages
            config = ConsumerConfig(ack_policy=AckPolicy.NONE)
            subscription = await context.pull_subscribe("", stream=stream, config=config)
            while len(found) < count:
                found += await subscription.fetch(min(500, count - len(found)), timeout=10)
        return found


@pytest.fixture
def reader(nats_server: NatsServer) -> Reader:
    return Reader(nats_server)
