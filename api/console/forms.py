"""Form fields, decoded as strictly as the API's parameters; empty fields count as absent."""

import re
from typing import TypeVar

import msgspec

from api.http import bodies, parameters
from api.http.http_errors import UnsupportedMediaType
from api.http.request import ApiRequest

T = TypeVar("T", bound=msgspec.Struct)

_FORM = re.compile(rb"application/x-www-form-urlencoded\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)


def read_query(request: ApiRequest, kind: type[T], capitals: tuple[bytes, ...] = ()) -> T:
    """Read a form sent by GET, with the fields in `capitals` in upper case. Raises ValidationFailed."""
    return parameters.decode(_drop_empty(request.scope["query_string"], capitals), kind)


async def read_body(request: ApiRequest, kind: type[T]) -> T:
    """Read a form sent by POST. Raises ValidationFailed, UnsupportedMediaType, and as `bodies.read` does."""
    fields = request.context.fields
    if not _FORM.fullmatch(fields.get(b"content-type", b"")):
        raise UnsupportedMediaType
    return parameters.decode(
        _drop_empty(await bodies.read(request.receive, fields.get(b"content-length"))), kind
    )


def _drop_empty(fields: bytes, capitals: tuple[bytes, ...] = ()) -> bytes:
    pairs = [(name, value) for name, _, value in (pair.partition(b"=") for pair in fields.split(b"&"))]
    return b"&".join(
        name + b"=" + (value.upper() if name in capitals else value)
        for name, value in pairs
        if value.strip(b"+")
    )
