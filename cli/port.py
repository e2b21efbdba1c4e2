"""The port to listen on: ours alone, or a clear word before anything starts."""

import errno
import socket
import time

WAIT_SECONDS_MAX = 5.0
"""A killed program's workers let go of their port a moment after it."""

POLL_SECONDS = 0.1


class CannotListen(OSError):
    """There is no such place here, or not for us."""


class PortTaken(CannotListen):
    """Somebody else listens there."""


def require_free(host: str, port: int) -> None:
    """Raises PortTaken, and CannotListen for an address that is not this machine's.

    The workers share the port among themselves, and the system would let another program's workers share it
    as well: callers would then be answered by either, and so by two ledgers in turn.
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
