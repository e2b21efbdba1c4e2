"""Errors that calls raise."""

from collections.abc import Mapping
from typing import Any, ClassVar

from seatledger_client.records import Money

_PROBLEM_MEMBERS = ("type", "title", "status", "detail", "instance", "code", "request_id")


class SeatledgerError(Exception):
    """The base of all errors of this client."""


class Refusal(SeatledgerError):
    """An answer that is no success. Each code of the API has a subclass; an unknown one has this class.

    `facts` are the other members of the problem document, and attributes too: `refusal.free`. Amounts are
    `Money`. `key` is the idempotency key of a command. `retry_after` are seconds, None without advice.
    """

    CODE: ClassVar[str] = ""

    def __init__(
        self,
        problem: Mapping[str, Any],
        status: int = 0,
        key: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(problem, status, key, retry_after)
        self.status = status
        self.code = str(problem.get("code", ""))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", self.title))
        self.request_id = str(problem.get("request_id", ""))
        self.key = key
        self.retry_after = retry_after
        self.facts = {name: _fact(problem[name]) for name in problem if name not in _PROBLEM_MEMBERS}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no fact {name!r}") from None

    def __str__(self) -> str:
        return f"{self.detail} ({self.code or 'no code'}, status {self.status})"


def _fact(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return Money(value["amount"], value["currency"])
    return value


class Unreachable(SeatledgerError):
    """The server gave no answer before the deadline. Nothing was changed. `__cause__` is the last error."""


class OutcomeUnknown(SeatledgerError):
    """The deadline passed, and the command may have been done. Repeat the call with `key` to learn it.

    The repeated call returns the first outcome, or does the command if it was not done.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"no answer before the deadline: repeat the call with key={self.key!r} to learn the outcome"


class UnexpectedAnswer(SeatledgerError):
    """The answer is not one of this API: look at the address, and at proxies on the way."""


class InvalidWebhook(SeatledgerError):
    """The request was not signed with this secret, or not within the last minutes."""
