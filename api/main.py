"""Application factory that granian loads in each worker process."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import AbstractAsyncContextManager
from functools import cache, partial

from litestar import Litestar

from analytics.schema import prepare
from api.app import OpenLedger, create_app
from api.http.metrics_dir import workers_folder
from api.http.private_apis import handle_first_stop
from api.http.served_ledgers import OpenOther
from api.http.shared import shared_by
from audit.proofs.witnesses import admission, comparison
from database.pool import Pools
from database.registry import ONLY_MAIN, LedgerEntry, url_of
from ledger.ledger import Ledger
from ledger.opening import open_when_reachable
from runtime.environment import read_settings
from runtime.logs import configure_logs
from runtime.settings import Settings

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that a process receives when its parent dies."""


def create() -> Litestar:
    """Return the application of this worker."""
    _die_with_parent()
    configure_logs(read_settings(), "api")
    app = build()
    handle_first_stop(lambda: _end_streams(app))
    return app


@cache
def build() -> Litestar:
    """Build the application from the settings in the environment, once for all workers. Raises WrongSetting.

    The main process builds it before it forks workers. Each worker has its own copy, started in its event
    loop; memory that neither changes stays shared.
    """
    settings = read_settings()
    open_main, open_other = openers(settings)
    return create_app(settings, open_main, workers_folder(), open_other)


def openers(settings: Settings) -> tuple[OpenLedger, OpenOther]:
    """Return the functions that open `main` and another ledger, which share connections."""
    url = settings.database_url
    assert url, "api.serve requires DATABASE_URL"
    pools = Pools(settings.connections_max, settings.sandbox)

    def open_one(entry: LedgerEntry) -> AbstractAsyncContextManager[Ledger]:
        own_url, own = url_of(entry, url), settings.of_ledger(entry.name)
        # A process without a key, of a ledger that seals no names, must make none.
        prepare_own = partial(prepare, own_url, own, bind=own.master_key is not None)
        compare, admit = comparison(own.checkpoints), admission(own.checkpoints)
        return open_when_reachable(own_url, own, prepare_own, compare, admit, entry, pools)

    return partial(open_one, ONLY_MAIN[0]), open_one


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
    shared_by(app).stopping.set()


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
