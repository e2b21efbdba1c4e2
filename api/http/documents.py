"""Documentation routes: the home page, the OpenAPI document, its HTML pages, and the problem types."""

from html import escape
from pathlib import Path

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp

from api.http import openapi
from api.http.bodies import JSON_TYPE
from api.http.http_errors import NotFound, all_refusals
from api.http.problems import status_of
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, route, with_alias

STATIC = Path(__file__).parent / "static"
"""Unmodified Swagger UI distribution. The pages load no resources from other hosts."""

_CACHED = (b"cache-control", b"max-age=3600")
_CONTENT_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".png": b"image/png",
    ".txt": b"text/plain; charset=utf-8",
}
_SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
]


class ProblemType(msgspec.Struct, frozen=True):
    type: str
    code: str
    title: str
    status: int
    next_step: str


NEXT_STEPS = {
    400: "Correct the request; `errors` names each wrong field or parameter.",
    401: "Send a valid token in the header Authorization.",
    402: "Pay by another means of payment, with a new idempotency key.",
    403: "Use a token with one of the roles in `required_roles`, or one for this user.",
    404: "Check the id or the URL. A booking of another user looks like an unknown one.",
    405: "Use one of the methods in the header Allow.",
    408: "Send the whole body within ten seconds.",
    409: "Read the booking or the flight again, and decide by its state. A repeat with the same key returns"
    " this refusal.",
    412: "Read the resource again, and send the command with its present ETag if it still makes sense.",
    413: "Send a smaller body.",
    414: "Send a shorter URL.",
    415: "Send JSON with the header Content-Type: application/json.",
    422: "Correct the command, or send it with a new idempotency key.",
    429: "Wait as long as the header Retry-After says, then repeat the request.",
    500: "Repeat the request with the same key; if it fails again, report its request id.",
    503: "Wait as long as the header Retry-After says, then repeat the request with the same key.",
}
"""Advice by status, for the caller of the API."""

_FILES = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _CONTENT_TYPES}
_PROBLEMS = {
    kind.code: ProblemType(
        f"/problems/{kind.code}", kind.code, kind.title, status_of(kind), NEXT_STEPS[status_of(kind)]
    )
    for kind in all_refusals()
}


_PROBLEM = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{code} · Seatledger</title>
<h1>{title}</h1>
<p>Problem <code>{code}</code>, status {status}.</p>
<h2>What to do</h2>
<p>{next_step}</p>
<p><a href="/docs">API documentation</a></p>
</html>
"""
_HOME = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Seatledger</title>
<h1>Seatledger</h1>
<p>An event-sourced booking ledger for flights.</p>
<ul>
<li><a href="/console">Console</a> for auditors, analysts and operators
<li><a href="/docs">API documentation</a> and its <a href="/openapi.json">OpenAPI document</a>
<li><a href="/health/ready">Health</a>
</ul>
</html>
"""


class DocumentController(Controller):
    path = "/"
    tags = ("Documents",)

    @get(
        "/",
        opt=route(PUBLIC, "Find console, documentation and health", is_page=True),
    )
    async def home(self, request: ApiRequest) -> ASGIApp:
        return Reply(200, _HOME, _SECURITY_HEADERS, ((b"content-type", _CONTENT_TYPES[".html"]), _CACHED))

    @get(with_alias("/openapi.json"), opt=route(PUBLIC, "Get the OpenAPI document", response=dict))
    async def openapi(self, request: ApiRequest) -> ASGIApp:
        # Built on the first request and kept, because routes do not change.
        state = request.app.state
        if "openapi" not in state:
            state.openapi = openapi.document(request.app)
        return Reply(200, state.openapi, (), ((b"content-type", JSON_TYPE), _CACHED))

    @get(
        with_alias("/docs"),
        opt=route(PUBLIC, "Read the API documentation in a browser", response=str, media_type="text/html"),
    )
    async def page(self, request: ApiRequest) -> ASGIApp:
        return _file("index.html")

    @get(
        "/docs/{name:str}",
        opt=route(
            PUBLIC,
            "Get a file of the documentation page",
            response=bytes,
            media_type="*/*",
            path_values=tuple(sorted(_FILES)),
        ),
    )
    async def file(self, request: ApiRequest) -> ASGIApp:
        return _file(request.path_params["name"])

    @get(
        "/problems/{code:str}",
        opt=route(
            PUBLIC, "Explain an error code", response=ProblemType, path_values=tuple(sorted(_PROBLEMS))
        ),
    )
    async def problem(self, request: ApiRequest) -> ASGIApp:
        kind = _PROBLEMS.get(request.path_params["code"])
        if kind is None:
            raise NotFound
        wants_page = b"text/html" in request.context.fields.get(b"accept", b"")
        body, media = (_page(kind), _CONTENT_TYPES[".html"]) if wants_page else (_encode(kind), JSON_TYPE)
        headers = [(b"vary", b"accept"), *_SECURITY_HEADERS]
        return Reply(200, body, headers, ((b"content-type", media), _CACHED))


def _page(kind: ProblemType) -> bytes:
    """Return the explanation of a problem type as a page."""
    title, next_step = escape(kind.title), escape(kind.next_step)
    return _PROBLEM.format(code=kind.code, title=title, status=kind.status, next_step=next_step).encode()


def _file(name: str) -> Reply:
    """Serve a file loaded at startup, so that no name can reach other files."""
    content = _FILES.get(name)
    if content is None:
        raise NotFound
    content_type = (b"content-type", _CONTENT_TYPES[Path(name).suffix])
    return Reply(200, content, _SECURITY_HEADERS, (content_type, _CACHED))


_encode = msgspec.json.Encoder().encode
