"""Payers: customers that pay early, late, repeatedly or wrongly, and change what they bought."""

import asyncio
import json
from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar

from trials.checker.calls import Call
from trials.crowd.caller import Caller
from trials.crowd.sale import Sale
from trials.crowd.staff import Clerk

Bought = dict[str, Any]
"""A booking or an itinerary as its customer last received it."""


class Payer:
    """Pays for what one caller bought. Subclasses say what that is."""

    BOUGHT: ClassVar[str]
    PATH: ClassVar[str]

    def __init__(self, caller: Caller, sale: Sale, clerk: Clerk, random: Random) -> None:
        self._caller = caller
        self._sale = sale
        self._clerk = clerk
        self._random = random

    async def _pay(
        self, bought: Bought, key: str | None = None, short: int = 0, capture: str = "automatic"
    ) -> Call:
        cost = {**bought["total_cost"], "amount": bought["total_cost"]["amount"] - short}
        body = {f"{self.BOUGHT}_id": bought["id"], "user_id": self._caller.who, "total_cost": cost}
        if capture != "automatic":
            body["capture"] = capture
        if cards := self._sale.plan.cards:
            # A repeat of the key must name the same card.
            body["payment_method"] = Random(key or self._random.random()).choice(cards)
        return await self._change(bought, f"pay_{self.BOUGHT}", f"{self.PATH}/payments", body, key)

    async def _pay_at_the_end(self, bought: Bought) -> None:
        """Pay late, or at the last moment."""
        seconds = self._random.choice((0.1, self._random.uniform(-0.05, 0.01)))
        await self._sale.pause(self._sale.plan.hold_seconds + seconds)
        await self._pay(bought)

    async def _pay_wrongly(self, bought: Bought) -> None:
        await self._pay(bought, short=1)

    async def _pay_several_times(self, bought: Bought) -> None:
        """Pay at once under one key and under another, then again under the first."""
        key = self._caller.new_key()
        await asyncio.gather(*(self._pay(bought, key) for _ in range(2)), self._pay(bought))
        await self._pay(bought, key)

    async def _abandon(self, bought: Bought) -> None:
        """Leave it to expire."""

    async def _change(
        self, bought: Bought, operation: str, path: str, body: Mapping[str, Any], key: str | None = None
    ) -> Call:
        """Change what was bought, under a new key sometimes only at the known version or at the next one."""
        known: int = bought["version"]
        version = None if key else self._random.choice((None, None, None, None, known, known + 1))
        call = await self._caller.command(operation, path, body, key, version)
        if call.status in (200, 201):
            row = json.loads(call.text)
            bought.update(row.get(self.BOUGHT, row))
        return call
