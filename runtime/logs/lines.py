"""Rendering of a log record as one line of text or JSON, without secrets."""

import re
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from loguru import Record

Render = Callable[["Record", str], str]

TEXT_LENGTH_MAX = 4_000
TRACEBACK_LENGTH_MAX = 20_000
ITEMS_MAX = 50
DEPTH_MAX = 4
REDACTED = "[redacted]"

_WORDS = r"(?:passw(?:or)?d|passphrase|secret|token|authorization|credential|cookie|api_?key|private_?key)"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_SECRETS_IN_TEXT = re.compile(
    # scheme://user:password@
    r"(?P<url>://[^\s:/@]{0,256}:)[^\s/@]{1,1024}(?=@)"
    # password=…, "token": "…", Authorization: Bearer …
    r"|(?P<pair>" + _WORDS + r"""\w{0,40}["']?\s{0,4}[=:]\s{0,4}(?:(?:Bearer|Basic)\s{1,4})?)"""
    r"""(?:'(?:[^'\\]|\\.){0,4096}'|"(?:[^"\\]|\\.){0,4096}"|[^\s,;&"')\]}]{1,4096})"""
    # a token anywhere (RFC 6750, RFC 7519)
    r"|(?P<bearer>\bBearer\s{1,4})[\w.~+/=-]{1,4096}"
    r"|\beyJ[\w-]{4,4096}\.[\w-]{1,4096}\.[\w-]{0,4096}",
    re.IGNORECASE,
)
_PLAIN_WORD = re.compile(r"[^\s\"'=\\]+(?!\n)\Z")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def redact_record(record: "Record") -> None:
    """Reduce a record to plain values without secrets. Used as loguru's patcher."""
    record["message"] = redact(record["message"])
    extra = record["extra"]
    for name in extra:
        extra[name] = to_plain(name, extra[name])


def to_plain(name: str, value: Any, depth: int = 0) -> Any:
    """Convert a value to JSON types of bounded size. A value with a secret's name becomes REDACTED."""
    if _SECRET_NAME.search(name):
        return REDACTED
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Enum):
        return to_plain(name, value.value, depth)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if depth < DEPTH_MAX:
        if isinstance(value, Mapping):
            pairs = list(value.items())[:ITEMS_MAX]
            return {redact(str(key)): to_plain(str(key), item, depth + 1) for key, item in pairs}
        if isinstance(value, list | tuple | set | frozenset):
            return [to_plain("", item, depth + 1) for item in list(value)[:ITEMS_MAX]]
    try:
        return redact(str(value))
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its __str__>"


def redact(text: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """Remove passwords and tokens from the text, and cut it to its limit."""
    # Cut last, so that no secret loses the part that identifies it.
    text = _SECRETS_IN_TEXT.sub(_without_secret, text[: 4 * length_max])
    if len(text) > length_max:
        text = text[:length_max] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _without_secret(match: re.Match[str]) -> str:
    return (match["url"] or match["pair"] or match["bearer"] or "") + REDACTED


def as_json(record: "Record", process: str) -> str:
    line = _head(record, process)
    for name, value in record["extra"].items():
        line[name if name not in line else f"{name}_"] = value
    if record["exception"] is not None:
        line["exception"] = _traceback(record)
    text = _encode(line).decode("utf-8")
    # RFC 8259 does not require escapes for U+0085 and U+2028, where some programs break lines.
    return (text if text.isprintable() else "".join(map(_escaped, text))) + "\n"


def as_text(record: "Record", process: str) -> str:
    """Render fields as name=value, quoted where needed. A traceback follows on indented lines."""
    head = _head(record, process)
    fields = "".join(f" {quote_field(name)}={quote_field(value)}" for name, value in record["extra"].items())
    line = f"{head['time']} {head['level']:<7} {process}[{head['pid']}] {printable(head['event'])}{fields}\n"
    if record["exception"] is not None:
        line += "".join(f"  | {printable(part)}\n" for part in _traceback(record).split("\n"))
    return line


RENDER: dict[str, Render] = {"text": as_text, "json": as_json}


def quote_field(value: Any) -> str:
    """Render a field: bare if it is one plain word, else quoted and escaped."""
    text = value if isinstance(value, str) else _encode(value).decode("utf-8")
    if _PLAIN_WORD.match(text) and text.isprintable():
        return text
    return '"' + printable(text).replace('"', '\\"') + '"'


def printable(text: str) -> str:
    """Escape newlines, terminal escapes, bidirectional marks and line separators."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_SHORT_ESCAPES.get(character) or _escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _head(record: "Record", process: str) -> dict[str, Any]:
    moment = record["time"].astimezone(UTC).replace(tzinfo=None)
    return {
        "time": moment.isoformat(timespec="milliseconds") + "Z",
        "level": record["level"].name,
        "event": record["message"],
        "process": process,
        "pid": record["process"].id,
    }


def _traceback(record: "Record") -> str:
    exception = record["exception"]
    if exception is None or exception.type is None:
        return ""
    lines = traceback.format_exception(exception.type, exception.value, exception.traceback)
    return redact("".join(lines).rstrip("\n"), TRACEBACK_LENGTH_MAX)


_encode = msgspec.json.Encoder().encode
