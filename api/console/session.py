"""Sign-in, sign-out, and the static files of the pages."""

import re
import time
from pathlib import Path
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import Meta

from api.console import cookie, forms
from api.console.pages import ASSETS, HTML, SAFETY, page_route, render_page
from api.http.guard import authenticate, with_new_keys
from api.http.http_errors import NotFound, Unauthenticated
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, STAFF
from api.http.tokens import Tokens

_CONSOLE_PATH = re.compile(r"/console(?:/[A-Za-z0-9/_-]*)?(?:\?[A-Za-z0-9=&%+_.~:-]*)?")
_MEDIA_TYPES = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}
_CACHE_FOREVER = (b"cache-control", b"max-age=31536000, immutable")


class LoginForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=cookie.TOKEN_BYTES_MAX)] = ""
    next: str = "/console"


class SessionController(Controller):
    path = "/console"

    @get("/login", opt=page_route(PUBLIC, "Login page"))
    async def form(self, request: ApiRequest) -> ASGIApp:
        return render_page(request, "login.html", message="", next="/console")

    @post("/login", opt=page_route(PUBLIC, "Sign in: set the token cookie", form=LoginForm))
    async def sign_in(self, request: ApiRequest) -> ASGIApp:
        cookie.require_own_page(request.context)
        login = await forms.read_body(request, LoginForm)
        target = login.next if _CONSOLE_PATH.fullmatch(login.next) else "/console"
        tokens: Tokens = request.shared.tokens
        token = login.token.strip()
        try:
            verified = await with_new_keys(
                tokens, lambda: authenticate(tokens, b"Bearer " + token.encode(), request.context)
            )
        except Unauthenticated as refusal:
            message = refusal.detail if token else "Paste a token first."
            return render_page(request, "login.html", 401, message=message, next=target)
        if STAFF.isdisjoint(verified.caller.roles):
            return render_page(request, "login.html", 403, message=_NO_ROLE, next=target)
        seconds = int(verified.expires_at - time.time())
        return _redirect(target, cookie.set_header(token, seconds, request.context))

    @post("/logout", opt=page_route(STAFF, "Sign out: delete the token cookie"))
    async def sign_out(self, request: ApiRequest) -> ASGIApp:
        return _redirect("/console/login", cookie.delete_header())

    @get("/static/{name:str}", opt=page_route(PUBLIC, "Style sheet and script of the pages"))
    async def asset(self, request: ApiRequest) -> ASGIApp:
        name = request.path_params["name"]
        media_type = _MEDIA_TYPES.get(Path(name).suffix)
        if name not in ASSETS or media_type is None:
            raise NotFound
        return Reply(200, ASSETS[name], SAFETY, ((b"content-type", media_type), _CACHE_FOREVER))


def _redirect(address: str, cookie_header: tuple[bytes, bytes]) -> Reply:
    """Redirect after a form with 303, so that reloading the page does not send the form again."""
    return Reply(303, b"", [*SAFETY, (b"location", address.encode("ascii")), cookie_header], HTML)


_NO_ROLE = (
    "The token is valid, but none of its roles may use the console. "
    "Use a token with role auditor, analyst or operator."
)
