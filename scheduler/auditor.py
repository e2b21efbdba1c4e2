"""The auditor: a bounded amount of work on the self-audit each second."""

from time import monotonic

import psycopg

from audit.self_audit.rounds import STEP_SECONDS_MAX, step
from database.connection import socket_deadline
from database.readers import Readers, TaskConnection
from ledger.keyring import NO_KEYRING, Keyring
from runtime.tasks import Task

WORK_SECONDS = 0.25
"""Work in each second: a quarter of a core at most while the audit catches up."""

REST_SECONDS = 5
"""Pause after an error."""


class Auditor:
    """Runs self-audit steps. Any number may run: the database admits one step at a time for all.

    With the ledger's keyring the index of family names is compared, too.
    """

    def __init__(self, readers: Readers, keyring: Keyring = NO_KEYRING) -> None:
        self._keyring = keyring
        self._connection = TaskConnection(readers, STEP_SECONDS_MAX)
        self._resting_until = 0.0
        self.task = Task(
            "self-audit",
            "self_audit.interrupted",
            "self_audit.failed",
            "self_audit.back",
            (psycopg.Error, TimeoutError),
        )

    @property
    def is_resting(self) -> bool:
        """True between two rounds, and after an error."""
        return self._resting_until > monotonic()

    async def run(self) -> None:
        """Work for WORK_SECONDS. A failure is logged and followed by a pause; none is raised."""
        if not self.is_resting:
            failures = self.task.failures
            await self.task.run(self._work)
            if self.task.failures > failures:
                self._resting_until = monotonic() + REST_SECONDS

    async def _work(self) -> None:
        stop = monotonic() + WORK_SECONDS
        try:
            while self._resting_until <= monotonic() < stop:
                connection = await self._connection.get()
                with socket_deadline(connection, STEP_SECONDS_MAX):
                    self._resting_until = monotonic() + await step(connection, keyring=self._keyring)
        finally:
            self._connection.give_back()
