"""Ports for servers that are about to start: free, and kept free for them."""

import socket


def free_port() -> int:
    """A port of 127.0.0.1 that is ours until this process ends, also while its server is down.

    A socket stays bound to it that never listens. Linux then hands the port to nobody who asks for any, be it
    a server or the near end of a connection; who names it and sets SO_REUSEADDR, as servers do, may listen.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    holder.detach()
    return port
