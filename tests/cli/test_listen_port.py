"""Two ledgers never share one port."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

import cli.listen_port
from cli.listen_port import HOLDER_VARIABLE, CannotListen, PortTaken, hold_port, require_free
from trials.programs.ports import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a socket that listens and would share the port, like an API worker."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def test_a_taken_port_is_one_clear_line(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.listen_port, "WAIT_SECONDS_MAX", 0.2)
    port = listener.getsockname()[1]
    with pytest.raises(PortTaken, match=rf"port {port} of 127\.0\.0\.1 is in use: choose another"):
        require_free("127.0.0.1", port)


def test_a_port_that_a_killed_program_lets_go_of_is_waited_for(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    waited: list[float] = []

    def let_go(seconds: float) -> None:
        waited.append(seconds)
        listener.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli.listen_port.time, "sleep", let_go)
        require_free("127.0.0.1", port)
    assert len(waited) == 1


def test_a_port_just_used_is_free() -> None:
    """Connections in TIME_WAIT do not block the port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    require_free("127.0.0.1", port)


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    with pytest.raises(CannotListen, match=rf"port 4711 of {host}: .*SEATLEDGER_HOST"):
        require_free(host, 4711)


def test_of_programs_that_start_in_the_same_instant_one_gets_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli.listen_port, "WAIT_SECONDS_MAX", 0.0)
    for _ in range(30):
        port, together, winners, losers = free_port(), threading.Barrier(4), list[str](), list[str]()
        decided = threading.Barrier(4)

        def start(
            port: int = port,
            together: threading.Barrier = together,
            decided: threading.Barrier = decided,
            winners: list[str] = winners,
            losers: list[str] = losers,
        ) -> None:
            together.wait()
            try:
                with hold_port("127.0.0.1", port):
                    winners.append("ready")
                    decided.wait(10)
            except PortTaken as problem:
                losers.append(str(problem))
                decided.wait(10)

        programs = [threading.Thread(target=start) for _ in range(4)]
        for program in programs:
            program.start()
        for program in programs:
            program.join()
        assert (len(winners), len(losers)) == (1, 3)


def test_a_held_port_accepts_nothing_until_the_own_workers_listen() -> None:
    port = free_port()
    with hold_port("127.0.0.1", port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1", port))
            worker.listen()
            for _ in range(10):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
    require_free("127.0.0.1", port)


def test_a_child_uses_the_port_that_its_parent_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.listen_port, "WAIT_SECONDS_MAX", 0.0)
    port = free_port()
    with hold_port("127.0.0.1", port):
        monkeypatch.setenv(HOLDER_VARIABLE, str(os.getpid()))
        with pytest.raises(PortTaken), hold_port("127.0.0.1", port):
            pass
        monkeypatch.setenv(HOLDER_VARIABLE, str(os.getppid()))
        with hold_port("127.0.0.1", port):
            pass
