"""Authorization of every route with every role."""

from typing import Any

import httpx
import pytest
from litestar import get
from litestar.routes import HTTPRoute

from api.http.http_errors import all_refusals
from api.http.request import ApiRequest
from api.http.routes import PUBLIC, Route
from domain.caller import Role
from tests.api.conftest import People, client, token

OPEN = {
    "/",
    "/api/v1/info",
    "/health/live",
    "/health/ready",
    "/api/v1/health/live",
    "/api/v1/health/ready",
    "/openapi.json",
    "/api/v1/openapi.json",
    "/docs",
    "/api/v1/docs",
    "/docs/{name}",
    "/problems/{code}",
    "/console/login",
    "/console/static/{name}",
}
SAMPLE_ID = "01932c07-5bb0-7aaa-8000-00000000ba17"


def routes(people: People) -> list[tuple[str, str, Route | None]]:
    return [
        (method, routed.path_format, handler.opt.get("route"))
        for routed in people.app.routes
        if isinstance(routed, HTTPRoute)
        for handler in routed.route_handlers
        for method in handler.http_methods
    ]


async def ask(caller: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    for name in ("id", "code", "name"):
        path = path.replace(f"{{{name}}}", SAMPLE_ID)
    # The event stream would never end, so ask for a position that the log has not reached.
    return await caller.request(method, path, headers={"last-event-id": "999999999999"})


async def test_every_route_except_the_public_ones_requires_a_token(people: People) -> None:
    for method, path, _ in routes(people):
        if path in OPEN or method == "OPTIONS":
            continue
        answer = await ask(people.anonymous, method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_public_routes_require_no_token(people: People) -> None:
    assert {path for _, path, route in routes(people) if route and route.roles == PUBLIC} == OPEN
    for path in OPEN:
        assert (await ask(people.anonymous, "GET", path)).status_code in (200, 404), path


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_a_role_is_accepted_by_its_routes_only(people: People, role: str) -> None:
    caller = client(people.app, token("carol", role))
    for method, path, route in routes(people):
        if route is None or route.roles == PUBLIC:
            continue
        answer = await ask(caller, method, path)
        allowed = role in {allowed.value for allowed in route.roles}
        assert (answer.status_code != 403) is allowed, (method, path, answer.text)


async def test_a_token_without_a_known_role_is_refused_everywhere(people: People) -> None:
    caller = client(people.app, token("carol", "pilot"))
    for method, path, route in routes(people):
        if route is not None and route.roles != PUBLIC:
            assert (await ask(caller, method, path)).status_code == 403, (method, path)


async def test_a_handler_without_a_route_description_is_denied(people: People) -> None:
    caller = client(people.app, token("carol", *(role.value for role in Role)))

    @get("/undescribed")
    async def undescribed(request: ApiRequest) -> None: ...

    people.app.register(undescribed)
    assert (await ask(caller, "GET", "/undescribed")).status_code == 403


async def test_404_and_405_are_problems_with_a_resolvable_type(people: People) -> None:
    answers = [
        await people.anonymous.get("/nowhere"),
        await people.anonymous.delete("/api/v1/info"),
        await people.alice.put("/api/v1/bookings"),
        await people.alice.get("/api/v1/bookings/payments/x"),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 405, 404]
    assert [answer.headers.get("allow") for answer in answers] == [
        None,
        "GET, HEAD, OPTIONS",
        "GET, HEAD, OPTIONS, POST",
        None,
    ]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        resolved = await people.anonymous.get(answer.json()["type"])
        assert resolved.json()["title"] == answer.json()["title"]


async def test_every_refusal_has_an_explanation(people: People) -> None:
    for kind in all_refusals():
        page = (await people.anonymous.get(f"/problems/{kind.code}")).json()
        assert page["title"] == kind.title
        assert 400 <= page["status"] < 600


async def test_head_returns_the_headers_of_get_without_a_body(people: People) -> None:
    sent: list[bytes] = []

    async def recording_app(scope: Any, receive: Any, send: Any) -> None:
        async def record(message: Any) -> None:
            sent.append(message.get("body", b""))
            await send(message)

        await people.app(scope, receive, record)

    # Record below the client, which would drop the body of a response to HEAD.
    anonymous = client(recording_app)  # type: ignore[arg-type]
    anonymous.headers["accept-encoding"] = "identity"
    for path in ("/api/v1/info", "/health/live", "/health/ready", "/nowhere", "/docs", "/console/login"):
        response = await anonymous.get(path)
        assert b"".join(sent) == response.content != b""
        sent.clear()
        head = await anonymous.head(path)
        assert (head.status_code, b"".join(sent)) == (response.status_code, b"")
        assert head.headers["content-type"] == response.headers["content-type"]
