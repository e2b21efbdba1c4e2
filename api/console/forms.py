"""Form fields, decoded as strictly as the API's parameters; empty fields count as absent."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from api.http import bodies, parameters
from api.http.http_errors import UnsupportedMediaType
from api.http.request import ApiRequest

T = TypeVar("T", bound=msgspec.Struct)

FORM_TYPE = b"application/x-www-form-urlencoded"


def read_query(request: ApiRequest, kind: type[T], capitals: tuple[bytes, ...] = ()) -> T:
    """Read a form sent by GET, with the fields in `capitals` in upper case. Raises ValidationFailed."""
    _require_declared(kind, request.route.query)
    return parameters.decode(_drop_empty(request.scope["query_string"], capitals), kind)


async def read_body(request: ApiRequest, kind: type[T]) -> T:
    """Read a form sent by POST. Raises ValidationFailed, UnsupportedMediaType, and as `bodies.read` does."""
    _require_declared(kind, request.route.form)
    if not bodies.is_type(FORM_TYPE, request.context.fields.get(b"content-type")):
        raise UnsupportedMediaType
    return parameters.decode(_drop_empty(await request.read_bytes()), kind)


def _require_declared(kind: Any, declared: Any) -> None:
    """Raise TypeError unless the route declares these fields, from which tests generate hostile ones."""
    if kind is not declared:
        raise TypeError(f"The route does not declare {kind.__name__}")


def fields_as_sent(request: ApiRequest) -> dict[str, str]:
    """Return the fields of a form sent by GET, to fill it in again. Broken text is replaced."""
    query = request.scope["query_string"].decode("ascii", "replace")
    try:
        return dict(parse_qsl(query, max_num_fields=parameters.PARAMETERS_MAX))
    except ValueError:
        return {}


def _drop_empty(fields: bytes, capitals: tuple[bytes, ...] = ()) -> bytes:
    pairs = [(name, value) for name, _, value in (pair.partition(b"=") for pair in fields.split(b"&"))]
    return b"&".join(
        name + b"=" + (value.upper() if name in capitals else value)
        for name, value in pairs
        if value.strip(b"+")
    )
