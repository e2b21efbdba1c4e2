"""Strict parsing of request bodies: content type, size, types and duplicate names."""

import asyncio
import json
import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from api.http.http_errors import (
    ContentTooLarge,
    Malformed,
    RequestTimeout,
    UnsupportedMediaType,
    ValidationFailed,
)
from api.http.validation import escape, find_errors, first_error
from runtime.timers import Timers

T = TypeVar("T", bound=msgspec.Struct)

JSON_TYPE = b"application/json"
BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0
DISCARDED_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of a too large body that are read and discarded, so that the client can read the response."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = rb'(?:%b|"[ !#-\[\]-~]*")' % _TOKEN
_PARAMETERS = rb"(?:;[ \t]*(?:%b=%b[ \t]*)?)*" % (_TOKEN, _VALUE)
_MEDIA_TYPE = re.compile(rb"([a-z0-9/.+-]+)[ \t]*(%b)" % _PARAMETERS, re.IGNORECASE)
_PARAMETER = re.compile(rb"(%b)=(%b)" % (_TOKEN, _VALUE))
"""Media types (RFC 9110, section 8.3.1). Empty parameters, as in `application/json;`, are allowed."""


async def read(receive: Any, content_length: bytes | None, timers: Timers) -> bytes:
    """Read the whole body, until the timer ends the wait.

    Raises ContentTooLarge, RequestTimeout, and Malformed if the client disconnects.
    """
    digits = content_length if content_length and content_length.isdigit() else b"0"
    # int() refuses more than 4,300 digits.
    if len(digits) > 18 or int(digits) > DISCARDED_BYTES_MAX:
        raise ContentTooLarge
    task = asyncio.current_task()
    assert task
    timer = timers.start(task.cancel)
    try:
        message = await receive()
        if not message.get("more_body") and len(message.get("body", b"")) <= BODY_BYTES_MAX:
            return _content(message)
        return await _read_remaining(receive, message)
    except asyncio.CancelledError:
        if not timer.is_over or task.uncancel():
            raise
        raise RequestTimeout from None
    finally:
        timer.cancel()


async def _read_remaining(receive: Any, message: Any) -> bytes:
    body = bytearray(_content(message))
    received = len(body)
    while message.get("more_body") and received <= DISCARDED_BYTES_MAX:
        message = await receive()
        chunk = _content(message)
        received += len(chunk)
        if received <= BODY_BYTES_MAX:
            body += chunk
    if received > BODY_BYTES_MAX:
        raise ContentTooLarge
    return bytes(body)


def _content(message: Any) -> bytes:
    if message["type"] == "http.disconnect":
        raise Malformed("The body ended early.")
    content: bytes = message.get("body", b"")
    return content


def require_json(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Raise UnsupportedMediaType unless the body is uncompressed JSON.

    A compressed body within the size limit could expand to any size.
    """
    if content_encoding is not None and content_encoding.lower() != b"identity":
        raise UnsupportedMediaType("Send the body uncompressed, without Content-Encoding.")
    if content_type != JSON_TYPE and not is_type(JSON_TYPE, content_type):
        raise UnsupportedMediaType


def is_type(expected: bytes, content_type: bytes | None) -> bool:
    """Return true if Content-Type names this media type in UTF-8. Other parameters are ignored."""
    match = _MEDIA_TYPE.fullmatch(content_type or b"")
    if match is None or match[1].lower() != expected:
        return False
    parameters = _PARAMETER.findall(match[2].lower())
    return all(value.strip(b'"') in (b"utf-8", b"utf8") for name, value in parameters if name == b"charset")


def decode(body: bytes, kind: type[T]) -> T:
    """Decode the body. Raises ValidationFailed with a JSON pointer to each error."""
    try:
        value: T = _decoder(kind).decode(body)
        _require_unambiguous(body)
    except msgspec.ValidationError as error:
        raise _explain(body, kind, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValidationFailed(("", "The body is not valid JSON in UTF-8")) from None
    except OverflowError:
        raise ValidationFailed(("", "A date lies outside the years 1 to 9999")) from None
    return value


def _require_unambiguous(body: bytes) -> None:
    """Raise ValidationFailed for a duplicate name (RFC 8259, section 4) and for NUL in a string.

    A body that is decoded and encoded again to the same bytes has no duplicate name. Only the others need the
    decoder in Python, which takes ten times as long.
    """
    compact = msgspec.json.format(body, indent=-1)
    if b"\\u0000" in compact or compact != msgspec.json.encode(msgspec.json.decode(compact)):
        _decode_pairs(body.decode())


def _explain(body: bytes, kind: Any, first: str) -> ValidationFailed:
    """Return all errors of a body that is not of this kind; `first` is the message of the decoder."""
    try:
        _decode_pairs(body.decode())
        errors = find_errors(json.loads(body), kind)
        return ValidationFailed(*(errors or [first_error(first)]))
    except ValidationFailed as ambiguous:
        return ambiguous
    except OverflowError:
        return ValidationFailed(("", "A date lies outside the years 1 to 9999"))
    except (ValueError, RecursionError):
        # Behind the wrong value the body is no JSON, or it has numbers or depths that Python does not read.
        return ValidationFailed(first_error(first))


def _reject_ambiguous(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, value in pairs:
        if name in names:
            raise ValidationFailed((escape(name), "Given twice"))
        if isinstance(value, str) and "\x00" in value:
            raise ValidationFailed((escape(name), "NUL is not allowed"))
        names.add(name)


_decode_pairs = json.JSONDecoder(object_pairs_hook=_reject_ambiguous).decode


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=True)
