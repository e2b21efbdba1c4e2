"""The one implementation of both clients: generators that yield steps and receive their results.

They do no I/O. A driver takes each step (`drivers.py`), and so the rules of retries, keys, positions and
streams are written, and tested, once.
"""

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

import httpx
from seatledger_client.calls import Call
from seatledger_client.errors import OutcomeUnknown, Refusal, SeatledgerError, UnexpectedAnswer, Unreachable
from seatledger_client.positions import Positions
from seatledger_client.record import decode, encode
from seatledger_client.records import Event
from seatledger_client.refusals import REFUSALS, PositionNotReached
from seatledger_client.sse import EventParser

T = TypeVar("T")

RETRIED = (408, 429, 502, 503, 504)
USER_AGENT = "seatledger-client"
FINAL = ("not-ready", "verification-too-long")
"""Codes with status 503 that the next attempt would get again."""

PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 45.0
"""The server sends a comment every 15 s. A stream that is silent for longer is dead."""


@dataclass(frozen=True)
class Send:
    """Send a request. Result: the response, or the httpx.TransportError."""

    request: httpx.Request


@dataclass(frozen=True)
class Open:
    """Send a request for a stream. Result as of Send, but the body of a success is not read."""

    request: httpx.Request


@dataclass(frozen=True)
class Read:
    """Read from the open stream. Result: bytes, b"" at its end, or the httpx.TransportError."""


@dataclass(frozen=True)
class Wait:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Emit:
    """Give this item to the caller."""

    item: Any


