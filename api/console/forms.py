"""What a browser's form sends: as strict as the API, once the fields that were left empty are gone."""

import re
from typing import TypeVar

import msgspec

from api.http import bodies, parameters
from api.http.http_errors import UnsupportedMediaType
from api.http.request import ApiRequest

T = TypeVar("T", bound=msgspec.Struct)

_FORM = re.compile(rb"application/x-www-form-urlencoded\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)


def asked(request: ApiRequest, kind: type[T], capitals: tuple[bytes, ...] = ()) -> T:
    """The fields of a form sent by GET, some in capitals however written. Raises ValidationFailed."""
    return parameters.decode(_filled_in(request.scope["query_string"], capitals), kind)


async def read(request: ApiRequest, kind: type[T]) -> T:
    """The fields of a form sent by POST. Raises ValidationFailed, UnsupportedMediaType, as bodies.read."""
    fields = request.context.fields
    if not _FORM.fullmatch(fields.get(b"content-type", b"")):
        raise UnsupportedMediaType
    return parameters.decode(
        _filled_in(await bodies.read(request.receive, fields.get(b"content-length"))), kind
    )


def _filled_in(fields: bytes, capitals: tuple[bytes, ...] = ()) -> bytes:
    pairs = [(name, value) for name, _, value in (pair.partition(b"=") for pair in fields.split(b"&"))]
    return b"&".join(
        name + b"=" + (value.upper() if name in capitals else value)
        for name, value in pairs
        if value.strip(b"+")
    )
