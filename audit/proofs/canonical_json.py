"""JSON that is written in one form and judged by its content: blanks and the order of names do not count."""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from audit.proofs.not_proved import NotProved

INTEGER_MAX = 2**63 - 1
_HEX_32 = re.compile(r"[0-9a-f]{64}")


def encode(value: Any, indent: int | None = None) -> str:
    """Return one line, or with `indent` one line a value, and a line feed at the end."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators) + "\n"


def decode(text: bytes) -> Any:
    """Return the value of a JSON text of any layout. Raises NotProved for other text and doubled names."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
        # Half a surrogate pair is no text, so it has no hash.
        encode(value).encode()
    except (ValueError, RecursionError):
        raise NotProved("this is not JSON") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NotProved("an object has a name twice, and readers may differ in which value they take")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def require_fields(value: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return the values of an object with exactly these names, in the order of `names`. Raises NotProved."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise NotProved(f"{what}: must have {', '.join(names)}")
    return [value[name] for name in names]


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
