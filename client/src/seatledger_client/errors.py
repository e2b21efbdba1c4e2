"""Errors that calls raise."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, get_type_hints

from seatledger_client.record import decode
from seatledger_client.records import FieldError, Money

_PROBLEM_MEMBERS = ("type", "title", "status", "detail", "instance", "code", "request_id")


class SeatledgerError(Exception):
    """The base of all errors of this client."""


class Refusal(SeatledgerError):
    """An answer that is no success. Each code of the API has a subclass; an unknown one has this class.

    `facts` are the other members of the problem document, and attributes too: `refusal.free`. Amounts are
    `Money`. `key` is the idempotency key of a command. `retry_after` are seconds, None without advice.
    """

    CODE: ClassVar[str] = ""
    errors: list[FieldError]
    """The wrong fields of `ValidationFailed`."""

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
        kind: Any = type(self)
        kinds = _kinds_of_facts(kind)
        self.facts = {
            name: _fact(kinds.get(name), problem[name]) for name in problem if name not in _PROBLEM_MEMBERS
        }

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no fact {name!r}") from None

    def __str__(self) -> str:
        return f"{self.detail} ({self.code or 'no code'}, status {self.status})"


@cache
def _kinds_of_facts(refusal: Any) -> dict[str, Any]:
    return get_type_hints(refusal)


def _fact(kind: Any, value: Any) -> Any:
    """Convert a fact of a known type; the value of a later version stays as it is."""
    if kind is not None:
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            return decode(kind, value)
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
