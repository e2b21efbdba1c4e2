"""A reserved port stays free for its own server."""

import errno
import socket

import pytest

from trials.programs.ports import free_port


def test_a_chosen_port_is_taken_for_all_but_servers_that_name_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use") as refused:
        other.bind(("127.0.0.1", port))
    assert refused.value.errno == errno.EADDRINUSE
    for _ in ("started", "started again"):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_connection_is_refused_while_its_server_is_down() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port()), timeout=5)
