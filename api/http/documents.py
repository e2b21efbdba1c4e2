"""Documentation routes: the home page, the OpenAPI document, and the problem types."""

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

_CACHED = (b"cache-control", b"max-age=3600")
_HTML = b"text/html; charset=utf-8"
_SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
]
_HOME = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Seatledger</title>
<h1>Seatledger</h1>
<p>An event-sourced booking ledger for flights.</p>
<ul>
<li><a href="/console">Console</a> for auditors, analysts and operators
<li><a href="/docs">Documentation</a>, its <a href="/docs/api">API reference</a> and
<a href="/openapi.json">OpenAPI document</a>
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
        return Reply(200, _HOME, _SECURITY_HEADERS, ((b"content-type", _HTML), _CACHED))

    @get(
        with_alias("/openapi.json"),
        opt=route(PUBLIC, "Get the OpenAPI document", response=dict, example={"openapi": "3.1.0"}),
    )
    async def get_openapi(self, request: ApiRequest) -> ASGIApp:
        return Reply(200, openapi.of(request.app), (), ((b"content-type", JSON_TYPE), _CACHED))

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
        body, media = (problem_page(kind), _HTML) if wants_page else (_encode(kind), JSON_TYPE)
        headers = [(b"vary", b"accept"), *_SECURITY_HEADERS]
        return Reply(200, body, headers, ((b"content-type", media), _CACHED))


_encode = msgspec.json.Encoder().encode
