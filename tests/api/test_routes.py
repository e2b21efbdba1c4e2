"""Every route there is, against everybody there is."""

from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from api.http.http_errors import all_refusals
from api.http.routes import PUBLIC, Route
from domain.caller import Role
from tests.api.conftest import People, client, token

OPEN = {
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
    # The one stream begins behind a position that the log has not reached: it would never end.
    return await caller.request(method, path, headers={"last-event-id": "999999999999"})


async def test_every_route_but_the_listed_ones_wants_a_token(people: People) -> None:
    for method, path, _ in routes(people):
        if path in OPEN and method != "OPTIONS":
            continue
        answer = await ask(people.nobody, method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_open_routes_are_open(people: People) -> None:
    assert {path for _, path, route in routes(people) if route and route.roles == PUBLIC} == OPEN
    for path in OPEN:
        assert (await ask(people.nobody, "GET", path)).status_code in (200, 404), path


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_a_role_enters_where_the_route_says_and_nowhere_else(people: People, role: str) -> None:
    caller = client(people.app, token("somebody", role))
    for method, path, route in routes(people):
        if route is None or route.roles == PUBLIC:
            continue
        answer = await ask(caller, method, path)
        allowed = role in {allowed.value for allowed in route.roles}
        assert (answer.status_code != 403) is allowed, (method, path, answer.text)


async def test_a_token_without_a_role_enters_nowhere(people: People) -> None:
    caller = client(people.app, token("somebody", "pilot"))
    for method, path, route in routes(people):
        if route is not None and route.roles != PUBLIC:
            assert (await ask(caller, method, path)).status_code == 403, (method, path)


async def test_a_route_that_promises_nothing_lets_nobody_in(people: People) -> None:
    caller = client(people.app, token("somebody", *(role.value for role in Role)))
    silent = [(method, path) for method, path, route in routes(people) if route is None]
    assert silent
    for method, path in silent:
        assert (await ask(caller, method, path)).status_code == 403, (method, path)


async def test_whatever_is_no_route_is_a_problem_with_a_type_that_resolves(people: People) -> None:
    answers = [
        await people.nobody.get("/nowhere"),
        await people.nobody.delete("/api/v1/info"),
        await people.alice.put("/api/v1/bookings"),
        await people.alice.get("/api/v1/bookings/payments/x"),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 405, 404]
    assert [answer.headers.get("allow") for answer in answers] == [None, "GET, HEAD", "GET, POST", None]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        resolved = await people.nobody.get(answer.json()["type"])
        assert resolved.json()["title"] == answer.json()["title"]


async def test_every_refusal_has_a_page(people: People) -> None:
    for kind in all_refusals():
        page = (await people.nobody.get(f"/problems/{kind.code}")).json()
        assert page["title"] == kind.title
        assert 400 <= page["status"] < 600


async def test_head_is_get_without_a_body(people: People) -> None:
    sent: list[bytes] = []

    async def overheard(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            sent.append(message.get("body", b""))
            await send(message)

        await people.app(scope, receive, tell)

    # The client would drop a body that came with an answer to HEAD.
    nobody = client(overheard)  # type: ignore[arg-type]
    for path in ("/api/v1/info", "/health/live", "/health/ready", "/nowhere"):
        got = await nobody.get(path)
        assert b"".join(sent) == got.content != b""
        sent.clear()
        headed = await nobody.head(path)
        assert (headed.status_code, b"".join(sent)) == (got.status_code, b"")
        assert headed.headers["content-type"] == got.headers["content-type"]
