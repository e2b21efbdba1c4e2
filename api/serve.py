"""Starts the API: granian, with limits on everything that a caller could hold on to."""

import _thread
import gc
import importlib.util
import os
import resource
import sys
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from api.http.metrics_dir import metrics_folder
from api.http.tokens import Tokens
from gateways.configured import check_gateway
from runtime.settings import Settings, WrongSetting, read_settings
from runtime.signals import hear_no_more

BACKLOG = 2048
CONNECTIONS_MAX = 4096
"""In each worker. Silent ones are dropped after HEADER_MILLISECONDS_MAX, so they cannot use it up."""

HEADER_MILLISECONDS_MAX = 20_000
HEADER_BYTES_MAX = 64 * 1024
STOP_SECONDS_MAX = 6
OTHER_FILES_MAX = 256
"""What a worker opens besides connections of callers."""


def serve(settings: Settings) -> None:
    """Answers requests until SIGTERM or SIGINT, then those in flight, and returns.

    The workers read their settings from the environment; DATABASE_URL must be in it. Raises WrongSetting,
    and SystemExit when the workers cannot be kept alive.
    """
    check_gateway(settings)
    with metrics_folder() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        _load_for_all()
        server = granian_server(settings, "api.main:create")
        try:
            server.serve()
        except SystemExit:
            # A signal to the whole process group ends the workers too, which granian takes for their failure.
            if not server.interrupt_signal:
                raise
        finally:
            # A second signal must not turn a clean end into a killed one.
            hear_no_more()


class _Server(MPServer):
    """granian 2.8 wakes its main loop in its signal handler. A signal that comes just before or while it does
    finds the lock taken by the very thread that it interrupts, and waits for ever.
    """

    def signal_handler_interrupt(self, *_: Any) -> None:
        hear_no_more()
        self.interrupt_signal = True
        # Not `threading.Thread`: to start one takes a lock as well, which this may have interrupted.
        _thread.start_new_thread(self.main_loop_interrupt.set, ())


def _load_for_all() -> None:
    """What the workers are made of, before they are forked: then memory holds it once for all of them.

    Frozen, because a collector that looked at it would make each worker a copy. Called when it is known where
    the workers count, see `api.http.metrics`.
    """
    importlib.import_module("api.main")
    gc.collect()
    gc.freeze()


def granian_server(settings: Settings, target: str) -> _Server:
    """The server for an application factory `module:function`: the API's, or one to compare with."""
    return _Server(
        target,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop if importlib.util.find_spec("uvloop") else Loops.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_MILLISECONDS_MAX, max_buffer_size=HEADER_BYTES_MAX
        ),
        websockets=False,
        backlog=BACKLOG,
        backpressure=_connections_max(),
        log_level=LogLevels.warning,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS_MAX,
    )


def _connections_max() -> int:
    """As many as we want or the system allows: at its limit a server can only spin."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES_MAX
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(allowed - OTHER_FILES_MAX, 64)


def main() -> None:
    """Checks in one process what the workers will need, so that a mistake is told once."""
    try:
        settings = read_settings()
        Tokens(settings)
        if settings.database_url is None:
            raise WrongSetting("DATABASE_URL must be set")
    except WrongSetting as error:
        sys.exit(str(error))
    serve(settings)


if __name__ == "__main__":
    main()
