"""Every use of private parts of Litestar and granian.

pyproject.toml pins both libraries to patch releases. tests/api/test_private_apis.py fails if a part changes.
"""

import _thread
import asyncio
import signal
from collections.abc import Callable
from typing import Any, cast

from granian import _signals
from granian.server import MPServer
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

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
    """granian server with a signal handler that cannot deadlock.

    The handler of granian 2.8 calls `Event.set`. If the signal interrupts the main thread while that
    thread holds the event's lock, the handler waits for the lock forever.
    """

    @property
    def is_interrupted(self) -> bool:
        return bool(self.interrupt_signal)

    def signal_handler_interrupt(self, *_: Any) -> None:
        ignore_stop_signals()
        self.interrupt_signal = True
        # `threading.Thread.start` also takes a lock, so start the thread without it.
        _thread.start_new_thread(self.main_loop_interrupt.set, ())
