"""JSON with one canonical form, so that every change of a file is detected, also of blanks."""

import json
import re
from collections.abc import Sequence
from typing import Any

from audit.proofs.not_proved import NotProved

INTEGER_MAX = 2**63 - 1
_HEX_32 = re.compile(r"[0-9a-f]{64}")


def encode(value: Any, indent: int | None = None) -> str:
    """Return one line, or with `indent` one line a value, and a line feed at the end."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators) + "\n"


def decode(text: bytes, indent: int | None = None) -> Any:
    """Return the value of a canonical text. Raises NotProved for other text, such as doubled names."""
    try:
        value = json.loads(text.decode())
        if encode(value, indent).encode() != text:
            raise NotProved("the JSON is not in the form in which it was written")
    except (ValueError, RecursionError):
        raise NotProved("this is not JSON") from None
    return value


def require_fields(value: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return the values of an object with exactly these names in this order. Raises NotProved."""
    if not isinstance(value, dict) or list(value) != list(names):
        raise NotProved(f"{what}: must have {', '.join(names)}")
    return list(value.values())


def require_integer(value: Any, what: str, least: int = 1) -> int:
    """Raises NotProved."""
    if type(value) is not int or not least <= value <= INTEGER_MAX:
        raise NotProved(f"{what}: must be an integer of at least {least}")
    return value


def require_line(value: Any, what: str) -> str:
    """Require text without a line feed, so that joined lines are unambiguous. Raises NotProved."""
    if type(value) is not str or "\n" in value:
        raise NotProved(f"{what}: must be one line of text")
    return value


def require_hash(value: Any, what: str) -> bytes:
    """Return 32 bytes from lower-case hex. Raises NotProved."""
    if type(value) is not str or not _HEX_32.fullmatch(value):
        raise NotProved(f"{what}: must be 64 hex digits")
    return bytes.fromhex(value)


def require_hashes(value: Any, what: str) -> list[bytes]:
    """Raises NotProved."""
    if not isinstance(value, list):
        raise NotProved(f"{what}: must be a list")
    return [require_hash(item, what) for item in value]
