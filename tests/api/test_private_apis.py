"""Litestar and granian still have the private parts that api/http/private_apis.py uses."""

import inspect
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from granian import _signals
from granian.server import MPServer
from litestar import Litestar, get
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.testing import TestClient

from api.http.private_apis import Server, handle_first_stop, replace_handler, route_finder

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
