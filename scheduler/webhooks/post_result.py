"""The result of sending one message."""

from typing import NamedTuple


class PostResult(NamedTuple):
    """The answer of a receiver; or `error`, the reason why there is none."""

    status: int | None
    answer: str | None
    error: str | None
    took_ms: int
    wait_seconds: float = 0.0
    """Retry-After of an answer 429 or 503."""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
