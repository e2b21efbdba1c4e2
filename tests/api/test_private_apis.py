"""Litestar and granian still have the private parts that api/http/private_apis.py uses."""

import inspect
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from granian import _signals
from granian.server import MPServer
from litestar import Litestar, get
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.testing import TestClient

import runtime.backoff
from api.http.private_apis import Server, handle_first_stop, replace_handler, route_finder
from api.serve import granian_server
from runtime.settings import Settings

DEADLOCK = """
import signal
from api.serve import granian_server
from runtime.settings import Settings
from runtime.signals import on_stop_signal

server = granian_server(Settings(), "nowhere:nothing")
on_stop_signal(server.signal_handler_interrupt)
# The main loop holds this lock just before it starts to wait and just before it continues.
with server.main_loop_interrupt._cond:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
assert server.main_loop_interrupt.wait(10)
assert server.is_interrupted
"""


@get("/things/{id:str}")
async def find_thing() -> None: ...


def test_the_router_finds_handler_parameters_and_template() -> None:
    find = route_finder(Litestar([find_thing], openapi_config=None))
    _, handler, path, parameters, template = find(path="/things/7", method="GET")
    assert handler.fn is find_thing.fn
    assert (path, parameters, template) == ("/things/7", {"id": "7"}, "/things/{id}")


def test_the_router_raises_404_and_405() -> None:
    find = route_finder(Litestar([find_thing], openapi_config=None))
    with pytest.raises(NotFoundException):
        find(path="/nothing", method="GET")
    with pytest.raises(MethodNotAllowedException) as raised:
        find(path="/things/7", method="PUT")
    assert (raised.value.headers or {})["allow"] == "GET, OPTIONS"


def test_the_replaced_handler_gets_the_requests() -> None:
    async def teapot(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    app = Litestar([find_thing], openapi_config=None)
    replace_handler(app, teapot)
    with TestClient(app) as client:
        assert client.get("/things/7").status_code == 418


def test_a_worker_stops_once_when_two_signals_arrive_together(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    calls: list[str] = []
    loop = SimpleNamespace(add_signal_handler=handlers.__setitem__)
    event = SimpleNamespace(set=lambda: calls.append("stop"))
    monkeypatch.setattr(_signals, "set_loop_signals", lambda _: event)
    handle_first_stop(lambda: calls.append("end streams"))
    assert _signals.set_loop_signals(loop) is event
    # For two signals the loop queues the handler twice before it runs the first call.
    handler = handlers[signal.SIGTERM]
    handler(), handler()
    handlers[signal.SIGINT]()
    assert calls == ["end streams", "stop"]


def test_granian_installs_the_signal_handlers_of_workers_with_set_loop_signals() -> None:
    assert list(inspect.signature(_signals.set_loop_signals).parameters) == ["loop"]
    source = inspect.getsource(sys.modules[MPServer.__module__])
    # Imported inside the function, so that a worker finds the replacement.
    assert "        from granian._signals import set_loop_signals\n" in source
    assert "= set_loop_signals(loop)\n" in source


def test_granian_calls_the_signal_handler_that_the_server_overrides() -> None:
    original = inspect.getsource(MPServer.signal_handler_interrupt)
    assert "self.interrupt_signal = True" in original
    assert "self.main_loop_interrupt.set()" in original
    assert issubclass(Server, MPServer)


def test_a_signal_during_any_step_of_the_main_loop_stops_it(checkout: Path) -> None:
    subprocess.run([sys.executable, "-c", DEADLOCK], cwd=checkout, check=True, timeout=30)


class DyingWorkers(Server):
    """Its workers die as soon as they are started, `deaths` times in all."""

    deaths = 0

    def start(self, deaths: int) -> list[int]:
        """Run the main loop until the deaths are over or it gives up. Return the workers that it started."""
        self.deaths = deaths
        self.started: list[int] = []
        self.wrks = [SimpleNamespace(birth=time.monotonic()) for _ in range(2)]
        self._die(0)
        self._serve_loop(None, None)
        return self.started

    def _die(self, worker: int) -> None:
        self.deaths -= 1
        self.interrupt_signal = self.deaths < 0
        self.interrupt_children.append(worker)
        self.main_loop_interrupt.set()

    def _respawn_workers(self, workers: list[int], *_: Any, delay: float = 0) -> None:
        self.started += workers
        self._die(workers[0])


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(runtime.backoff, "PAUSE_SECONDS_MAX", 0.01)
    server = granian_server(Settings(workers=2), "nowhere:nothing")
    server.__class__ = DyingWorkers
    return server


def test_a_worker_that_dies_again_and_again_is_started_again_each_time(dying: Any) -> None:
    assert dying.start(20) == [0] * 20
    assert dying.is_interrupted


def test_workers_that_never_started_end_the_server(dying: Any) -> None:
    dying._has_started = lambda: False
    assert dying.start(20) == [0]
    assert not dying.is_interrupted
    assert dying.interrupt_children


def test_granian_runs_the_main_loop_that_the_server_overrides() -> None:
    assert "self._serve_loop(spawn_target, target_loader)" in inspect.getsource(MPServer._serve)
    original = inspect.getsource(MPServer._serve_loop)
    for part in ("self.main_loop_interrupt.wait()", "self.interrupt_children", "self.reload_signal"):
        assert part in original
    assert "if not exit_code and self.interrupt_children:" in inspect.getsource(MPServer.shutdown)
