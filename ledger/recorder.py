"""The log as an eventsourcing recorder: its repositories, notification logs and projections read our table.

Reading only: the single way to write is a block (see `ledger.writer`), so `insert_events` refuses.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    ApplicationRecorder,
    EventStore,
    JSONTranscoder,
    ListenNotifySubscription,
    Mapper,
    Notification,
    StoredEvent,
    Subscription,
)

from database.connection import conninfo
from ledger import codec
from ledger.store import CHANNEL

NOTIFICATIONS_MAX = 10_000
"""Notifications a call, whatever it asks for."""


class LedgerMapper(Mapper[UUID]):
    """Between stored and domain events. The library wants the time in the state; we keep a column for it."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        state = _with_time(codec.encode(domain_event), domain_event.timestamp)  # type: ignore[attr-defined]
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            domain_event.TOPIC,  # type: ignore[attr-defined]
            state,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        fields = msgspec.json.decode(stored_event.state, type=dict[str, Any])
        recorded_at = datetime.fromisoformat(fields.pop("timestamp"))
        state = msgspec.json.encode(fields)
        event: DomainEventProtocol[UUID] = codec.decode(
            stored_event.topic,
            state,
            UUID(str(stored_event.originator_id)),
            stored_event.originator_version,
            recorded_at,
        )
        return event


class LedgerRecorder(ApplicationRecorder):
    """Selects and subscribes on a connection of its own for each call: for tools, not for hot paths."""

    def __init__(self, url: str) -> None:
        self._conninfo = conninfo(url, "seatledger recorder")

    def event_store(self) -> EventStore[UUID]:
        """For the library's repositories: loads aggregates, saves none."""
        return EventStore(LedgerMapper(), self)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        raise NotImplementedError("The log is written in blocks: submit a command to the ledger")

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        order = "desc" if desc else "asc"
        rows = self._rows(
            _SELECT + " where originator_id = %s and originator_version > %s"
            " and originator_version <= coalesce(%s, originator_version)"
            f" order by originator_version {order} limit %s",
            (originator_id, gt or 0, lte, limit),
        )
        return [StoredEvent(id, version, topic, _with_time(*rest)) for _, id, version, topic, *rest in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = (start or 0) + (not inclusive_of_start)
        rows = self._rows(
            _SELECT + " where position >= %s and position <= coalesce(%s, position)"
            " and (%s::text[] = '{}' or topic = any (%s)) order by position limit %s",
            (first, stop, list(topics), list(topics), min(limit, NOTIFICATIONS_MAX)),
        )
        return [
            Notification(id, version, topic, _with_time(*rest), position)
            for position, id, version, topic, *rest in rows
        ]

    def max_notification_id(self) -> int | None:
        ((position,),) = self._rows("select max(position) from ledger.events", ())
        return None if position is None else int(position)

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return _LedgerSubscription(self, gt, topics)

    @contextmanager
    def connection(self) -> Any:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute("set timezone to 'UTC'")
            yield connection

    def _rows(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(statement, parameters).fetchall()
            return rows


class _LedgerSubscription(ListenNotifySubscription["LedgerRecorder"]):
    """Pulls when a block says that it committed. Ends, as the library's does, when its connection breaks."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listener.join()

    def _listen(self) -> None:
        try:
            with self._recorder.connection() as connection:
                connection.execute(f"listen {CHANNEL}")
                # What was committed before the LISTEN took effect was not announced.
                self._has_been_notified.set()
                while not self._has_been_stopped:
                    for _ in connection.notifies(timeout=0.1, stop_after=1):
                        self._has_been_notified.set()
        except Exception as error:
            self._thread_error = self._thread_error or error
            self.stop()


_SELECT = "select position, originator_id, originator_version, topic, state, recorded_at from ledger.events"


def _with_time(state: str, recorded_at: datetime) -> bytes:
    separator = "" if state == "{}" else ","
    return f'{{"timestamp":"{recorded_at.isoformat()}"{separator}{state[1:]}'.encode()
