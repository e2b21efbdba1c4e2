"""Documentation routes: the home page, the OpenAPI document, its HTML pages, and the problem types."""

from pathlib import Path

import msgspec
from litestar import Controller, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from api.http import openapi
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


_FILES = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _CONTENT_TYPES}
_PROBLEMS = {
    kind.code: ProblemType(f"/problems/{kind.code}", kind.code, kind.title, status_of(kind))
    for kind in all_refusals()
}


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

    @HTTPRouteHandler(
        "/",
        http_method=["GET", "HEAD"],
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
        return Reply(200, state.openapi)

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
        return Reply(200, msgspec.json.encode(kind))


def _file(name: str) -> Reply:
    """Serve a file loaded at startup, so that no name can reach other files."""
    content = _FILES.get(name)
    if content is None:
        raise NotFound
    content_type = (b"content-type", _CONTENT_TYPES[Path(name).suffix])
    return Reply(200, content, _SECURITY_HEADERS, (content_type, _CACHED))
