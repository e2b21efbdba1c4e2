"""A caller: one subject that repeats unanswered commands under the same key."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import msgspec

from trials.checker.calls import Call

PAUSE_SECONDS = 0.2
"""The mean pause before a repeat. Retry-After asks for more, but real clients are impatient."""

ATTEMPTS_OF_THE_CARELESS = 2
KEPT = 50
"""Earlier commands that a caller may repeat."""

Send = Callable[[Call], Awaitable[Call]]
"""Sends a call once and returns it with its answer, or with the reason why there is none."""


class Caller:
    """Sends calls of one subject. All its keys come from `random`.

    A `careless` one sometimes gives up on a command, which may have been executed or not, and sometimes uses
    one key for two commands at once.
    """

    def __init__(self, send: Send, who: str, role: str, random: Random, careless: bool = False) -> None:
        self.who = who
        self._role = role
        self._send = send
        self._random = random
        self._careless = careless
        self._earlier: deque[Call] = deque(maxlen=KEPT)

    def new_key(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    async def read(self, operation: str, path: str) -> Any:
        """Return the decoded answer, or None when there is none."""
        call = await self._send(Call(who=self.who, role=self._role, operation=operation, path=path))
        return msgspec.json.decode(call.text) if call.status == 200 else None

    async def command(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any],
        key: str | None = None,
        version: int | None = None,
    ) -> Call:
        """Repeat the command until it is answered, the caller gives up, or the task is cancelled."""
        call = Call(
            who=self.who,
            role=self._role,
            operation=operation,
            path=path,
            key=key or self.new_key(),
            body=_encode(body),
            version=version,
        )
        self._earlier.append(call)
        if self._careless and self._random.random() < 0.03 and (other := _twisted(call)):
            first, _ = await asyncio.gather(self.settle(call), self.settle(other))
            return first
        gives_up = self._careless and self._random.random() < 0.05
        return await self.settle(call, ATTEMPTS_OF_THE_CARELESS if gives_up else None)

    async def repeat_earlier(self) -> None:
        """Repeat an earlier command, answered or not: the same key, the same body."""
        if self._earlier:
            await self.settle(self._random.choice(self._earlier))

    async def twist_earlier(self) -> None:
        """Use the key of an earlier command with another body."""
        if self._earlier and (other := _twisted(self._random.choice(self._earlier))):
            await self.settle(other)

    async def settle(self, call: Call, attempts_max: int | None = None) -> Call:
        """Send the call until it is answered, or so many times; return its last attempt."""
        attempts = 0
        while True:
            attempts += 1
            answered = await self._send(call)
            if answered.answered or attempts == attempts_max:
                return answered
            await asyncio.sleep(PAUSE_SECONDS * self._random.uniform(0.5, 1.5))


def _twisted(call: Call) -> Call | None:
    """Return a call with the same key and another body; None when there is no other body."""
    body = msgspec.json.decode(call.body)
    match body:
        case {"seats": seats}:
            body["seats"] = seats % 3 + 1
        case {"total_cost": cost}:
            cost["amount"] += 1
        case {"reason": _}:
            body["reason"] = "another reason"
        case _:
            return None
    return msgspec.structs.replace(call, body=_encode(body))


def _encode(body: Mapping[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
