"""Events of the log as CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec)."""

import msgspec

from ledger.log import RecordedEvent

MEDIA_TYPE = "application/cloudevents+json"
SEQUENCE_DIGITS = 19
"""Digits of the largest position. The extension `sequence` is text that sorts like the numbers."""


def cloud_event(event: RecordedEvent, ledger: str, is_sandbox: bool = False) -> bytes:
    """Return the event in structured mode. `data` is the state exactly as recorded.

    Names of extensions are lower-case letters and digits, and numbers have 32 bits at most, so positions are
    text. With the extensions, an event has every field that its `hash` covers. As in the API, an event of a
    sandbox has `livemode: false`, and others have no such extension.
    """
    return _encode(
        {
            "specversion": "1.0",
            "id": str(event.position),
            "source": f"/seatledger/{ledger}",
            "type": event.topic,
            "subject": str(event.originator_id),
            "time": event.recorded_at,
            "datacontenttype": "application/json",
            "sequence": str(event.position).zfill(SEQUENCE_DIGITS),
            "version": event.originator_version,
            "actor": event.actor,
            "operation": event.operation,
            "ordinal": event.ordinal,
            "causationid": event.causation_id,
            "correlationid": event.correlation_id,
            # An empty attribute is invalid.
            **({"traceparent": event.traceparent} if event.traceparent else {}),
            "commandhash": event.command_hash.hex(),
            "hash": event.hash.hex(),
            **({"livemode": False} if is_sandbox else {}),
            "data": msgspec.Raw(event.state.encode()),
        }
    )


def position_and_hash(message: bytes) -> tuple[int, str]:
    """Return what identifies an event in a published message. Raises ValueError for another message."""
    try:
        identity = _decode(message)
        return int(identity.id), identity.hash
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


class _Identity(msgspec.Struct):
    id: str
    hash: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Identity).decode
