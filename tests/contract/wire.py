"""Raw bytes on a socket, for requests that no HTTP library would send."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tests.contract.program import ProgramUnderTest

SECONDS_MAX = 15


def dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=SECONDS_MAX)


def head(method: str, path: str, **headers: str) -> bytes:
    """Return request line and headers; underscores in a name become dashes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: seatledger"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def exchange(program: ProgramUnderTest, parts: Iterable[bytes]) -> tuple[int, dict[str, str], Any]:
    """Send and receive at once, so that an answer before the end of the body is received.

    A 500 fails with the server's traceback.
    """
    with dial(program.url) as connection:
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
    program.check_no_server_error(response.status, body)
    is_json = "json" in headers.get("content-type", "")
    return response.status, headers, json.loads(body) if is_json else body


def chunked(parts: Iterable[bytes]) -> Iterable[bytes]:
    """Yield the parts as HTTP chunks, which announce no total length."""
    for part in parts:
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"


def _send(connection: socket.socket, parts: Iterable[bytes]) -> None:
    with contextlib.suppress(OSError):  # the server may close the connection as soon as it has answered
        for part in parts:
            connection.sendall(part)
