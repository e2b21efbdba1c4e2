"""A parser of Server-Sent Events (HTML Living Standard, section 9.2.6), fed with bytes as they arrive."""

import re

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r(?!$))")


class EventParser:
    """Collects `data` of messages.

    Lines end with CR, LF or both, and not with the other characters at which `str.splitlines` cuts: JSON may
    contain those.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of the messages that this chunk completes. An unfinished message is kept."""
        messages, end = [], 0
        self._rest += chunk
        for line in _LINE.finditer(self._rest):
            end = line.end()
            if line[1]:
                self._lines.append(line[1])
            elif data := [_value(one) for one in self._lines if one.partition(b":")[0] == b"data"]:
                messages.append(b"\n".join(data).decode())
            if not line[1]:
                self._lines = []
        self._rest = self._rest[end:]
        return messages


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].removeprefix(b" ")
