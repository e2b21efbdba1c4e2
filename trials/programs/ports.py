"""Free ports, reserved for servers that are about to start."""

import socket


def free_port() -> int:
    """Reserve a port of 127.0.0.1 until this process ends, even while its server is down.

    A socket stays bound to the port and never listens. Linux then assigns the port to no server or connection
    that leaves the choice to the system. A server that names the port and sets SO_REUSEADDR can listen on it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    holder.detach()
    return port
