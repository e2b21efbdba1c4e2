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
class StripeResponse:
    status: int
    body: str

    @classmethod
    def of(cls, status: int, rendered: dict[str, Any]) -> "StripeResponse":
        return cls(status, json.dumps(rendered, separators=(",", ":")))


class RequestRefused(Exception):
    """The request was refused before anything was executed, so no answer is stored for its key."""

    def __init__(self, answer: StripeResponse) -> None:
        super().__init__(answer.body)
        self.answer = answer


def error(status: int, code: str | None, message: str, **more: Any) -> StripeResponse:
    kind = "api_error" if status >= 500 else "invalid_request_error"
    return StripeResponse.of(status, {"error": {"type": kind, "code": code, "message": message, **more}})


def refusal(status: int, code: str | None, message: str, **more: Any) -> RequestRefused:
    return RequestRefused(error(status, code, message, **more))


def invalid(parameter: str, why: str, code: str = "parameter_invalid") -> RequestRefused:
    return refusal(400, code, f"{parameter}: {why}", param=parameter)


def parameters(encoded: bytes) -> dict[str, str]:
    """Parse `metadata[x]=1&amount=5`; names must be unique. Raises RequestRefused."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(encoded),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise refusal(400, "parameter_invalid", "The parameters are not form-encoded, or too many") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refusal(400, "parameter_invalid", "A parameter is form twice")
    # Forms allow a NUL; databases do not.
    if any("\0" in text for pair in pairs for text in pair):
        raise refusal(400, "parameter_invalid", "A parameter contains a NUL")
    return found


def require(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise invalid(name, "required", "parameter_missing")
    return form[name]


def reject_unknown(form: Iterable[str], *allowed: str) -> None:
    """Raise RequestRefused for an unknown parameter, as Stripe does."""
    for name in form:
        if name.partition("[")[0] not in allowed:
            raise invalid(name[:VALUE_MAX], "unknown", "parameter_unknown")


def whole_number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise invalid(name, "must be a whole_number number", "parameter_invalid_integer")
    if not 1 <= int(text) <= most:
        raise invalid(name, f"must be from 1 to {most}", "parameter_invalid_integer")
    return int(text)


def metadata(form: dict[str, str]) -> dict[str, str]:
    labels = {
        name[len("metadata[") : -1]: value
        for name, value in form.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    if len(labels) > METADATA_MAX or any(
        not 0 < len(name) <= NAME_MAX or len(value) > VALUE_MAX for name, value in labels.items()
    ):
        raise invalid("metadata", f"at most {METADATA_MAX} names of {NAME_MAX} and values of {VALUE_MAX}")
    return labels


def list_response(url: str, rows: list[dict[str, Any]], more: bool, kind: str = "list") -> StripeResponse:
    rendered: dict[str, Any] = {"object": kind, "url": url, "has_more": more, "data": rows}
    if kind == "search_result":
        rendered["next_page"] = None
    return StripeResponse.of(200, rendered)
