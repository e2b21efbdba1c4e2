"""One request and its answer, as the edge sees them: ids, headers, the time it took."""

import re
from typing import Any

from ledger.ids import new_id_text

INSTANCE_MAX = 256
"""Characters of the path that an answer repeats."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
# W3C Trace Context, section 3.2.2: version ff is invalid, and so are ids of nothing but zeros.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestContext:
    """`fields` are the headers, those sent several times joined with ", " (RFC 9110, section 5.3).

    `facts` are for the log line: what the request came to, as far as it came to anything. `is_started`: the
    answer is on its way. `is_shed`: there was too much to do, and the answer says so.
    """

    __slots__ = (
        "facts",
        "fields",
        "instance",
        "is_shed",
        "is_started",
        "method",
        "request_id",
        "status",
        "traceparent",
    )

    def __init__(self, scope: Any) -> None:
        self.fields: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            earlier = self.fields.get(name)
            self.fields[name] = value if earlier is None else earlier + b", " + value
        given, trace = self.fields.get(b"x-request-id"), self.fields.get(b"traceparent")
        self.request_id = given.decode() if given and _REQUEST_ID.fullmatch(given) else new_id_text()
        self.traceparent = trace.decode() if trace and _TRACEPARENT.fullmatch(trace) else ""
        self.method: str = scope["method"]
        # The raw path is ASCII, whatever it encodes: safe in JSON, in logs and in the database.
        self.instance = scope["raw_path"][:INSTANCE_MAX].decode("ascii", "replace").replace("\x00", "")
        self.status = 500
        self.is_started = self.is_shed = False
        self.facts: dict[str, Any] = {}


def context_of(scope: Any) -> RequestContext:
    """The context that the edge began for this request."""
    context: RequestContext = scope["state"]["context"]
    return context
