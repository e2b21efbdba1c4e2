"""Reading a request body strictly: the right type, a bounded size, no doubt about what was meant."""

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

T = TypeVar("T", bound=msgspec.Struct)

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0
DISCARDED_BYTES_MAX = 32 * 1024 * 1024
"""Of a body that is too large so much is read and thrown away, so that the caller gets to read our answer."""

_CHARSET_UTF8 = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


async def read(receive: Any, announced: bytes | None) -> bytes:
    """The whole body, of which Content-Length announced so many bytes.

    Raises ContentTooLarge, RequestTimeout, or Malformed when the caller has gone.
    """
    if announced and announced.isdigit() and int(announced) > DISCARDED_BYTES_MAX:
        raise ContentTooLarge
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            message = await receive()
            if not message.get("more_body") and len(message.get("body", b"")) <= BODY_BYTES_MAX:
                return _content(message)
            return await _read_on(receive, message)
    except TimeoutError:
        raise RequestTimeout from None


async def _read_on(receive: Any, message: Any) -> bytes:
    body = bytearray(_content(message))
    seen = len(body)
    while message.get("more_body") and seen <= DISCARDED_BYTES_MAX:
        message = await receive()
        chunk = _content(message)
        seen += len(chunk)
        if seen <= BODY_BYTES_MAX:
            body += chunk
    if seen > BODY_BYTES_MAX:
        raise ContentTooLarge
    return bytes(body)


def _content(message: Any) -> bytes:
    if message["type"] == "http.disconnect":
        raise Malformed("The body ended early.")
    content: bytes = message.get("body", b"")
    return content


def require_json(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Raises UnsupportedMediaType, also for what is compressed: 64 KiB of that may be any size."""
    if content_encoding is not None and content_encoding.lower() != b"identity":
        raise UnsupportedMediaType("Send it as it is, without Content-Encoding.")
    if content_type != b"application/json" and not _CHARSET_UTF8.fullmatch(
        (content_type or b"").decode("latin-1")
    ):
        raise UnsupportedMediaType


def decode(body: bytes, kind: type[T]) -> T:
    """Raises ValidationFailed, with a pointer to what is wrong, or Malformed."""
    try:
        value: T = _decoder(kind).decode(body)
        _second_reader.decode(body.decode())
    except msgspec.ValidationError as error:
        raise _located(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValidationFailed("", "The body is not valid JSON in UTF-8") from None
    except OverflowError:
        raise ValidationFailed("", "A date lies outside the years 1 to 9999") from None
    return value


def _unambiguous(pairs: list[tuple[str, Any]]) -> None:
    """Raises ValidationFailed for a name given twice (RFC 8259, section 4) and for NUL in a string."""
    names = set()
    for name, value in pairs:
        if name in names:
            raise ValidationFailed(_escaped(name), "Given twice")
        if isinstance(value, str) and "\x00" in value:
            raise ValidationFailed(_escaped(name), "NUL is not allowed")
        names.add(name)


_second_reader = json.JSONDecoder(object_pairs_hook=_unambiguous)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=True)


def _located(message: str) -> ValidationFailed:
    """From msgspec's words, like "Expected `int`, got `str` - at `$.price.amount`"."""
    text, _, path = message.partition(" - at `$")
    pointer = path.removesuffix("`").replace("[...]", "").replace(".", "/")
    pointer = re.sub(r"\[(\d+)\]", r"/\1", pointer)
    named = re.fullmatch(r"Object (?:missing required|contains unknown) field `(.*)`", text, re.DOTALL)
    if named:
        pointer += _escaped(named[1])
    return ValidationFailed(pointer, text[:300])


def _escaped(name: str) -> str:
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")
