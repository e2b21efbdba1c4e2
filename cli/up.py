"""Command `up`: API and scheduler together, with the embedded database if there is no other."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from types import FrameType
from typing import Any

from loguru import logger

from cli.listen_port import HOLDER_VARIABLE, hold_port
from cli.migrate import make_secrets
from cli.options import SERVED, add
from cli.programs import environment, serving_database
from cli.subprocesses import Child, DidNotStart
from database.embedded import EmbeddedDatabaseFailed, ensure_running, lacks_shared_memory
from runtime.answers import CHECK_SECONDS_MAX, is_open, is_reachable
from runtime.backoff import Backoff
from runtime.logs import configure_logs
from runtime.settings import Settings
from runtime.signals import ignore_stop_signals, on_stop_signal

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 7
START_POLL_SECONDS, POLL_SECONDS = 0.05, 0.5


class _Stop(Exception):
    """SIGTERM or SIGINT arrived."""


def register(commands: Any) -> None:
    add(commands, "up", up, "run API and scheduler together, until SIGTERM", SERVED, makes_ledger=True)


def up(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish requests in flight and return 0, within ten seconds.

    Raises PortTaken, CannotListen, DidNotStart for a part that never became ready, and the errors of the
    database.
    """
    configure_logs(settings, "up")
    if settings.sandbox and settings.gateway is None:
        settings = replace(settings, gateway="simulator")
    on_stop_signal(_raise_stop)
    try:
        with hold_port(settings.host, settings.port), serving_database(settings) as url:
            make_secrets(settings)
            if not settings.database_url and lacks_shared_memory(settings.data):
                logger.bind(instead="dynamic_shared_memory_type = mmap").warning("database.no_shared_memory")
            _Parts(settings, url).run()
    except _Stop:
        pass
    return 0


class _Part:
    """One child process, or the pause before its next start."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self.arguments = arguments
        self.child: Child | None = None
        self.was_ready = False
        self._began = 0.0
        self._due = 0.0
        self._backoff = Backoff()

    def start(self, environment: dict[str, str]) -> None:
        """Start the process. If the system has no resources for it, that counts as its end."""
        self._began = time.monotonic()
        # The simulator prints a line with its URL, the scheduler one when it has checked its settings.
        stdout = None if self.name == "api" else subprocess.DEVNULL if self.was_ready else subprocess.PIPE
        try:
            self.child = Child(self.name, self.arguments, environment, stdout)
        except OSError as problem:
            self._end(None, str(problem))

    def keep_alive(self, environment: dict[str, str]) -> None:
        """Start the process again if it has ended and its pause is over. Raises DidNotStart."""
        ended = None if self.child is None else self.child.ended
        if ended is not None:
            self.child = None
            self._end(ended, f"ended with exit code {ended}")
        if self.child is None and time.monotonic() >= self._due:
            self.start(environment)

    def _end(self, exit_code: int | None, reason: str) -> None:
        if not self.was_ready:
            raise DidNotStart(f"{self.name}: {reason} while starting")
        now = time.monotonic()
        pause = self._backoff.pause(now - self._began)
        self._due = now + pause
        logger.bind(
            part=self.name,
            exit_code=exit_code,
            reason=reason,
            restarts=self._backoff.failures,
            again_in=round(pause, 1),
        ).error("part.died")


class _Parts:
    """API and scheduler: started together, each started again when it dies, stopped together.

    The gateway simulator starts first, if it is selected and no URL of a running one is set.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._database_url = url
        self._environment = {
            **os.environ,
            **environment(settings, url),
            HOLDER_VARIABLE: str(os.getpid()),
        }
        self._parts: dict[str, _Part] = {}
        self._database_backoff = Backoff()
        self._database_due = 0.0

    def run(self) -> None:
        """Run until a signal. Raises DidNotStart for a part that never became ready."""
        try:
            if self._settings.gateway == "simulator" and self._settings.gateway_url is None:
                self._start_simulator()
            for name in ("api", "scheduler"):
                self._start(_Part(name, [name]))
            self._wait_until_ready()
            print(f"ready http://{self._settings.host}:{self._settings.port}", flush=True)
            while True:
                self._keep_alive()
                time.sleep(POLL_SECONDS)
        finally:
            self._stop()

    def _start(self, part: _Part) -> None:
        self._parts[part.name] = part
        part.start(self._environment)

    def _start_simulator(self) -> None:
        store = self._settings.data.resolve() / "gateway.db"
        part = _Part("gateway", ["gateway", "--port", "0", "--store", str(store)])
        self._start(part)
        assert part.child is not None
        url = part.child.wait_until_ready(START_SECONDS_MAX)
        part.was_ready = True
        # A restarted simulator must keep its address.
        part.arguments[2] = url.rpartition(":")[2]
        settings = replace(self._settings, gateway_url=url)
        self._environment |= environment(settings, self._database_url)

    def _wait_until_ready(self) -> None:
        """Wait until both parts have started, then until the API serves. The database may take any time."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._have_started():
            self._keep_alive()
            if time.monotonic() > deadline:
                raise DidNotStart(f"the API does not answer within {START_SECONDS_MAX} s")
            time.sleep(START_POLL_SECONDS)
        # The API logs each failed check, so checks become rarer.
        checks, due = Backoff(), 0.0
        while True:
            if time.monotonic() >= due:
                if is_open(self._settings.host, self._settings.port):
                    return
                due = time.monotonic() + min(checks.pause(), CHECK_SECONDS_MAX)
            self._keep_alive()
            time.sleep(START_POLL_SECONDS)

    def _have_started(self) -> bool:
        api, scheduler = self._parts["api"], self._parts["scheduler"]
        # The port is held for this program's API, so no other program can answer on it.
        api.was_ready = api.was_ready or is_reachable(self._settings.host, self._settings.port)
        if not scheduler.was_ready and scheduler.child is not None:
            scheduler.was_ready = scheduler.child.is_ready()
        return api.was_ready and scheduler.was_ready

    def _keep_alive(self) -> None:
        """Start the parts again that died, and the embedded database's keeper."""
        for part in self._parts.values():
            part.keep_alive(self._environment)
        if self._settings.database_url or time.monotonic() < self._database_due:
            return
        try:
            ensure_running(self._settings.data)
        except (EmbeddedDatabaseFailed, OSError) as problem:
            self._database_due = time.monotonic() + self._database_backoff.pause()
            logger.bind(error=str(problem)).error("database.not_restarted")
        else:
            self._database_backoff.reset()

    def _stop(self) -> None:
        ignore_stop_signals()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        children = {name: part.child for name, part in self._parts.items() if part.child is not None}
        # The simulator stops last: requests in flight may need it.
        simulator = children.pop("gateway", None)
        for child in children.values():
            child.signal(signal.SIGTERM)
        for child in children.values():
            child.stop(signal.SIGTERM, max(deadline - time.monotonic(), 0.1))
        if simulator is not None:
            simulator.stop(signal.SIGTERM, 1)


def _raise_stop(number: int, frame: FrameType | None) -> None:
    # A second signal must not interrupt the shutdown, however soon it comes.
    ignore_stop_signals()
    raise _Stop
