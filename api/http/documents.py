"""Documentation routes: the home page, the OpenAPI document, its HTML pages, and the problem types."""

from pathlib import Path

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp

from api.http import openapi
from api.http.bodies import JSON_TYPE
from api.http.http_errors import NotFound
from api.http.problem_types import PROBLEM_TYPES, ProblemType, problem_page
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


_FILES = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _CONTENT_TYPES}
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

    @get(
        with_alias("/openapi.json"),
        opt=route(PUBLIC, "Get the OpenAPI document", response=dict, example={"openapi": "3.1.0"}),
    )
    async def get_openapi(self, request: ApiRequest) -> ASGIApp:
        # Built on the first request and kept, because routes do not change.
        state = request.app.state
        if "openapi" not in state:
            state.openapi = openapi.document(request.app)
        return Reply(200, state.openapi, (), ((b"content-type", JSON_TYPE), _CACHED))

    @get(
        with_alias("/docs"),
        opt=route(PUBLIC, "Read the API documentation in a browser", is_page=True),
    )
    async def read_docs(self, request: ApiRequest) -> ASGIApp:
        return _file("index.html")

    @get(
        "/docs/{name:str}",
        opt=route(PUBLIC, "Get a file of the documentation page", is_page=True),
    )
    async def get_docs_file(self, request: ApiRequest) -> ASGIApp:
        return _file(request.path_params["name"])

    @get(
        "/problems/{code:str}",
        opt=route(
            PUBLIC, "Explain an error code", response=ProblemType, path_values=tuple(sorted(PROBLEM_TYPES))
        ),
    )
    async def get_problem_type(self, request: ApiRequest) -> ASGIApp:
        kind = PROBLEM_TYPES.get(request.path_params["code"])
        if kind is None:
            raise NotFound
        wants_page = b"text/html" in request.context.fields.get(b"accept", b"")
        body, media = (
            (problem_page(kind), _CONTENT_TYPES[".html"]) if wants_page else (_encode(kind), JSON_TYPE)
        )
        headers = [(b"vary", b"accept"), *_SECURITY_HEADERS]
        return Reply(200, body, headers, ((b"content-type", media), _CACHED))


def _file(name: str) -> Reply:
    """Serve a file loaded at startup, so that no name can reach other files."""
    content = _FILES.get(name)
    if content is None:
        raise NotFound
    content_type = (b"content-type", _CONTENT_TYPES[Path(name).suffix])
    return Reply(200, content, _SECURITY_HEADERS, (content_type, _CACHED))


_encode = msgspec.json.Encoder().encode
