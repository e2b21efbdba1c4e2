"""The port to listen on: ours alone, or a clear word before anything starts."""

import errno
import socket
import time

WAIT_SECONDS_MAX = 5.0
"""A killed program's workers let go of their port a moment after it."""

POLL_SECONDS = 0.1


class PortTaken(OSError):
    """Somebody else listens there."""


def require_free(host: str, port: int) -> None:
    """Raises PortTaken, and OSError for an address that is not this machine's.

    The workers share the port among themselves, and the system would let another program's workers share it
    as well: callers would then be answered by either, and so by two ledgers in turn.
    """
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE:
                    raise
        if time.monotonic() > deadline:
            raise PortTaken(f"port {port} of {host} is in use: choose another with --port or SEATLEDGER_PORT")
        time.sleep(POLL_SECONDS)
