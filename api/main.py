"""A worker process of the API: what granian loads."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from granian import _signals
from litestar import Litestar

from api.app import create_app
from ledger.ledger import open_ledger
from runtime.logs import configure_logs
from runtime.settings import read_settings

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""


def create() -> Litestar:
    """The application, by the settings in the environment, which `api.serve` has checked."""
    _die_with_parent()
    settings = read_settings()
    configure_logs(settings, "api")
    url = settings.database_url
    assert url, "checked by api.serve"
    app = create_app(settings, lambda: open_ledger(url, settings))
    _hear_stop_once(lambda: _end_endless(app))
    return app


def _die_with_parent() -> None:
    """If the main process is killed, its workers must not stay behind and hold the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent.pid,), daemon=True).start()
    if os.getppid() != parent.pid:
        os._exit(1)


def _end_endless(app: Litestar) -> None:
    """Nobody waits for what takes as long as it likes."""
    if "stopping" in app.state:
        app.state.stopping.set()


def _hear_stop_once(and_then: Callable[[], None]) -> None:
    """The main process says stop, by SIGTERM; a worker of granian 2.8 that is told twice may hang for ever.

    A signal to the process group, or to a whole container, reaches the worker before its main process does.
    """
    listen: Any = _signals.set_loop_signals

    def set_loop_signals(loop: asyncio.AbstractEventLoop) -> Any:
        event = listen(loop)
        told = False

        def stop() -> None:
            nonlocal told
            # Asked for here, not by taking the handler away: the loop may have called it twice already.
            if not told:
                told = True
                and_then()
                event.set()

        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.add_signal_handler(signal.SIGINT, _nothing)
        return event

    _signals.set_loop_signals = set_loop_signals


def _nothing() -> None:
    pass


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
