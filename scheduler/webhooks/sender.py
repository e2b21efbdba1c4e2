"""The sender of one ledger's webhooks: queues new events, sends what is due, records the answers."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

import psycopg
from loguru import logger

from analytics.webhooks import following, queue, status
from analytics.webhooks.deliveries import message_id
from analytics.webhooks.following import LEASE_SECONDS, STATEMENT_SECONDS_MAX
from analytics.webhooks.messages import message, read_events
from analytics.webhooks.queue import PAUSE_MAX, Attempt, DueDelivery, Recorded, pause_after
from analytics.webhooks.signing import signed_headers, unseal_secrets
from database.connection import Connection, socket_deadline
from database.readers import TaskConnection
from ledger.ids import new_id
from ledger.ledger import Ledger
from ledger.log import RecordedEvent
from runtime.tasks import Task
from scheduler.webhooks.lanes import Lanes, Outgoing
from scheduler.webhooks.network import Connections
from scheduler.webhooks.post_result import PostResult

IDLE_SECONDS = 1.0
"""Pause between two looks while no answer comes."""

BUSY_SECONDS = 0.05
"""Least pause between two steps: answers that come within it are recorded together."""

REMOVE_SECONDS = 60.0
"""Interval at which old rows of the log are removed."""

RECORDED_MAX = 1_000
STOP_SECONDS = 1.5
LEASE_MARGIN_SECONDS = 2.0
"""Nothing is sent in the last seconds of a lease, in which a successor may already begin."""


class Sender:
    """Sends for one ledger. Any number may run: the database admits one at a time, by a lease."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._id = new_id()
        self._kept = TaskConnection(ledger.readers, STATEMENT_SECONDS_MAX)
        self._lanes = Lanes(self._send)
        self._connections = Connections(ledger.settings.webhook_networks)
        self._results: list[Attempt] = []
        self._answered = asyncio.Event()
        self._leased_until = 0.0
        self._remove_at = 0.0
        self.task = Task(
            "webhooks",
            "webhooks.interrupted",
            "webhooks.failed",
            "webhooks.back",
            (psycopg.Error, TimeoutError),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Failures are logged, and none is raised."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                has_more = await self.step()
                await asyncio.wait({stopping}, timeout=BUSY_SECONDS)
                if not has_more:
                    answered = asyncio.create_task(self._answered.wait())
                    await asyncio.wait(
                        {stopping, answered}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    answered.cancel()
        finally:
            stopping.cancel()
            await self.close()

    async def visit(self) -> None:
        """Queue and send once what is due now. Never raises."""
        await self.step()
        await self.close()

    async def step(self) -> bool:
        """Record answers, queue new events, start what is due. Return whether events are left to queue."""
        self._answered.clear()
        try:
            return bool(await self.task.run(self._step))
        finally:
            self._kept.give_back()

    async def close(self) -> None:
        """Wait a moment for running requests, record the answers, and let another scheduler send."""
        await self._lanes.finish(STOP_SECONDS)
        try:
            if self._leased_until:
                with suppress(psycopg.Error, TimeoutError):
                    await self._record()
                    await following.give_up(await self._kept.get(), self._id)
        finally:
            self._leased_until = 0.0
            self._kept.give_back()
            await self._connections.close()

    async def _step(self) -> bool:
        await self._record()
        connection = await self._kept.get()
        with socket_deadline(connection, STATEMENT_SECONDS_MAX):
            now = await status.look(connection)
            if not now.are_any:
                return False
            has_more = False
            if now.is_behind or self._is_lease_ending:
                has_more = await self._follow(connection)
            due = await queue.read_due(connection, self._lanes.busy)
            if due and not self._has_lease:
                has_more = await self._follow(connection)
                due = await queue.read_due(connection, self._lanes.busy)
            if self._has_lease:
                events = await read_events(connection, self._ledger.keyring, due)
                self._lanes.add(Outgoing(one, events.get(one.position)) for one in due)
                await self._remove_old(connection)
        return has_more

    async def _follow(self, connection: Connection) -> bool:
        """Queue new events, and extend the lease. Return whether more events are to be queued."""
        began = monotonic()
        async with connection.transaction():
            at = await following.begin(connection, self._id)
            if at is None:
                self._leased_until = 0.0
                return False
            if at.is_taken_over:
                await following.repair(connection)
            has_more = await following.follow(connection, at)
        self._leased_until = began + LEASE_SECONDS - LEASE_MARGIN_SECONDS
        return has_more

    @property
    def _has_lease(self) -> bool:
        return monotonic() < self._leased_until

    @property
    def _is_lease_ending(self) -> bool:
        return not self._lanes.is_idle and monotonic() > self._leased_until - LEASE_SECONDS / 2

    async def _record(self) -> None:
        """Record the answers that came, unless another scheduler sends by now and repeats them."""
        while self._results:
            batch = self._results[:RECORDED_MAX]
            connection = await self._kept.get()
            with socket_deadline(connection, STATEMENT_SECONDS_MAX):
                async with connection.transaction():
                    # An answer that a crash of the server loses is asked for again.
                    await connection.execute("set local synchronous_commit = off")
                    recorded = await queue.record(connection, self._id, batch)
            del self._results[: len(batch)]
            for one in batch:
                self._lanes.forget(one.webhook, one.position)
            if recorded is None:
                self._leased_until = 0.0
                self._lanes.clear()
            else:
                self._raise_alarms(recorded)

    def _raise_alarms(self, recorded: Recorded) -> None:
        line = logger.bind(ledger=self._ledger.entry.name)
        if recorded.parked:
            line.bind(count=recorded.parked).error("webhooks.parked")
        for webhook in recorded.gone:
            self._lanes.drop(webhook)
            line.bind(webhook=str(webhook)).error("webhooks.gone")

    async def _send(self, one: Outgoing, is_slow: bool) -> bool:
        """Send one delivery, and note the result. Return whether the receiver answered."""
        due = one.due
        if not self._has_lease:
            self._lanes.forget(due.webhook, due.position)
            return True
        try:
            result = await self._post(due, one.event, is_slow)
        except Exception as error:  # the queue goes on: the delivery is repeated, and parked in the end
            line = logger.bind(webhook=str(due.webhook), position=due.position)
            line.opt(exception=error).error("webhooks.unsendable")
            result = PostResult(None, None, f"not sent: {type(error).__name__}", 0)
        wait = result.wait_seconds
        self._results.append(
            Attempt(
                due.url,
                due.webhook,
                due.position,
                result.is_taken,
                pause_after(due.attempts + 1, wait),
                result.status,
                result.answer,
                result.error,
                result.took_ms,
            )
        )
        if wait:
            self._lanes.rest(due.webhook, min(wait, PAUSE_MAX.total_seconds()))
        self._answered.set()
        return result.status is not None

    async def _post(self, due: DueDelivery, event: RecordedEvent | None, is_slow: bool) -> PostResult:
        now = datetime.now(UTC)
        secrets = unseal_secrets(self._ledger.keyring, due.webhook, due.sealed_secrets)
        body = message(self._ledger.entry.name, due, event, now, self._ledger.settings.sandbox)
        fields = signed_headers(message_id(due.position), body, secrets, now)
        return await self._connections.post(due.url, body, fields, is_slow)

    async def _remove_old(self, connection: Connection) -> None:
        if monotonic() >= self._remove_at:
            has_more = await queue.remove_old(connection)
            self._remove_at = monotonic() + (IDLE_SECONDS if has_more else REMOVE_SECONDS)
