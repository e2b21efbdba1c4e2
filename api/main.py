"""Application factory that granian loads in each worker process."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import AbstractAsyncContextManager
from functools import partial

from litestar import Litestar

from analytics.schema import prepare
from api.app import create_app
from api.http.metrics_dir import workers_folder
from api.http.private_apis import handle_first_stop
from audit.proofs.witnesses import admission, comparison
from database.registry import LedgerEntry, url_of
from ledger.ledger import Ledger
from ledger.opening import open_when_reachable
from runtime.environment import read_settings
from runtime.logs import configure_logs

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that a process receives when its parent dies."""


def create() -> Litestar:
    """Build the application from the settings in the environment, which `api.serve` has validated."""
    _die_with_parent()
    settings = read_settings()
    configure_logs(settings, "api")
    url = settings.database_url
    assert url, "api.serve requires DATABASE_URL"
    # A process without a key, of a ledger that seals no names, must make none.
    prepare_database = partial(prepare, url, settings, bind=settings.master_key is not None)
    compare, admit = comparison(settings.checkpoints), admission(settings.checkpoints)

    def open_other(entry: LedgerEntry) -> AbstractAsyncContextManager[Ledger]:
        own_url, own = url_of(entry, url), settings.of_ledger(entry.name)
        prepare_own = partial(prepare, own_url, own, bind=own.master_key is not None)
        compare, admit = comparison(own.checkpoints), admission(own.checkpoints)
        return open_when_reachable(own_url, own, prepare_own, compare, admit, entry)

    app = create_app(
        settings,
        lambda: open_when_reachable(url, settings, prepare_database, compare, admit),
        workers_folder(),
        open_other,
    )
    handle_first_stop(lambda: _end_streams(app))
    return app


def _die_with_parent() -> None:
    """Exit when the main process dies, so that no worker keeps the port open."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent.pid,), daemon=True).start()
    if os.getppid() != parent.pid:
        os._exit(1)


def _end_streams(app: Litestar) -> None:
    """End event streams and verifications, which have no time limit that a graceful stop could wait for."""
    if "stopping" in app.state:
        app.state.stopping.set()


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
