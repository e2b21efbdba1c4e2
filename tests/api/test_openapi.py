"""The OpenAPI document matches the routes and their responses."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar.routes import HTTPRoute

from api.http.examples import EXAMPLES
from api.http.routes import ALIASES
from ledger.codec import EVENT_TYPES
from tests.api.conftest import BA117, People
from tests.documented import validate
from tests.ledger.test_event_samples import SAMPLES


@pytest.fixture
async def document(people: People) -> dict[str, Any]:
    answer = await people.anonymous.get("/openapi.json")
    assert (await people.anonymous.get("/api/v1/openapi.json")).content == answer.content
    return dict(answer.json())


def resolve(document: dict[str, Any], node: Any) -> Any:
    """Return what a reference refers to, or the node itself."""
    while "$ref" in node:
        *_, kind, name = node["$ref"].split("/")
        node = document["components"][kind][name]
    return node


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(part)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, found) for path, item in document["paths"].items() for method, found in item.items()
    ]


async def test_every_route_except_pages_is_documented(people: People, document: dict[str, Any]) -> None:
    served = {
        (routed.path_format, method.lower())
        for routed in people.app.routes
        if isinstance(routed, HTTPRoute) and routed.path_format not in ALIASES
        if not routed.path_format.startswith(("/console", "/docs")) and routed.path_format != "/"
        for method in routed.methods
        if method != "OPTIONS"
    }
    assert served == {(path, method) for path, method, _ in operations(document)}
    ids = [found["operationId"] for *_, found in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_schema_reference_resolves(document: dict[str, Any]) -> None:
    for name in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in document["components"]["schemas"]


def test_documented_errors_are_problems(document: dict[str, Any]) -> None:
    for path, method, found in operations(document):
        for status, answer in found["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
        if found["security"]:
            assert {"401", "403"} <= found["responses"].keys()
        if "requestBody" in found:
            assert {"400", "408", "413", "415", "503"} <= found["responses"].keys()


def test_examples_are_valid_bodies(document: dict[str, Any]) -> None:
    for kind, example in EXAMPLES.items():
        encoded = msgspec.json.encode(example)
        assert msgspec.json.encode(msgspec.json.decode(encoded, type=kind)) == encoded


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for path, method, found in operations(document):
        bodies = [*found["responses"].values(), *([found["requestBody"]] if "requestBody" in found else [])]
        for media_type, content in [one for body in bodies for one in body.get("content", {}).items()]:
            examples = [content["example"]] if "example" in content else []
            examples += [resolve(document, one)["value"] for one in content.get("examples", {}).values()]
            assert examples, (path, method, media_type, "has no example: add one to api/http/examples.py")
            for example in examples:
                validate(document, content["schema"], example)


def test_every_parameter_and_every_schema_is_described(document: dict[str, Any]) -> None:
    for path, method, found in operations(document):
        assert found["summary"], (path, method)
        for parameter in found["parameters"]:
            assert parameter["description"], (path, method, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), f"{name} has no description: give its class a docstring"


def test_an_operation_is_named_by_verb_and_noun(document: dict[str, Any]) -> None:
    for *_, found in operations(document):
        assert re.fullmatch("[a-z]+(_[a-z]+)+", found["operationId"]), "Name the handler by verb and noun"


def test_tags_are_described_and_in_order(document: dict[str, Any]) -> None:
    names = [tag["name"] for tag in document["tags"]]
    used = [found["tags"] for *_, found in operations(document)]
    assert all(len(tags) == 1 for tags in used)
    assert [name for (name,) in used] == sorted((name for (name,) in used), key=names.index)
    assert {name for (name,) in used} == set(names)


def test_only_public_routes_need_no_token(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert "`roles`" in document["components"]["securitySchemes"]["bearer"]["description"]
    for path, method, found in operations(document):
        assert found["security"] == ([{"bearer": []}] if "x-roles" in found else []), (path, method)


def test_enums_have_a_type_and_are_open_or_closed(document: dict[str, Any]) -> None:
    closed = set()
    for name, schema in document["components"]["schemas"].items():
        for node in nodes(schema):
            if isinstance(node.get("enum"), list):
                assert node["type"] == "string", name
                assert re.search("^(Open|Closed): ", node["description"], re.MULTILINE), name
                closed |= {name} if "Closed" in node["description"] else set()
    assert {"Capture", "FlightSort", "PriceCurrency"} <= closed
    assert not closed & {"PaymentStatus", "RefundReason", "Travel"}


def test_times_have_their_format(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, found in schema.get("properties", {}).items():
            texts = [one for one in found.get("anyOf", [found]) if one.get("type") == "string"]
            if field.endswith(("_at", "_before", "_until")) and texts:
                assert [one.get("format") for one in texts] == ["date-time"], (name, field)


def test_each_error_has_a_schema_with_its_facts(document: dict[str, Any]) -> None:
    responses = document["paths"]["/api/v1/bookings/payments"]["post"]["responses"]
    mapping = responses["409"]["content"]["application/problem+json"]["schema"]["discriminator"]["mapping"]
    found = resolve(document, {"$ref": mapping["price-mismatch"]})
    assert found["properties"]["expected"] == {"$ref": "#/components/schemas/Money"}
    assert {"code", "detail", "expected"} <= set(found["required"])
    assert found["properties"]["code"]["const"] == "price-mismatch"


def test_the_document_describes_the_data_of_every_type_of_event(document: dict[str, Any]) -> None:
    data = document["components"]["schemas"]["EventData"]["properties"]
    assert data.keys() == EVENT_TYPES.keys()
    for sample in SAMPLES:
        validate(document, data[sample["topic"]], json.loads(sample["state"]))


async def test_statuses_and_headers_of_responses_are_documented(
    people: People, document: dict[str, Any]
) -> None:
    """Send the commands and queries of a booking, and compare each response with the document."""
    flight = await people.flight()
    booking = await people.booking(flight)
    hers, its = f"/api/v1/bookings/{booking['id']}", f"/api/v1/flights/{flight['id']}"
    why = {"reason": "fog"}
    await people.operator.post(f"{its}/seats", json={"seats": 8})
    party, all_of_it = {"user_id": "alice", "seats": 2}, {"user_id": "alice", "seats": 8}
    await people.booking(flight, 1)
    answers = [
        ("/api/v1/flights", await people.operator.post("/api/v1/flights", json=BA117)),
        ("/api/v1/flights", await people.alice.get("/api/v1/flights?limit=1")),
        ("/api/v1/flights/{id}", await people.alice.get(f"/api/v1/flights/{flight['id']}")),
        ("/api/v1/bookings/payments", await people.pay(booking)),
        ("/api/v1/bookings/payments", await people.pay(booking)),
        ("/api/v1/bookings/payments", await people.pay(booking, "pay-2")),
        ("/api/v1/bookings/payments", await people.pay(booking, "pay 3")),
        ("/api/v1/bookings/payments", await people.pay(booking, "pay-4", **{"if-match": '"v1"'})),
        ("/api/v1/bookings/{id}", await people.bob.get(f"/api/v1/bookings/{booking['id']}")),
        ("/api/v1/bookings/{id}/cancel", await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")),
        ("/api/v1/bookings", await people.analyst.get("/api/v1/bookings")),
        ("/api/v1/bookings/{id}/capture", await people.operator.post(f"{hers}/capture")),
        ("/api/v1/bookings/{id}/void", await people.operator.post(f"{hers}/void", json=why)),
        ("/api/v1/bookings/{id}/seats", await people.alice.post(f"{hers}/seats", json={"seats": 1})),
        ("/api/v1/bookings/{id}/cancel/quote", await people.alice.post(f"{hers}/cancel/quote")),
        ("/api/v1/bookings/{id}/cancel", await people.bob.post(f"{hers}/cancel?dry_run=true")),
        ("/api/v1/refunds", await people.auditor.get("/api/v1/refunds?limit=1")),
        ("/api/v1/refunds/{id}/settle", await people.operator.post(f"/api/v1/refunds/{flight['id']}/settle")),
        ("/api/v1/flights/{id}/waitlist", await people.alice.post(f"{its}/waitlist", json=party)),
        ("/api/v1/flights/{id}/waitlist", full := await people.alice.post(f"{its}/waitlist", json=all_of_it)),
        ("/api/v1/waitlist", await people.alice.get("/api/v1/waitlist?limit=1")),
        ("/api/v1/waitlist/{id}", await people.alice.get(f"/api/v1/waitlist/{full.json()['id']}")),
        ("/api/v1/waitlist/{id}", await people.bob.get(f"/api/v1/waitlist/{full.json()['id']}")),
        (
            "/api/v1/waitlist/{id}/leave",
            await people.alice.post(f"/api/v1/waitlist/{full.json()['id']}/leave"),
        ),
        (
            "/api/v1/waitlist/{id}/leave",
            await people.alice.post(f"/api/v1/waitlist/{full.json()['id']}/leave"),
        ),
        ("/api/v1/flights/{id}/cancel", await people.operator.post(f"{its}/cancel", json=why)),
        ("/api/v1/flights/{id}/cancel", await people.operator.post(f"{its}/cancel?dry_run=true", json=why)),
        ("/api/v1/flights/{id}/cancel", await people.operator.post(f"{its}/cancel?dry_run=1", json=why)),
        ("/api/v1/info", await people.anonymous.get("/api/v1/info")),
    ]
    expected_everywhere = {"content-type", "content-length", "cache-control", "x-content-type-options"}
    for path, answer in answers:
        documented = document["paths"][path][answer.request.method.lower()]["responses"]
        assert str(answer.status_code) in documented, (path, answer.text)
        headers = {name.lower() for name in documented[str(answer.status_code)]["headers"]}
        assert set(answer.headers) - expected_everywhere <= headers, path


async def test_the_home_page_leads_to_console_documentation_and_health(people: People) -> None:
    page = await people.anonymous.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    links = re.findall(r'href="([^"]+)"', page.text)
    assert links == ["/console", "/docs", "/docs/api", "/openapi.json", "/health/ready"]
    for link in links:
        answer = await people.anonymous.get(link)
        # Without a token the console answers with its login form.
        assert answer.status_code == (401 if link == "/console" else 200), link
    assert (await people.anonymous.head("/")).status_code == 200
    assert "/" not in (await people.anonymous.get("/openapi.json")).json()["paths"]
