"""Every use of private parts of Litestar and granian.

pyproject.toml pins both libraries to patch releases. tests/api/test_private_apis.py fails if a part changes.
"""

import _thread
import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any, cast

from granian import _signals
from granian.server import MPServer
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from runtime.backoff import STEADY_SECONDS, Backoff
from runtime.signals import ignore_stop_signals

FindRoute = Callable[..., tuple[Any, HTTPRouteHandler, str, dict[str, Any], str]]
"""Takes `path` and `method`. Returns ASGI application, handler, path, path parameters and path template."""


def route_finder(app: Litestar) -> FindRoute:
    """Return the lookup of Litestar's router. It raises NotFoundException and MethodNotAllowedException."""
    return cast("FindRoute", app.asgi_router.handle_routing)


def replace_handler(app: Litestar, handler: ASGIApp) -> None:
    """Make the application pass requests to `handler` instead of its own router."""
    app.asgi_handler = handler


def handle_first_stop(on_stop: Callable[[], None]) -> None:
    """Make workers act on the first SIGTERM only, because a second one can hang a worker of granian 2.8.

    A signal to the process group or container reaches a worker directly; then the main process sends
    SIGTERM again. SIGINT is ignored for the same reason.
    """
    set_loop_signals: Any = _signals.set_loop_signals

    def set_own_loop_signals(loop: asyncio.AbstractEventLoop) -> Any:
        event = set_loop_signals(loop)
        is_stopping = False

        def stop() -> None:
            nonlocal is_stopping
            # A flag, because the loop may already have queued the handler twice when the first call runs.
            if not is_stopping:
                is_stopping = True
                on_stop()
                event.set()

        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        return event

    _signals.set_loop_signals = set_own_loop_signals


class Server(MPServer):
    """granian server that keeps its workers alive, with a signal handler that cannot deadlock.

    The loop of granian 2.8 ends the server when a worker dies twice within 5.5 seconds. Here a dead worker is
    started again after a growing pause, as often as necessary, once `has_started` is true. Before that, two
    deaths of a worker in a row end the server, because the application cannot start.

    The signal handler of granian 2.8 calls `Event.set`. If the signal interrupts the main thread while that
    thread holds the event's lock, the handler waits for the lock forever.
    """

    def __init__(
        self, *arguments: Any, has_started: Callable[[], bool] = lambda: True, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._has_started = has_started
        self._was_ready = False
        self._due: dict[int, float] = {}
        self._backoffs: dict[int, Backoff] = {}

    @property
    def is_interrupted(self) -> bool:
        return bool(self.interrupt_signal)

    def signal_handler_interrupt(self, *_: Any) -> None:
        ignore_stop_signals()
        self.interrupt_signal = True
        # `threading.Thread.start` also takes a lock, so start the thread without it.
        _thread.start_new_thread(self.main_loop_interrupt.set, ())

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while True:
            pause = min(self._due.values()) - time.monotonic() if self._due else None
            self.main_loop_interrupt.wait(pause if pause is None else max(pause, 0.0))
            # Cleared before the reasons are read, so that none is missed.
            self.main_loop_interrupt.clear()
            if self.interrupt_signal:
                return
            # A worker's watcher appends at any time.
            while self.interrupt_children:
                if not self._schedule_respawn(self.interrupt_children.pop()):
                    # `shutdown` then ends the process with an error.
                    self.interrupt_children.append(0)
                    return
            if self.reload_signal:
                self._due.clear()
                self._reload(spawn_target, target_loader)  # type: ignore[no-untyped-call]
            now = time.monotonic()
            for worker in [worker for worker, at in self._due.items() if at <= now]:
                del self._due[worker]
                self._respawn_workers([worker], spawn_target, target_loader)

    def _schedule_respawn(self, worker: int) -> bool:
        """Set the time of the next start of a dead worker. Return False if no worker ever started."""
        now = time.monotonic()
        ran = now - self.wrks[worker].birth
        backoff = self._backoffs.setdefault(worker, Backoff())
        self._due[worker] = now + backoff.pause(ran)
        self._was_ready = self._was_ready or ran >= STEADY_SECONDS or self._has_started()
        return backoff.failures == 1 or self._was_ready
