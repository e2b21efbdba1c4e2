"""Execution of requests: once for each idempotency key, with the faults that are switched on."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from gateways.simulator.faults import FaultInjector
from gateways.simulator.store import Store
from gateways.simulator.wire_format import RequestRefused, StripeResponse, error, refusal

KEY_MAX = 255


class AnswerDropped(Exception):
    """The request was executed, and its answer must not be sent."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A request that changes the store. `do` is synchronous, so its reads still hold when it writes."""

    path: str
    form: dict[str, str]
    key: str | None
    do: Callable[[Store], StripeResponse]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps([self.path, sorted(self.form.items())]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    answer: StripeResponse
    replayed: bool = False


class RequestHandler:
    """Executes requests against the store and injects faults."""

    def __init__(self, store: Store, injector: FaultInjector) -> None:
        self._store = store
        self._injector = injector
        self._busy: set[str] = set()

    async def write(self, request: WriteRequest) -> Reply:
        """Execute a request that changes the store. Raises RequestRefused and AnswerDropped."""
        if request.key is not None and not 0 < len(request.key) <= KEY_MAX:
            raise refusal(400, "parameter_invalid", f"Idempotency-Key: 1 to {KEY_MAX} characters")
        faults = self._injector.draw(request.path)
        if faults.fails:
            raise refusal(500, None, "Switched on: fail")
        reply = await self._run(request, faults.late_seconds, faults.forgets_key)
        if faults.runs_twice:
            reply = self._execute(request, faults.forgets_key)
        await _wait(faults.slow_seconds)
        if faults.drops_answer:
            raise AnswerDropped
        return reply

    async def read(self, do: Callable[[Store], StripeResponse]) -> StripeResponse:
        """Execute a request that changes nothing. Raises RequestRefused and AnswerDropped."""
        faults = self._injector.draw()
        if faults.fails:
            raise refusal(500, None, "Switched on: fail")
        await _wait(faults.late_seconds)
        try:
            answer = do(self._store)
        except RequestRefused as problem:
            answer = problem.answer
        await _wait(faults.slow_seconds)
        if faults.drops_answer:
            raise AnswerDropped
        return answer

    async def _run(self, request: WriteRequest, late_seconds: float, forgets_key: bool) -> Reply:
        if request.key is None:
            await _wait(late_seconds)
            return self._execute(request, forgets_key)
        if request.key in self._busy:
            message = "A request with this key is under way"
            raise refusal(409, "idempotency_key_in_use", message, type="idempotency_error")
        self._busy.add(request.key)
        try:
            await _wait(late_seconds)
            return self._execute(request, forgets_key)
        finally:
            self._busy.discard(request.key)

    def _execute(self, request: WriteRequest, forgets_key: bool) -> Reply:
        try:
            return self._in_one_transaction(request, forgets_key)
        except RequestRefused as problem:
            return Reply(problem.answer)

    def _in_one_transaction(self, request: WriteRequest, forgets_key: bool) -> Reply:
        with self._store.writing():
            if request.key is None:
                return Reply(request.do(self._store))
            if forgets_key:
                self._store.delete_answer(request.key)
            elif before := self._store.answer(request.key):
                return _replay(request, *before)
            answer = request.do(self._store)
            if not forgets_key:
                self._store.save_answer(request.key, request.fingerprint, answer)
            return Reply(answer)


def _replay(request: WriteRequest, fingerprint: str, answer: StripeResponse) -> Reply:
    if fingerprint != request.fingerprint:
        message = "This key was used with other parameters"
        return Reply(error(400, None, message, type="idempotency_error"))
    return Reply(answer, replayed=True)


async def _wait(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
