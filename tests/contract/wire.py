"""Bytes straight onto a socket, for clients that no HTTP library would imitate."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

SECONDS_MAX = 15


def dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=SECONDS_MAX)


def head(method: str, path: str, **headers: str) -> bytes:
    """The request line and headers; underscores in a name become dashes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: seatledger"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def exchange(url: str, parts: Iterable[bytes]) -> tuple[int, dict[str, str], Any]:
    """Sends while it listens, so that an answer given before the end of the body is still heard."""
    with dial(url) as connection:
        sender = threading.Thread(target=_send, args=(connection, parts), daemon=True)
        sender.start()
        response = http.client.HTTPResponse(connection, method="POST")
        try:
            response.begin()
            body = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        finally:
            response.close()
        sender.join(SECONDS_MAX)
    is_json = "json" in headers.get("content-type", "")
    return response.status, headers, json.loads(body) if is_json else body


def chunked(parts: Iterable[bytes]) -> Iterable[bytes]:
    """The parts as HTTP chunks, which announce no total length."""
    for part in parts:
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"


def _send(connection: socket.socket, parts: Iterable[bytes]) -> None:
    with contextlib.suppress(OSError):  # the other side may hang up as soon as it has answered
        for part in parts:
            connection.sendall(part)
