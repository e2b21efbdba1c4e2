"""Per-request state: ids, headers, and what is logged about the response."""

import re
from collections.abc import Iterable
from typing import Any

from ledger.ids import new_id_text

INSTANCE_MAX = 256
"""Maximum length of `instance` in characters."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
# W3C Trace Context, section 3.2.2: version ff is invalid, and so are ids of nothing but zeros.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestContext:
    """State of one request.

    `fields` are the request headers; repeated ones are joined with ", " (RFC 9110, section 5.3). `facts` are
    fields of the log line. `limit_fields` are headers about the caller's limit. `is_started` is true once the
    response headers are sent. `is_shed` is true if the request is refused because of overload or a limit.
    `ledger_names` are those of the ledgers that
    answer. `subject` is the name in the token, which no log may hold.
    """

    __slots__ = (
        "facts",
        "fields",
        "instance",
        "is_shed",
        "is_started",
        "ledger_names",
        "limit_fields",
        "method",
        "request_id",
        "status",
        "subject",
        "traceparent",
    )

    def __init__(self, scope: Any) -> None:
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.fields) < len(scope["headers"]):
            self.fields = _joined(scope["headers"])
        request_id, trace = self.fields.get(b"x-request-id"), self.fields.get(b"traceparent")
        self.request_id = (
            request_id.decode() if request_id and _REQUEST_ID.fullmatch(request_id) else new_id_text()
        )
        self.traceparent = trace.decode() if trace and _TRACEPARENT.fullmatch(trace) else ""
        self.method: str = scope["method"]
        # The raw path is percent-encoded ASCII, which is safe in JSON, in logs and in the database.
        self.instance = scope["raw_path"][:INSTANCE_MAX].decode("ascii", "replace").replace("\x00", "")
        self.status = 500
        self.is_started = self.is_shed = False
        self.facts: dict[str, Any] = {}
        self.limit_fields: tuple[tuple[bytes, bytes], ...] = ()
        self.subject = ""
        self.ledger_names = "main"


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def context_of(scope: Any) -> RequestContext:
    """Return the context that the request middleware created."""
    context: RequestContext = scope["state"]["context"]
    return context
