"""Personal strings in JSON documents: find and replace the values of the fields that the domain marks."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.handlers import HANDLERS
from domain.personal import Personal, name_fields, text_keys
from ledger.codec import EVENT_TYPES
from ledger.log import RecordedEvent

_MARKED_TYPES: tuple[type, ...] = (*HANDLERS, *EVENT_TYPES.values(), RecordedEvent)

KEYS: dict[str, Personal] = {
    **{name: Personal.NAME for owner in _MARKED_TYPES for name in name_fields(owner)},
    **{name: Personal.TEXT for owner in _MARKED_TYPES for name in sorted(text_keys(owner))},
}
"""Keys of personal strings in JSON objects: the marked fields of commands, events and the log."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def substitute(document: bytes, name: Callable[[str], str], text: Callable[[str], str]) -> bytes:
    """Return the document with `name` applied to personal names and `text` to personal texts.

    Documents without personal strings, and bytes that are not JSON, are returned unchanged.
    """
    value, found = _personal_strings(document)
    for holder, key in found:
        replace = name if KEYS[key] is Personal.NAME else text
        holder[key] = replace(holder[key])
    return _encode(value) if found else document


def substitute_marked(
    document: bytes, mark: str, name: Callable[[str], str], text: Callable[[str], str]
) -> bytes:
    """Do what `substitute` does, at a fifth of the cost, if only strings that begin with `mark` change.

    The document is compact JSON, as msgspec writes it. Without escapes, a string ends at the next quote.
    """
    if b"\\" in document:
        return substitute(document, name, text)
    first, *pieces = document.split(b'":"' + mark.encode())
    parts = [first]
    for piece in pieces:
        rest_of_string, _, rest = piece.partition(b'"')
        string, key = mark + rest_of_string.decode(), parts[-1].rpartition(b'"')[2].decode()
        if key in KEYS:
            string = name(string) if KEYS[key] is Personal.NAME else text(string)
        parts += [b'":', _encode(string), rest]
    return b"".join(parts)


def names_in(document: bytes | str) -> set[str]:
    """Return the personal names in the document. Bytes that are not JSON contain none."""
    _, found = _personal_strings(document)
    return {holder[key] for holder, key in found if KEYS[key] is Personal.NAME}


def texts_in(document: bytes | str) -> list[str]:
    """Return the personal texts in the document. Bytes that are not JSON contain none."""
    _, found = _personal_strings(document)
    return [holder[key] for holder, key in found if KEYS[key] is Personal.TEXT]


def _personal_strings(document: bytes | str) -> tuple[Any, list[tuple[dict[str, Any], str]]]:
    """Return the decoded document, and each object and key in it that hold a personal string."""
    found: list[tuple[dict[str, Any], str]] = []
    try:
        value = _decode(document)
    except msgspec.DecodeError:
        return None, found
    _collect(value, found)
    return value, found


def _collect(value: Any, found: list[tuple[dict[str, Any], str]]) -> None:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            of = type(item)
            if of is str:
                if key in KEYS:
                    found.append((value, key))
            elif of is dict or of is list:
                _collect(item, found)
    elif kind is list:
        for item in value:
            _collect(item, found)
