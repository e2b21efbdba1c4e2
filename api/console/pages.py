"""Pages: templates filled in and escaped, the headers that keep them safe, and how a no looks to a person."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.console import cookie
from api.http.http_errors import Rejection, Unauthenticated
from api.http.problems import as_refusal, status_of
from api.http.replies import Header, Reply
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, STAFF, Route, route
from domain.caller import Caller, Role
from domain.currencies import minor_digits
from domain.money import Money
from runtime import VERSION

FOLDER = Path(__file__).parent
HTML = (b"content-type", b"text/html; charset=utf-8")

SAFETY: list[Header] = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    # With no-referrer browsers would hide the Origin of our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]

MENU = (
    ("/console", "Flights", STAFF),
    ("/console/bookings", "Bookings", AUDITORS),
    ("/console/refunds", "Refunds", AUDITORS),
    ("/console/sales", "Sales", STAFF),
    ("/console/operations", "Operations", STAFF),
)

ASSETS = {path.name: path.read_bytes() for path in (FOLDER / "static").iterdir()}


def page(request: ApiRequest, name: str, status: int = 200, **facts: Any) -> Reply:
    return Reply(status, _rendered(request, name, facts), SAFETY, HTML)


def paged(roles: frozenset[Role], summary: str) -> dict[str, Route]:
    """For the `opt` of a page's handler."""
    return route(roles, summary, response=str, media_type="text/html", is_page=True)


def on_error(request: ApiRequest, error: Exception) -> Reply:
    """What a page says when it cannot be shown. Without a token that is valid: the way to bring one."""
    context = request.context
    refusal = as_refusal(error, context)
    headers = [*SAFETY, *(refusal.headers if isinstance(refusal, Rejection) else ())]
    if isinstance(refusal, Unauthenticated):
        seen = cookie.NAME in request.cookies
        headers += [cookie.drop()] if seen else []
        # The script of a page that is open already asks for a part of it, and gets this page instead.
        headers += [(b"hx-refresh", b"true")] if b"hx-request" in context.fields else []
        facts: dict[str, Any] = {"word": refusal.detail if seen else "", "next": _address(request)}
        body = _rendered(request, "login.html", facts)
    else:
        facts = {"refusal": refusal, "status": status_of(refusal), "request_id": context.request_id}
        body = _rendered(request, "problem.html", facts)
    return Reply(status_of(refusal), body, headers, HTML)


def _address(request: ApiRequest) -> str:
    """Where the caller wanted to go, if a link can lead there."""
    if request.method != "GET":
        return "/console"
    query = request.scope["query_string"].decode("latin-1")
    return str(request.scope["path"]) + (f"?{query}" if query else "")


def _rendered(request: ApiRequest, name: str, facts: dict[str, Any]) -> bytes:
    caller: Caller | None = request.scope.get("user")
    path = request.scope["path"].rstrip("/") or "/"
    roles = caller.roles if caller else frozenset()
    return (
        _TEMPLATES.get_template(name)
        .render(
            facts,
            caller=caller,
            menu=[(at, title) for at, title, allowed in MENU if allowed & roles],
            path=path,
            reads_bookings=bool(roles & AUDITORS),
        )
        .encode()
    )


def money(amount: Money | int, currency: str = "") -> str:
    """With its currency, thousands apart: INR 4,500.00."""
    if isinstance(amount, Money):
        return money(amount.amount, amount.currency)
    # In whole numbers: a float has too few digits for the largest amounts, let alone for their sums.
    digits = minor_digits(currency)
    units, parts = divmod(abs(amount), 10**digits)
    return f"{currency} {'-' * (amount < 0)}{units:,}" + (f".{parts:0{digits}}" if digits else "")


def _time(instant: datetime | None) -> Markup:
    if instant is None:
        return Markup("–")
    utc = instant.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%S.%fZ}", f"{utc:%Y-%m-%d %H:%M:%S}"
    )


def _said(text: object) -> Markup:
    """What others wrote: escaped, kept from turning its surroundings round, with nothing invisible in it."""
    shown = "".join(c if c.isprintable() else f"⟦U+{ord(c):04X}⟧" for c in str(text))
    return Markup("<bdi>{}</bdi>").format(shown)


def _tail(id: UUID | str) -> Markup:
    """The end of an id, where ids of one hour differ."""
    return Markup('<span class="id" title="{}">…{}</span>').format(id, str(id)[-12:])


def _words(name: str) -> str:
    """hold_expired, not-enough-seats: hold expired, not enough seats."""
    return name.replace("_", " ").replace("-", " ")


def _facts(value: object) -> str:
    """A part of an event as text."""
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return money(value["amount"], value["currency"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.filters |= {
    "money": money,
    "time": _time,
    "said": _said,
    "tail": _tail,
    "words": _words,
    "facts": _facts,
}
_TEMPLATES.globals |= {
    "version": VERSION,
    # A new release is a new address, so that no browser uses an old style.
    "asset": {
        name: f"/console/static/{name}?{sha256(content).hexdigest()[:12]}" for name, content in ASSETS.items()
    },
}
