"""Check of the address and port before a server starts."""

import errno
import socket
import time

WAIT_SECONDS_MAX = 5.0
"""Workers of a killed program release their port shortly after it."""

POLL_SECONDS = 0.1


class CannotListen(OSError):
    """The address does not exist on this machine, or is not permitted."""


class PortTaken(CannotListen):
    """Another program listens on the port."""


def require_free(host: str, port: int) -> None:
    """Raise PortTaken if the port is in use, CannotListen if the address is not this machine's.

    API workers share one port. The system would let another program's workers share it too, and callers
    would get answers from two ledgers in turn.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as problem:
        raise _cannot(host, port, problem) from None
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE:
                    raise _cannot(host, port, problem) from None
        if time.monotonic() > deadline:
            raise PortTaken(f"port {port} of {host} is in use: choose another with --port or SEATLEDGER_PORT")
        time.sleep(POLL_SECONDS)


def _cannot(host: str, port: int, problem: OSError) -> CannotListen:
    why = f"cannot listen on port {port} of {host}: {problem.strerror}"
    return CannotListen(f"{why}: choose others with --host, SEATLEDGER_HOST, --port, SEATLEDGER_PORT")
