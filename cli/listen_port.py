"""Check of the address and port before a server starts, and their reservation while it runs."""

import errno
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAIT_SECONDS_MAX = 5.0
"""Workers of a killed program release their port shortly after it."""

POLL_SECONDS = 0.1


class CannotListen(OSError):
    """The address does not exist on this machine, or is not permitted."""


class PortTaken(CannotListen):
    """Another program listens on the port."""


HOLDER_VARIABLE = "_SEATLEDGER_PORT_HELD_BY"
"""Environment variable with the process id of an `up` that holds the port for its API. Not a setting."""


@contextmanager
def hold_port(host: str, port: int) -> Iterator[None]:
    """Keep the port for the API workers of this program, for as long as it runs.

    API workers share one port. The system would let another program's workers share it too, and callers
    would get answers from two ledgers in turn. Raises PortTaken if the port is in use, CannotListen if the
    address is not this machine's.
    """
    if os.environ.get(HOLDER_VARIABLE) == str(os.getppid()):
        yield
        return
    with _take(host, port, _hold):
        yield


def require_free(host: str, port: int) -> None:
    """Raise PortTaken or CannotListen unless a server can listen now."""
    _take(host, port, lambda bound: None).close()


def _take(host: str, port: int, then: Callable[[socket.socket], None]) -> socket.socket:
    """Return a socket that is bound to the port, after `then` was called with it."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as problem:
        raise _cannot(host, port, problem) from None
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        held = socket.socket(family, kind)
        try:
            # Connections in TIME_WAIT must not block the port.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
            then(held)
            return held
        except OSError as problem:
            held.close()
            if problem.errno != errno.EADDRINUSE:
                raise _cannot(host, port, problem) from None
        if time.monotonic() > deadline:
            raise PortTaken(f"port {port} of {host} is in use: choose another with --port or SEATLEDGER_PORT")
        time.sleep(POLL_SECONDS)


def _hold(held: socket.socket) -> None:
    """Keep other programs from sharing the port. The socket accepts no connections."""
    if sys.platform != "linux":  # there the workers share one socket, which the system lets only one bind
        held.close()
        return
    # Of two programs that start in the same instant, the system lets both bind, but only one listen.
    held.listen(1)
    # From now on only sockets of the same user that share the port too can bind it, which are the workers'.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    # A connected caller would wait in vain. The socket stays bound.
    held.shutdown(socket.SHUT_RDWR)


def _cannot(host: str, port: int, problem: OSError) -> CannotListen:
    why = f"cannot listen on port {port} of {host}: {problem.strerror}"
    return CannotListen(f"{why}: choose others with --host, SEATLEDGER_HOST, --port, SEATLEDGER_PORT")
