"""Pages: rendering of templates, security headers, and pages for errors."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from markupsafe import Markup

from api.console import cookie
from api.http.http_errors import Rejection, Unauthenticated
from api.http.problems import as_refusal, status_of
from api.http.replies import NO_STORE, Header, Reply
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, STAFF, Route, route
from api.http.templates import load_templates
from domain.caller import Caller, Role
from domain.currencies import minor_digits
from domain.money import Money

FOLDER = Path(__file__).parent
HTML = ((b"content-type", b"text/html; charset=utf-8"), NO_STORE)

SAFETY: list[Header] = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    # With no-referrer, browsers would not send Origin with the console's own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]

MENU = (
    ("/console", "Flights", STAFF),
    ("/console/bookings", "Bookings", AUDITORS),
    ("/console/refunds", "Refunds", AUDITORS),
    ("/console/webhooks", "Webhooks", AUDITORS),
    ("/console/sales", "Sales", STAFF),
    ("/console/operations", "Operations", STAFF),
)

ASSETS = {path.name: path.read_bytes() for path in (FOLDER / "static").iterdir()}


def render_page(request: ApiRequest, name: str, status: int = 200, **facts: Any) -> Reply:
    return Reply(status, _render(request, name, facts), SAFETY, HTML)


def page_route(
    roles: frozenset[Role], summary: str, query: Any = None, form: Any = None, **rest: Any
) -> dict[str, Route]:
    """Return the `opt` of a page's handler."""
    return route(
        roles, summary, query=query, form=form, response=str, media_type="text/html", is_page=True, **rest
    )


def on_error(request: ApiRequest, error: Exception) -> Reply:
    """Return an error page, or the login page if the token is missing or not valid."""
    context = request.context
    refusal = as_refusal(error, context)
    headers = [*SAFETY, *(refusal.headers if isinstance(refusal, Rejection) else ())]
    if isinstance(refusal, Unauthenticated):
        has_token = cookie.is_sent(context)
        headers += [cookie.delete_header()] if has_token else []
        # The script of an open page requests a part of the page: make it load the login page instead.
        headers += [(b"hx-refresh", b"true")] if b"hx-request" in context.fields else []
        facts: dict[str, Any] = {"message": refusal.detail if has_token else "", "next": _address(request)}
        body = _render(request, "login.html", facts)
    else:
        facts = {"refusal": refusal, "status": status_of(refusal), "request_id": context.request_id}
        body = _render(request, "problem.html", facts)
    return Reply(status_of(refusal), body, headers, HTML)


def _address(request: ApiRequest) -> str:
    """Return the address of the request, or the start page if the request cannot be a link."""
    if request.method != "GET":
        return "/console"
    query = request.scope["query_string"].decode("latin-1")
    return str(request.scope["path"]) + (f"?{query}" if query else "")


def _render(request: ApiRequest, name: str, facts: dict[str, Any]) -> bytes:
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
            is_sandbox=request.ledgers.main.settings.sandbox,
            **_ledger_choice(request),
        )
        .encode()
    )


def _ledger_choice(request: ApiRequest) -> dict[str, Any]:
    """Return the names of the ledgers to choose from, and the chosen one; none without a choice."""
    has_choice = "user" in request.scope and request.ledgers.are_several
    if not has_choice or "id" in request.scope.get("path_params", {}):
        return {"ledgers": [], "ledger": ""}
    return {
        "ledgers": [entry.name for entry in request.visible_ledgers],
        "ledger": request.ledger.entry.name,
    }


def money(amount: Money | int, currency: str = "") -> str:
    """Render an amount with its currency, like INR 4,500.00."""
    if isinstance(amount, Money):
        return money(amount.amount, amount.currency)
    # Integers, because a float has too few digits for the largest amounts and their sums.
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


def _user_text(text: object) -> Markup:
    """Escape and isolate text of users, and make invisible characters visible."""
    visible = "".join(c if c.isprintable() else f"⟦U+{ord(c):04X}⟧" for c in str(text))
    return Markup("<bdi>{}</bdi>").format(visible)


def _short_id(id: UUID | str) -> Markup:
    """Render the end of an id, because ids of the same hour begin alike."""
    return Markup('<span class="id" title="{}">…{}</span>').format(id, str(id)[-12:])


def _words(name: str) -> str:
    """Replace _ and - in a name by spaces."""
    return name.replace("_", " ").replace("-", " ")


def _value(value: object) -> str:
    """Render a value of an event as text."""
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return money(value["amount"], value["currency"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_TEMPLATES = load_templates(FOLDER, "/console/static")
_TEMPLATES.filters |= {
    "money": money,
    "time": _time,
    "user_text": _user_text,
    "short_id": _short_id,
    "words": _words,
    "value": _value,
}
