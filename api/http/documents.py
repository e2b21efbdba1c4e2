"""What the API says about itself: the meaning of each problem, OpenAPI, and pages to read it in."""

from pathlib import Path

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp

from api.http import openapi
from api.http.http_errors import NotFound, all_refusals
from api.http.problems import status_of
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, route, with_alias

STATIC = Path(__file__).parent / "static"
"""Swagger UI as its makers publish it: the pages load nothing from anywhere else."""

_KINDS = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".png": b"image/png",
    ".txt": b"text/plain; charset=utf-8",
}
_SAFETY = [
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"max-age=3600"),
]


class ProblemType(msgspec.Struct, frozen=True):
    type: str
    code: str
    title: str
    status: int


_FILES = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _KINDS}
_PROBLEMS = {
    kind.code: ProblemType(f"/problems/{kind.code}", kind.code, kind.title, status_of(kind))
    for kind in all_refusals()
}


class DocumentController(Controller):
    path = "/"
    tags = ("Documents",)

    @get(with_alias("/openapi.json"), opt=route(PUBLIC, "This document", response=dict))
    async def openapi(self, request: ApiRequest) -> ASGIApp:
        # Built when somebody first asks: it reads every route, and routes do not change.
        state = request.app.state
        if "openapi" not in state:
            state.openapi = openapi.document(request.app)
        return Reply(200, state.openapi)

    @get(
        with_alias("/docs"),
        opt=route(PUBLIC, "The documentation as a page", response=str, media_type="text/html"),
    )
    async def page(self, request: ApiRequest) -> ASGIApp:
        return _file("index.html")

    @get(
        "/docs/{name:str}",
        opt=route(
            PUBLIC, "A part of that page", response=bytes, media_type="*/*", path_values=tuple(sorted(_FILES))
        ),
    )
    async def part(self, request: ApiRequest) -> ASGIApp:
        return _file(request.path_params["name"])

    @get(
        "/problems/{code:str}",
        opt=route(PUBLIC, "What a problem means", response=ProblemType, path_values=tuple(sorted(_PROBLEMS))),
    )
    async def problem(self, request: ApiRequest) -> ASGIApp:
        kind = _PROBLEMS.get(request.path_params["code"])
        if kind is None:
            raise NotFound
        return Reply(200, msgspec.json.encode(kind))


def _file(name: str) -> Reply:
    """One of the files that were there at the start: a name cannot lead anywhere else."""
    content = _FILES.get(name)
    if content is None:
        raise NotFound
    return Reply(200, content, _SAFETY, (b"content-type", _KINDS[Path(name).suffix]))
