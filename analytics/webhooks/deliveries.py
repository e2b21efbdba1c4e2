"""The log of deliveries: what was sent to a webhook, and what it answered."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from analytics.webhooks import State
from database.connection import Connection
from database.select_list import join_conditions


class Delivery(msgspec.Struct, frozen=True):
    """One event, or one test, and one webhook. `id` is the `webhook-id` that the receiver gets.

    `queued_at` is the time from which it is repeated for three days. `status`, `answer` and `error` are those
    of the last attempt: the first characters of the answer, or why there was none.
    """

    id: str
    position: int | None
    type: str
    stream_id: UUID
    state: State
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    answered_at: datetime | None
    status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None


class DeliverySearch(msgspec.Struct, frozen=True):
    webhook_id: UUID
    state: State | None = None
    position: int | None = None


DeliveryKey = tuple[datetime, int]
"""Time and position of a delivery, by which the log is sorted, the newest first."""


def key_of(delivery: Delivery) -> DeliveryKey:
    return delivery.queued_at, position_of(delivery.id)


def message_id(position: int) -> str:
    """Return the id that a receiver gets: the position of the event, or `test-1` for a test."""
    return str(position) if position > 0 else f"test{position}"


def position_of(id: str) -> int:
    return int(id.removeprefix("test"))


async def page(
    connection: Connection, search: DeliverySearch, before: DeliveryKey | None, limit: int
) -> list[Delivery]:
    """Return deliveries of one webhook, the newest first."""
    where, parameters = join_conditions(
        ("and state = %s", search.state),
        ("and position = %s", search.position),
        ("and (created_at, position) < (%s, %s)", *(before or (None, None))),
    )
    statement: LiteralString = f"""
        select position, topic, stream_id, state, attempts, created_at, due_at, answered_at, status, answer,
            error, took_ms
        from webhook_deliveries where webhook_id = %s {where}
        order by created_at desc, position desc limit %s
    """
    cursor = await connection.execute(statement, [search.webhook_id, *parameters, limit])
    return [_delivery(*row) for row in await cursor.fetchall()]


def _delivery(
    position: int,
    topic: str,
    stream: UUID,
    state: State,
    attempts: int,
    created_at: datetime,
    due_at: datetime,
    *answer: object,
) -> Delivery:
    return Delivery(
        message_id(position),
        position if position > 0 else None,
        topic,
        stream,
        state,
        attempts,
        created_at,
        due_at if state == "waiting" else None,
        *answer,  # type: ignore[arg-type]
    )
