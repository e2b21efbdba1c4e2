"""Messages of webhooks: what a receiver gets for an event, thin or full."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec

from analytics.webhooks import TEST_TOPIC
from analytics.webhooks.queue import DueDelivery
from database.connection import Connection
from ledger.keyring import Keyring
from ledger.log import EVENTS, RecordedEvent
from ledger.people import decrypt_events

_encode = msgspec.json.Encoder().encode


async def read_events(
    connection: Connection, keyring: Keyring, due: Sequence[DueDelivery]
) -> dict[int, RecordedEvent]:
    """Return the events of full messages by position, with names decrypted now: erased people stay erased."""
    positions = list({one.position for one in due if one.payload == "full" and one.position > 0})
    if not positions:
        return {}
    found = await (await connection.execute(_EVENTS, (positions,))).fetchall()
    events = await decrypt_events(connection, keyring, [RecordedEvent(*row) for row in found])
    return {event.position: event for event in events}


def message(
    ledger: str, due: DueDelivery, event: RecordedEvent | None, now: datetime, is_sandbox: bool = False
) -> str:
    """Return the JSON text for one delivery; `event` is None for a thin one.

    As in the API, the messages of a sandbox have `livemode: false`, and others have no such member.
    """
    mode = {"livemode": False} if is_sandbox else {}
    if due.topic == TEST_TOPIC:
        return _text(TEST_TOPIC, now, mode, {"ledger": ledger, "webhook_id": due.webhook})
    kind = due.topic.partition(".")[0]
    content: dict[str, Any] = {
        "ledger": ledger,
        "position": due.position,
        f"{kind}_id": due.stream,
        "version": due.version,
    }
    if event is not None:
        content |= {
            "recorded_at": event.recorded_at.astimezone(UTC),
            "actor": event.actor,
            "causation_id": event.causation_id,
            "correlation_id": event.correlation_id,
            "data": msgspec.Raw(event.state.encode()),
        }
    return _text(due.topic, due.recorded_at or now, mode, content)


def _text(kind: str, time: datetime, mode: dict[str, bool], content: dict[str, Any]) -> str:
    """Return the members that Standard Webhooks recommends: `type`, `timestamp` and `data`."""
    return _encode({"type": kind, "timestamp": time.astimezone(UTC), **mode, "data": content}).decode()


_EVENTS: LiteralString = f"select {EVENTS.names} from events where position = any (%s)"  # noqa: S608
