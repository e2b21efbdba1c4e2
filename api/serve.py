"""HTTP server: granian with limits on connections, headers and shutdown time."""

import gc
import importlib.util
import os
import resource
import sys
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

import api.started
from api.http.metrics_dir import metrics_folder
from api.http.private_apis import Server
from api.http.tokens import Tokens
from domain.airports import listed_zones
from gateways.from_settings import check_gateway
from runtime.environment import read_settings
from runtime.settings import Settings, WrongSetting
from runtime.signals import ignore_stop_signals

BACKLOG = 2048
CONNECTIONS_MAX = 4096
"""Per worker. Connections that send no request are closed after HEADER_MILLISECONDS_MAX."""

HEADER_MILLISECONDS_MAX = 20_000
HEADER_BYTES_MAX = 64 * 1024
STOP_SECONDS_MAX = 6
OTHER_FILES_MAX = 256
"""Open files per worker besides client connections."""

SERVER_LOGS = {
    "handlers": {
        name: {"formatter": name, "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
        for name in ("generic", "access")
    },
    "loggers": {"_granian": {"handlers": ["generic"], "propagate": False}},
}
"""Warnings of the server go to standard error, because programs read standard output for the ready line."""


def serve(settings: Settings) -> None:
    """Serve requests until SIGTERM or SIGINT, finish those in flight, and return.

    Workers read their settings from the environment, which must contain DATABASE_URL. Raises WrongSetting,
    and SystemExit if no worker can start.
    """
    check_gateway(settings)
    with metrics_folder() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        started = folder / "started"
        os.environ[api.started.VARIABLE] = str(started)
        _preload()
        server = granian_server(settings, "api.main:create", started.exists)
        try:
            server.serve()
        except SystemExit:
            # A signal to the process group also ends the workers; granian reports that as a worker failure.
            if not server.is_interrupted:
                raise
        finally:
            # A second signal must not interrupt a clean shutdown.
            ignore_stop_signals()


def _preload() -> None:
    """Build the application, and load the airports, before the workers are forked, so that they share memory.

    Freeze the objects, because garbage collection writes to them and would copy the pages. Requires
    PROMETHEUS_MULTIPROC_DIR, see `api.http.metrics`.
    """
    importlib.import_module("api.main").build()
    listed_zones()
    gc.collect()
    gc.freeze()


def granian_server(settings: Settings, target: str, has_started: Callable[[], bool] = lambda: True) -> Server:
    """Configure a server for an application factory `module:function`."""
    return Server(
        target,
        has_started=has_started,
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
        log_dictconfig=SERVER_LOGS,
        log_access=False,
        workers_kill_timeout=STOP_SECONDS_MAX,
    )


def _connections_max() -> int:
    """Raise the open files limit and return how many connections it allows, at most CONNECTIONS_MAX.

    At the limit, accept fails and the server spins.
    """
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = CONNECTIONS_MAX + OTHER_FILES_MAX
    if hard_limit != resource.RLIM_INFINITY:
        files = min(files, hard_limit)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard_limit))
    return max(files - OTHER_FILES_MAX, 64)


def main() -> None:
    """Validate the settings before workers start, so that an error is reported once; then serve."""
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
