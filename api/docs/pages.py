"""Routes of the documentation: its pages, its search index, the API reference and their files."""

import asyncio
from pathlib import Path
from typing import Any

from litestar import Controller, get
from litestar.types import ASGIApp
from markupsafe import Markup

from api.docs.site import API, PROBLEMS, Site
from api.docs.sources import HOME, find_root
from api.http import openapi
from api.http.http_errors import NotFound
from api.http.problem_types import PROBLEM_TYPES
from api.http.replies import Header, Reply
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, route, with_alias
from api.http.templates import load_templates

FOLDER = Path(__file__).parent
SWAGGER = FOLDER.parent / "http" / "static"
"""Unmodified Swagger UI distribution."""

SEARCH = f"{HOME}/search.json"

_HOUR: Header = (b"cache-control", b"max-age=3600")
# The address of a page stays the same in another release, so browsers ask each time, with its tag.
_CHECKED: Header = (b"cache-control", b"no-cache")
_HTML: Header = (b"content-type", b"text/html; charset=utf-8")
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".png": b"image/png",
    ".txt": b"text/plain; charset=utf-8",
}
_PAGE_POLICY: list[Header] = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    )
]
_SWAGGER_POLICY: list[Header] = [
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    )
]
_FILES = {
    f"{HOME}/{path.name}": path.read_bytes()
    for folder in (SWAGGER, FOLDER / "static")
    for path in folder.iterdir()
    if path.suffix in _TYPES
}
_SITE = Site(find_root())


class DocsController(Controller):
    path = "/"
    tags = ("Documents",)

    @get(with_alias(HOME), opt=route(PUBLIC, "Read the documentation in a browser", is_page=True))
    async def read_docs(self, request: ApiRequest) -> ASGIApp:
        return await _answer(request, HOME)

    @get(f"{HOME}/{{name:path}}", opt=route(PUBLIC, "Read a page of the documentation", is_page=True))
    async def read_docs_page(self, request: ApiRequest) -> ASGIApp:
        return await _answer(request, f"{HOME}/{str(request.path_params['name']).strip('/')}")


async def _answer(request: ApiRequest, address: str) -> Reply:
    reply = _fixed(address) or await _page(request, address)
    if reply is None:
        raise NotFound
    return reply.conditional(request.context.fields, is_private=False)


def _fixed(address: str) -> Reply | None:
    """Return a file loaded at startup, or an image. No address can reach other files."""
    file = f"{HOME}/index.html" if address == API else address
    content = _FILES.get(file) or _SITE.image(address)
    if content is None:
        return None
    return Reply(200, content, _SWAGGER_POLICY, ((b"content-type", _TYPES[Path(file).suffix]), _HOUR))


async def _page(request: ApiRequest, address: str) -> Reply | None:
    if address == SEARCH:
        # Reading and rendering take up to a second, once: meanwhile other requests go on.
        index = await asyncio.to_thread(_SITE.index, openapi.of(request.app))
        return Reply(200, index, _PAGE_POLICY, ((b"content-type", b"application/json"), _CHECKED))
    if address == PROBLEMS:
        kinds = sorted(PROBLEM_TYPES.values(), key=lambda kind: (kind.status, kind.code))
        return _render("problems.html", address, "Problems", kinds=kinds)
    page = await asyncio.to_thread(_SITE.page, address)
    if page is not None:
        following = _SITE.next_guide(address)
        return _render("page.html", address, page.title, content=Markup(page.html), following=following)  # noqa: S704
    if address == HOME:
        return _render("missing.html", address, "Documentation")
    return None


def _render(name: str, address: str, title: str, **facts: Any) -> Reply:
    template = _TEMPLATES.get_template(name)
    html = template.render(facts, menu=_SITE.menu, address=address, title=title).encode()
    return Reply(200, html, _PAGE_POLICY, (_HTML, _CHECKED))


_TEMPLATES = load_templates(FOLDER, HOME)
_TEMPLATES.globals |= {
    "home": HOME,
    "api": API,
    "problems": PROBLEMS,
    "search": SEARCH,
}
