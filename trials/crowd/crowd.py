"""All callers of one ledger: many customers, an operator and a clerk."""

import asyncio
from random import Random
from typing import Self

from trials.crowd.caller import Caller, Send
from trials.crowd.customers import Customer
from trials.crowd.sale import Plan, Sale
from trials.crowd.staff import Clerk, Operator


class Crowd:
    """All callers, from `open` until the sale ends and their last command is answered."""

    def __init__(self, send: Send, random: Random, plan: Plan) -> None:
        def draw() -> Random:
            return Random(random.random())

        self.sale = Sale(plan)
        self.tasks: list[asyncio.Task[None]] = []
        self._operator = Operator(Caller(send, "operator-olga", "operator", draw()), self.sale, draw())
        self._clerk = clerk = Clerk(Caller(send, "clerk-clara", "operator", draw()), self.sale, draw())
        names = [f"customer-{number:02}" for number in range(plan.customers)]
        callers = [Caller(send, name, "client", draw(), careless=True) for name in names]
        self._customers = [Customer(caller, self.sale, clerk, draw()) for caller in callers]

    async def open(self) -> None:
        for _ in range(self.sale.plan.flights):
            await self._operator.schedule()
        lives = [self._operator.live(), self._clerk.live(), *(each.live() for each in self._customers)]
        self.tasks = [asyncio.create_task(life) for life in lives]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def close(self, seconds: float) -> int:
        """Let callers start nothing new; return how many still wait for an answer after so many seconds."""
        self.sale.closing.set()
        done, waiting = await asyncio.wait(self.tasks, timeout=seconds)
        for task in done:
            task.result()
        return len(waiting)
