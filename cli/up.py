"""Command `up`: API and scheduler together, with the embedded database if there is no other."""

import http.client
import os
import signal
import subprocess
import time
from dataclasses import replace
from types import FrameType

from loguru import logger

from cli.listen_port import require_free
from cli.programs import make_secrets, serving_database
from cli.subprocesses import Child, DidNotStart, environment
from database.embedded import EmbeddedDatabaseFailed, ensure_running
from runtime.logs import configure_logs
from runtime.settings import Settings
from runtime.signals import ignore_stop_signals, on_stop_signal

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 7
POLL_SECONDS = 0.05
RESTARTS_MAX = 5
RESTARTS_SECONDS = 60


class _Stop(Exception):
    """SIGTERM or SIGINT arrived."""


def up(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish requests in flight and return 0, within ten seconds."""
    configure_logs(settings, "up")
    on_stop_signal(_raise_stop)
    try:
        require_free(settings.host, settings.port)
        with serving_database(settings) as url:
            make_secrets(settings)
            return _Parts(settings, url).run()
    except _Stop:
        return 0


class _Parts:
    """API and scheduler: started together, restarted when one dies, stopped together.

    The gateway simulator starts first, if it is selected and no URL of a running one is set.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._database_url = url
        self._environment = {**os.environ, **environment(settings, url)}
        self._arguments = {"api": ["api"], "scheduler": ["scheduler"]}
        self._children: dict[str, Child] = {}
        self._restarts: list[float] = []

    def run(self) -> int:
        try:
            if self._settings.gateway == "simulator" and self._settings.gateway_url is None:
                self._start_simulator()
            for name in ("api", "scheduler"):
                self._start(name)
            self._wait_for_answer()
            print(f"ready http://{self._settings.host}:{self._settings.port}", flush=True)
            while self._restart_dead():
                time.sleep(0.5)
            return 1
        except _Stop:
            return 0
        finally:
            self._stop()

    def _start(self, name: str) -> None:
        # Only the simulator prints a line with its URL.
        stdout = subprocess.PIPE if name == "gateway" else None
        self._children[name] = Child(name, self._arguments[name], self._environment, stdout)

    def _start_simulator(self) -> None:
        store = self._settings.data.resolve() / "gateway.db"
        self._arguments["gateway"] = ["gateway", "--port", "0", "--store", str(store)]
        self._start("gateway")
        url = self._children["gateway"].wait_until_ready(START_SECONDS_MAX)
        # A restarted simulator must keep its address.
        self._arguments["gateway"][2] = url.rpartition(":")[2]
        settings = replace(self._settings, gateway_url=url)
        self._environment |= environment(settings, self._database_url)

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _answers(self._settings.host, self._settings.port):
            for child in self._children.values():
                if child.ended is not None:
                    raise DidNotStart(f"{child.name} ended with exit code {child.ended} while starting")
            if time.monotonic() > deadline:
                raise DidNotStart(f"the API does not answer within {START_SECONDS_MAX} s")
            time.sleep(POLL_SECONDS)

    def _restart_dead(self) -> bool:
        """Restart parts that died. Return False if they die too often."""
        if not self._settings.database_url:
            try:
                ensure_running(self._settings.data)
            except (EmbeddedDatabaseFailed, OSError) as problem:
                logger.bind(error=str(problem)).error("database.not_restarted")
        for name, child in self._children.items():
            if child.ended is None:
                continue
            now = time.monotonic()
            self._restarts = [at for at in self._restarts if at > now - RESTARTS_SECONDS] + [now]
            logger.bind(part=name, exit_code=child.ended, restarts=len(self._restarts)).error("part.died")
            if len(self._restarts) > RESTARTS_MAX:
                return False
            self._start(name)
        return True

    def _stop(self) -> None:
        ignore_stop_signals()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        # The simulator stops last: requests in flight may need it.
        simulator = self._children.pop("gateway", None)
        for child in self._children.values():
            child.signal(signal.SIGTERM)
        for child in self._children.values():
            child.stop(signal.SIGTERM, max(deadline - time.monotonic(), 0.1))
        if simulator is not None:
            simulator.stop(signal.SIGTERM, 1)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """Return an address for requests to a server that may listen on all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _raise_stop(number: int, frame: FrameType | None) -> None:
    # A second signal must not interrupt the shutdown, however soon it comes.
    ignore_stop_signals()
    raise _Stop
