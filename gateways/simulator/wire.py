"""Stripe's wire format: form-encoded parameters in, objects and errors as JSON out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

FIELDS_MAX = 100
METADATA_MAX = 50
NAME_MAX, VALUE_MAX = 40, 500


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str

    @classmethod
    def of(cls, status: int, shown: dict[str, Any]) -> "Answer":
        return cls(status, json.dumps(shown, separators=(",", ":")))


class Refused(Exception):
    """The request is refused before anything was carried out, so nothing is kept under its key."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


def error(status: int, code: str | None, message: str, **more: Any) -> Answer:
    kind = "api_error" if status >= 500 else "invalid_request_error"
    return Answer.of(status, {"error": {"type": kind, "code": code, "message": message, **more}})


def refused(status: int, code: str | None, message: str, **more: Any) -> Refused:
    return Refused(error(status, code, message, **more))


def wrong(parameter: str, why: str, code: str = "parameter_invalid") -> Refused:
    return refused(400, code, f"{parameter}: {why}", param=parameter)


def parameters(encoded: bytes) -> dict[str, str]:
    """`metadata[x]=1&amount=5` as it stands, one value for each name. Raises Refused."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(encoded),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise refused(400, "parameter_invalid", "The parameters are not form-encoded, or too many") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refused(400, "parameter_invalid", "A parameter is given twice")
    # A lone surrogate or a NUL is text to a form, and to no store.
    if any("\0" in text for pair in pairs for text in pair):
        raise refused(400, "parameter_invalid", "A parameter contains a NUL")
    return found


def require(given: dict[str, str], name: str) -> str:
    if not given.get(name):
        raise wrong(name, "required", "parameter_missing")
    return given[name]


def only(given: Iterable[str], *allowed: str) -> None:
    """Raises Refused for a parameter that is not known here, as Stripe does."""
    for name in given:
        if name.partition("[")[0] not in allowed:
            raise wrong(name[:VALUE_MAX], "unknown", "parameter_unknown")


def whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise wrong(name, "must be a whole number", "parameter_invalid_integer")
    if not 1 <= int(text) <= most:
        raise wrong(name, f"must be from 1 to {most}", "parameter_invalid_integer")
    return int(text)


def metadata(given: dict[str, str]) -> dict[str, str]:
    labels = {
        name[len("metadata[") : -1]: value
        for name, value in given.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    if len(labels) > METADATA_MAX or any(
        not 0 < len(name) <= NAME_MAX or len(value) > VALUE_MAX for name, value in labels.items()
    ):
        raise wrong("metadata", f"at most {METADATA_MAX} names of {NAME_MAX} and values of {VALUE_MAX}")
    return labels


def listed(url: str, rows: list[dict[str, Any]], more: bool, kind: str = "list") -> Answer:
    shown: dict[str, Any] = {"object": kind, "url": url, "has_more": more, "data": rows}
    if kind == "search_result":
        shown["next_page"] = None
    return Answer.of(200, shown)