Steps = Generator[Any, Any, T]


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list. `next_cursor` is None on the last one."""

    data: list[T]
    next_cursor: str | None


@dataclass
class Pauses:
    """Exponential pauses with jitter, at least as long as the server asks for."""

    random: Callable[[], float] = random.random
    _failures: int = field(default=0, init=False)

    def next(self, retry_after: float | None) -> float:
        self._failures += 1
        longest: float = min(PAUSE_SECONDS * 2**self._failures, PAUSE_SECONDS_MAX)
        return (retry_after or 0.0) + self.random() * longest

    def reset(self) -> None:
        self._failures = 0


@dataclass
class Exchange:
    """What both clients know: address, token, limits of time in seconds, and the positions seen."""

    url: str
    token: str | Callable[[], str] | None
    deadline: float
    timeout: float
    positions: Positions | None
    pauses: Callable[[], Pauses] = Pauses
    clock: Callable[[], float] = time.monotonic

    def answer(self, call: Call[T]) -> Steps[T]:
        """Repeat a call until there is an answer other than "later", or the deadline has come.

        Raises Refusal, Unreachable, OutcomeUnknown and UnexpectedAnswer.
        """
        ends_at = self.clock() + self.deadline
        pauses, in_doubt = self.pauses(), False
        while True:
            result = yield Send(self._request(call, max(ends_at - self.clock(), 0.001)))
            if isinstance(result, httpx.Response):
                if result.is_success:
                    return self._read(call, result)
                failure: Exception = refusal_of(result, call.key)
                if not is_temporary(failure):
                    raise failure
            else:
                failure = result
            in_doubt = in_doubt or is_doubtful(failure)
            pause = pauses.next(getattr(failure, "retry_after", None))
            if self.clock() + pause >= ends_at:
                raise _last_word(call, failure, in_doubt) from failure
            yield Wait(pause)

    def pages(self, call: Call[T]) -> Steps[None]:
        """Emit all pages from the first, or from the `cursor` of the call."""
        while True:
            found: Any = yield from self.answer(replace(call, kind=dict))
            rows = [decode(call.kind, row) for row in found["data"]]
            page: Page[Any] = Page(rows, found["next_cursor"])
            yield Emit(page)
            if page.next_cursor is None:
                return
            call = replace(call, query={**call.query, "cursor": page.next_cursor})

    def items(self, call: Call[T]) -> Steps[None]:
        """Emit the rows of all pages."""
        steps = self.pages(call)
        result = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration:
                return
            if isinstance(step, Emit):
                for item in step.item.data:
                    yield Emit(item)
                result = None
            else:
                result = yield step

    def events(self, query: Mapping[str, Any], after: int) -> Steps[None]:
        """Emit the events after a position for ever, each once, whatever ends the streams between them.

        Raises Refusal if the server refuses, and PositionNotReached if it stays behind `after`, as after a
        restore from a backup.
        """
        pauses, behind_since = self.pauses(), None
        while True:
            result = yield Open(self._stream_request({**query, "after": after}))
            if isinstance(result, httpx.Response) and result.is_success:
                behind_since, parser = None, EventParser()
                while isinstance(chunk := (yield Read()), bytes) and chunk:
                    for message in parser.feed(chunk):
                        event = decode(Event, json.loads(message))
                        if event.position > after:
                            after = event.position
                            pauses.reset()
                            yield Emit(event)
                failure: Exception | None = None
            else:
                failure = refusal_of(result, None) if isinstance(result, httpx.Response) else result
                if isinstance(failure, (Refusal, UnexpectedAnswer)) and not is_temporary(failure):
                    raise failure
                if isinstance(failure, PositionNotReached):
                    behind_since = self.clock() if behind_since is None else behind_since
                    if self.clock() - behind_since > self.deadline:
                        raise failure
            yield Wait(pauses.next(getattr(failure, "retry_after", None)))

    def _request(self, call: Call[Any], seconds_left: float) -> httpx.Request:
        # A POST without a key is a computation, which may take long, and is not repeated for its silence.
        is_long = call.method == "POST" and call.key is None
        timeout = seconds_left if is_long else min(self.timeout, seconds_left)
        headers = self._headers()
        if call.key is not None:
            headers["x-idempotency-key"] = call.key
        if call.if_version is not None:
            headers["if-match"] = f'"v{call.if_version}"'
        if call.body is not None:
            headers["content-type"] = "application/json"
        query = dict(call.query)
        if self.positions and query.get("min_position", 0) is None:
            query["min_position"] = self.positions.parameter
        return httpx.Request(
            call.method,
            self.url + call.path,
            params=_parameters(query),
            headers=headers,
            content=None if call.body is None else json.dumps(encode(call.body)).encode(),
            extensions={"timeout": httpx.Timeout(timeout).as_dict()},
        )

    def _stream_request(self, query: Mapping[str, Any]) -> httpx.Request:
        timeout = httpx.Timeout(self.timeout, read=SILENCE_SECONDS_MAX)
        return httpx.Request(
            "GET",
            self.url + "/api/v1/events/stream",
            params=_parameters(query),
            headers=self._headers(),
            extensions={"timeout": timeout.as_dict()},
        )

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": USER_AGENT}
        token = self.token() if callable(self.token) else self.token
        return {**headers, "authorization": f"Bearer {token.strip()}"} if token else headers

    def _read(self, call: Call[T], response: httpx.Response) -> T:
        if self.positions and response.headers.get("dry-run") != "true":
            self.positions.remember(response.headers)
        try:
            value: T = decode(call.kind, response.json() if response.content else None)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnexpectedAnswer(
                f"{call.method} {call.path} was not answered as expected: {error}"
            ) from error
        return value


def refusal_of(response: httpx.Response, key: str | None) -> SeatledgerError:
    """Return the refusal in an answer that is no success."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        if response.status_code not in RETRIED:
            text = f"status {response.status_code} without a problem document, from {response.request.url}"
            return UnexpectedAnswer(text)
        problem = {"detail": f"The answer has status {response.status_code} and no problem document."}
    kind = REFUSALS.get(str(problem.get("code")), Refusal)
    return kind(problem, response.status_code, key, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def is_temporary(failure: Exception) -> bool:
    return isinstance(failure, Refusal) and failure.status in RETRIED and failure.code not in FINAL


def is_doubtful(failure: Exception) -> bool:
    """Return whether the request may have been carried out although it failed so."""
    if isinstance(failure, Refusal):
        return failure.status in (502, 504) or failure.code in ("", "unavailable", "payment-in-doubt")
    return not isinstance(failure, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))


def _last_word(call: Call[Any], failure: Exception, in_doubt: bool) -> Exception:
    if in_doubt and call.key is not None:
        return OutcomeUnknown(call.key)
    return failure if isinstance(failure, Refusal) else Unreachable(f"no answer: {failure!r}")


def _parameters(query: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: _parameter(value) for name, value in query.items() if value is not None and value is not False
    }


def _parameter(value: Any) -> str:
    if value is True:
        return "true"
    if isinstance(value, (list, tuple)):
        return ",".join(_parameter(item) for item in value)
    return str(value) if isinstance(value, (int, str, UUID)) else str(encode(value))
