"""JSON with one spelling: whatever is changed in a file, blanks included, is a change that shows."""

import json
import re
from collections.abc import Sequence
from typing import Any

from audit.proofs.refuted import Refuted

INTEGER_MAX = 2**63 - 1
_HEX_32 = re.compile(r"[0-9a-f]{64}")


def spell(value: Any, indent: int | None = None) -> str:
    """One line, or one line a value with `indent`; a line feed at the end."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators) + "\n"


def read(text: bytes, indent: int | None = None) -> Any:
    """The value that is spelled so. Raises Refuted for anything else, doubled names and other blanks too."""
    try:
        value = json.loads(text.decode())
        if spell(value, indent).encode() != text:
            raise Refuted("the JSON is not spelled as it was when it was written")
    except (ValueError, RecursionError):
        raise Refuted("this is no JSON") from None
    return value


def fields(value: Any, names: Sequence[str], what: str) -> list[Any]:
    """The values of an object that has these names, in this order, and no others. Raises Refuted."""
    if not isinstance(value, dict) or list(value) != list(names):
        raise Refuted(f"{what}: must have {', '.join(names)}")
    return list(value.values())


def integer(value: Any, what: str, least: int = 1) -> int:
    """Raises Refuted."""
    if type(value) is not int or not least <= value <= INTEGER_MAX:
        raise Refuted(f"{what}: must be a whole number from {least} on")
    return value


def line(value: Any, what: str) -> str:
    """Text without a line feed: lines put together say one thing only. Raises Refuted."""
    if type(value) is not str or "\n" in value:
        raise Refuted(f"{what}: must be one line of text")
    return value


def hash_of(value: Any, what: str) -> bytes:
    """32 bytes in lower-case hex. Raises Refuted."""
    if type(value) is not str or not _HEX_32.fullmatch(value):
        raise Refuted(f"{what}: must be 64 hex digits")
    return bytes.fromhex(value)


def hashes(value: Any, what: str) -> list[bytes]:
    """Raises Refuted."""
    if not isinstance(value, list):
        raise Refuted(f"{what}: must be a list")
    return [hash_of(item, what) for item in value]
