"""Info, health, documentation and metrics."""

import re

import pytest

OPEN_JSON = ["/api/v1/info", "/health/live", "/health/ready"]
EXTERNAL_RESOURCE = re.compile(
    r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)\s*=\s*["']((?:https?:)?//[^"']+)"""
)
PLACEHOLDER = re.compile(r"\{[^}]*\}")
SOME_ID = "01900000-0000-7000-8000-00000000dead"
IN_SCOPE = {
    ("post", "/flights"),
    ("get", "/flights"),
    ("get", "/flights/{}"),
    ("get", "/flights/{}/availability"),
    ("post", "/flights/{}/price"),
    ("post", "/flights/{}/seats"),
    ("post", "/bookings"),
    ("get", "/bookings"),
    ("post", "/bookings/payments"),
    ("post", "/bookings/{}/cancel"),
    ("get", "/bookings/{}"),
    ("get", "/bookings/{}/history"),
    ("get", "/info"),
}


async def test_info_contains_the_version_and_the_position(api):
    info = await api.call("GET", "/api/v1/info")
    assert info.ok().keys() == {"name", "version", "status", "api_version", "position"}
    assert info.media_type == "application/json"
    assert info.body["status"] == "ok"
    assert type(info.body["position"]) is int


@pytest.mark.parametrize("path", OPEN_JSON)
async def test_info_and_health_answer_without_a_token(api, path):
    assert (await api.call("GET", path)).status == 200


@pytest.mark.parametrize("path", OPEN_JSON)
async def test_info_and_health_answer_head_without_a_body(api, path):
    answer = await api.call("HEAD", path)
    assert (answer.status, answer.body) == (200, "")


async def test_the_position_in_info_is_the_position_of_the_last_command(api, operator):
    scheduled = await operator.schedule()
    assert await api.position() == scheduled.position


async def test_the_documentation_loads_nothing_from_other_hosts(api):
    docs = await api.call("GET", "/docs")
    assert docs.status == 200
    assert docs.media_type == "text/html"
    loaded = EXTERNAL_RESOURCE.findall(docs.body)
    assert not loaded, f"the docs load {loaded}"


async def test_openapi_describes_every_route_of_the_contract(api):
    described = {
        (method, PLACEHOLDER.sub("{}", path).removeprefix("/api/v1"))
        for path, methods in (await openapi(api))["paths"].items()
        for method in methods
    }
    assert described >= IN_SCOPE


async def test_every_route_that_is_not_public_requires_a_token(api):
    for path, methods in (await openapi(api))["paths"].items():
        if is_open(path):
            continue
        for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
            answer = await api.call(method.upper(), PLACEHOLDER.sub(SOME_ID, path))
            assert answer.status == 401, f"{method} {path} without a token: {answer.status}"


async def test_metrics_are_for_operators_only(api, alice, operator):
    answer = await api.call("GET", "/metrics", token=operator.token)
    if answer.status == 404:
        pytest.skip("metrics have a bind of their own")
    assert answer.status == 200
    assert answer.media_type == "text/plain"
    assert "# TYPE" in answer.body
    assert (await api.call("GET", "/metrics")).status == 401
    assert (await api.call("GET", "/metrics", token=alice.token)).status == 403


async def openapi(api):
    return (await api.call("GET", "/openapi.json")).ok()


def is_open(path):
    return path in {*OPEN_JSON, "/openapi.json"} or path.startswith(("/docs", "/problems", "/metrics"))
