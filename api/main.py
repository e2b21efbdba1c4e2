"""A worker process of the API: what granian loads."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

from litestar import Litestar

from api.app import create_app
from ledger.ledger import open_ledger
from ledger.logs import configure_logs
from ledger.settings import WrongSetting, read_settings

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""


def create() -> Litestar:
    """The application, by the settings in the environment. Ends the process if they are wrong."""
    _die_with_parent()
    try:
        settings = read_settings()
        if settings.database_url is None:
            raise WrongSetting("DATABASE_URL must be set for a worker")
        configure_logs(settings, "api")
        url = settings.database_url
        return create_app(settings, lambda: open_ledger(url, settings))
    except WrongSetting as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


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


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
