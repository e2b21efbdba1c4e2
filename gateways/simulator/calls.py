"""How a request is carried out: once for its key, and with the mishaps that are switched on."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from gateways.simulator.store import Store
from gateways.simulator.switches import Dice
from gateways.simulator.wire import Answer, Refused, error, refused

KEY_MAX = 255


class Lost(Exception):
    """What was asked for is done, and nobody shall be told."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that changes something. `do` is synchronous: what it read still holds when it writes."""

    path: str
    given: dict[str, str]
    key: str | None
    do: Callable[[Store], Answer]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps([self.path, sorted(self.given.items())]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Told:
    answer: Answer
    replayed: bool = False


class Counter:
    """Where requests are taken in."""

    def __init__(self, store: Store, dice: Dice) -> None:
        self._store = store
        self._dice = dice
        self._busy: set[str] = set()

    async def change(self, call: Call) -> Told:
        """Raises Refused and Lost."""
        if call.key is not None and not 0 < len(call.key) <= KEY_MAX:
            raise refused(400, "parameter_invalid", f"Idempotency-Key: 1 to {KEY_MAX} characters")
        fate = self._dice.throw(call.path)
        if fate.failed:
            raise refused(500, None, "Switched on: fail")
        told = await self._carried_out(call, fate.late_seconds, fate.forgotten)
        if fate.twice:
            told = self._once(call, fate.forgotten)
        await _pass(fate.slow_seconds)
        if fate.lost:
            raise Lost
        return told

    async def look(self, do: Callable[[Store], Answer]) -> Answer:
        """A request that changes nothing. Raises Refused and Lost."""
        fate = self._dice.throw()
        if fate.failed:
            raise refused(500, None, "Switched on: fail")
        await _pass(fate.late_seconds)
        try:
            answer = do(self._store)
        except Refused as problem:
            answer = problem.answer
        await _pass(fate.slow_seconds)
        if fate.lost:
            raise Lost
        return answer

    async def _carried_out(self, call: Call, late_seconds: float, forgotten: bool) -> Told:
        if call.key is None:
            await _pass(late_seconds)
            return self._once(call, forgotten)
        if call.key in self._busy:
            message = "A request with this key is under way"
            raise refused(409, "idempotency_key_in_use", message, type="idempotency_error")
        self._busy.add(call.key)
        try:
            await _pass(late_seconds)
            return self._once(call, forgotten)
        finally:
            self._busy.discard(call.key)

    def _once(self, call: Call, forgotten: bool) -> Told:
        try:
            return self._in_one_transaction(call, forgotten)
        except Refused as problem:
            return Told(problem.answer)

    def _in_one_transaction(self, call: Call, forgotten: bool) -> Told:
        with self._store.writing():
            if call.key is None:
                return Told(call.do(self._store))
            if forgotten:
                self._store.forget_answer(call.key)
            elif before := self._store.answer(call.key):
                return _replay(call, *before)
            answer = call.do(self._store)
            if not forgotten:
                self._store.keep_answer(call.key, call.fingerprint, answer)
            return Told(answer)


def _replay(call: Call, fingerprint: str, answer: Answer) -> Told:
    if fingerprint != call.fingerprint:
        message = "This key was used with other parameters"
        return Told(error(400, None, message, type="idempotency_error"))
    return Told(answer, replayed=True)


async def _pass(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
