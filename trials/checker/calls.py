"""What clients wrote down: every try of every call, when it was sent, and what came back, if anything did."""

import time
from pathlib import Path
from typing import IO

import msgspec

_epoch = [time.time() - time.monotonic()]

NOT_ANSWERS = frozenset({429, 503})
"""Statuses that say: ask again. What became of the command is unknown."""

READS = frozenset({"availability", "booking", "bookings", "flight", "refunds"})
"""Calls that change nothing; every other operation is a command, under the name that the ledger stores."""


def now() -> float:
    """Seconds since 1970 on a clock that never goes back; PostgreSQL's on the same machine agrees with it."""
    return _epoch[0] + time.monotonic()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `status` is None when no answer came, and `trouble` then says why; times as `now` gives."""

    who: str
    operation: str
    path: str
    key: str = ""
    body: str = ""
    sent_at: float
    ended_at: float
    status: int | None = None
    position: int | None = None
    replayed: bool = False
    text: str = ""
    trouble: str = ""

    @property
    def answered(self) -> bool:
        return self.status is not None and self.status not in NOT_ANSWERS

    def __str__(self) -> str:
        asked = f"{self.operation} by {self.who}" + (f" under key {self.key}" if self.key else "")
        return f"{asked} at {self.path}, sent {self.sent_at:.6f}, ended {self.ended_at:.6f}: {self.outcome}"

    @property
    def outcome(self) -> str:
        if self.status is None:
            return f"unknown ({self.trouble})"
        return f"{self.status} {self.text[:300]}"


class Records:
    """All calls in memory and, one JSON object a line, in a file that a judgement can be repeated from."""

    def __init__(self, path: Path) -> None:
        # The machine's clock may have been put right, or have stood still with it, since the last record.
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
