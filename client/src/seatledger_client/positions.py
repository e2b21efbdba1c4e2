"""The positions that this client has seen, by ledger, so that no later query answers from before them."""

from collections.abc import Mapping
from threading import Lock

LEDGERS_MAX = 40
"""The server accepts so many in one query. The ledger that was used longest ago is left out first."""


class Positions:
    """The highest position of each ledger in use. Safe to share between threads."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self._lock = Lock()

    def remember(self, headers: Mapping[str, str]) -> None:
        """Note the position of an answer that one ledger gave; a list over several has no single one."""
        ledger, position = headers.get("ledger", ""), headers.get("ledger-position", "")
        if not ledger or not position.isdecimal():
            return
        with self._lock:
            self._highest[ledger] = max(int(position), self._highest.pop(ledger, 0))
            if len(self._highest) > LEDGERS_MAX:
                del self._highest[next(iter(self._highest))]

    @property
    def parameter(self) -> str | None:
        """The value of `min_position`, such as `main=120,ai=45`."""
        with self._lock:
            return ",".join(f"{name}={position}" for name, position in self._highest.items()) or None
