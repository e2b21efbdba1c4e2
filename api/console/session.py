"""Coming and going: a token becomes a cookie, and the cookie is dropped; and what pages are drawn with."""

import re
import time
from pathlib import Path
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import cookie, forms
from api.console.pages import ASSETS, HTML, SAFETY, page, paged
from api.http.http_errors import NotFound, Unauthenticated
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, STAFF
from api.http.tokens import Tokens

_OURS = re.compile(r"/console(?:/[A-Za-z0-9/_-]*)?(?:\?[A-Za-z0-9=&%+_.~:-]*)?")
_KINDS = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}
_KEPT = (b"cache-control", b"max-age=31536000, immutable")


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=cookie.TOKEN_BYTES_MAX)] = ""
    next: str = "/console"


class SessionController(Controller):
    path = "/console"

    @get("/login", opt=paged(PUBLIC, "Where a token is brought"))
    async def form(self, request: ApiRequest) -> ASGIApp:
        return page(request, "login.html", word="", next="/console")

    @post("/login", status_code=200, opt=paged(PUBLIC, "A token becomes a cookie"))
    async def enter(self, request: ApiRequest) -> ASGIApp:
        cookie.require_own_page(request.context)
        login = await forms.read(request, Login)
        target = login.next if _OURS.fullmatch(login.next) else "/console"
        tokens: Tokens = request.app.state.tokens
        token = login.token.strip()
        try:
            verified = tokens.verify(b"Bearer " + token.encode())
        except Unauthenticated as no:
            word = no.detail if token else "Paste a token first."
            return page(request, "login.html", 401, word=word, next=target)
        if STAFF.isdisjoint(verified.caller.roles):
            return page(request, "login.html", 403, word=_NO_ROLE, next=target)
        seconds = int(verified.expires_at - time.time())
        return _led_to(target, cookie.keep(token, seconds, request.context))

    @post("/logout", status_code=200, opt=paged(STAFF, "The cookie is dropped"))
    async def leave(self, request: ApiRequest) -> ASGIApp:
        return _led_to("/console/login", cookie.drop())

    @get("/static/{name:str}", opt=paged(PUBLIC, "Style and script of the pages"))
    async def asset(self, request: ApiRequest) -> ASGIApp:
        name = request.path_params["name"]
        kind = _KINDS.get(Path(name).suffix)
        if name not in ASSETS or kind is None:
            raise NotFound
        return Reply(200, ASSETS[name], [*SAFETY[:-1], _KEPT], (b"content-type", kind))


def _led_to(address: str, cookie_header: tuple[bytes, bytes]) -> Reply:
    """After a form: the browser asks for the page anew, so that reloading it sends nothing twice."""
    return Reply(303, b"", [*SAFETY, (b"location", address.encode("ascii")), cookie_header], HTML)


_NO_ROLE = "The token is valid, but none of its roles may use the console: auditor, analyst or operator may."
