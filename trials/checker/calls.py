"""Recorded calls: every attempt of every call, when it was sent, and what came back."""

import time
from pathlib import Path
from typing import IO

import msgspec

_epoch = [time.time() - time.monotonic()]

NOT_ANSWERS = frozenset({429, 503})
"""Statuses that ask for a repeat. The outcome of the command is unknown."""

READS = frozenset(
    {"availability", "booking", "bookings", "by_reference", "flight", "itinerary", "refunds", "waiting_party"}
)
"""Calls that change nothing. Every other operation is a command, under the name that the ledger stores."""


def now() -> float:
    """Return seconds since 1970 on a clock that never goes back.

    PostgreSQL's clock on the same machine agrees with it.
    """
    return _epoch[0] + time.monotonic()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. Times are as `now` gives them, zero before it is sent.

    `status` is None when no answer came; `trouble` is the reason. `version` is the one of If-Match. The
    answer names `ledger`; `positions` has the position of each ledger where several answer.
    """

    who: str
    role: str = "client"
    operation: str
    path: str
    key: str = ""
    body: str = ""
    version: int | None = None
    sent_at: float = 0.0
    ended_at: float = 0.0
    status: int | None = None
    position: int | None = None
    positions: dict[str, int] = {}
    ledger: str = ""
    replayed: bool = False
    text: str = ""
    trouble: str = ""

    @property
    def answered(self) -> bool:
        return self.status is not None and self.status not in NOT_ANSWERS

    @property
    def is_command(self) -> bool:
        return self.operation not in READS

    def __str__(self) -> str:
        request = f"{self.operation} by {self.who}" + (f" under key {self.key}" if self.key else "")
        return f"{request} at {self.path}, sent {self.sent_at:.6f}, ended {self.ended_at:.6f}: {self.outcome}"

    @property
    def outcome(self) -> str:
        if self.status is None:
            return f"unknown ({self.trouble})"
        return f"{self.status} {self.text[:300]}"


class Records:
    """All calls, in memory and as one JSON object a line in a file, from which a check can be repeated."""

    def __init__(self, path: Path) -> None:
        # The machine's clock may have been adjusted or suspended since the last record.
        _epoch[0] = time.time() - time.monotonic()
        self.calls: list[Call] = []
        self._file: IO[bytes] = path.open("wb")

    def add(self, call: Call) -> None:
        self.calls.append(call)
        self._file.write(_encode(call) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_calls(path: Path) -> list[Call]:
    return [_decoder.decode(line) for line in path.read_bytes().splitlines()]


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Call)
