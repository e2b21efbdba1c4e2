"""Announcement of what is deprecated: RFC 9745 and RFC 8594."""

from datetime import UTC, datetime

from api.http.deprecations import Deprecation
from tests.api.conftest import People

SINCE = int(datetime(2026, 11, 29, tzinfo=UTC).timestamp())


async def test_only_the_atomic_bulk_is_announced_as_deprecated(people: People) -> None:
    flight = await people.flight()
    holds = [{"key": "one", "flight_id": flight["id"], "user_id": "alice", "seats": 1}]
    for atomic in (True, False):
        body = {"items": holds, "atomic": atomic}
        answer = await people.alice.post("/api/v1/bookings/bulk", json=body)
        assert answer.status_code == 200
        assert answer.headers.get("deprecation") == (f"@{SINCE}" if atomic else None)
        assert ('rel="deprecation"' in answer.headers.get("link", "")) is atomic
        assert "sunset" not in answer.headers
    page = (await people.alice.post("/api/v1/bookings/bulk", json={"items": holds, "atomic": True})).links
    assert (await people.anonymous.get(page["deprecation"]["url"])).status_code == 200


async def test_the_document_marks_what_is_deprecated(people: People) -> None:
    document = (await people.anonymous.get("/openapi.json")).json()
    headers = document["paths"]["/api/v1/bookings/bulk"]["post"]["responses"]["200"]["headers"]
    assert {"Deprecation", "Link"} <= headers.keys()
    assert document["components"]["schemas"]["BulkHolds"]["properties"]["atomic"]["deprecated"] is True


def test_an_end_is_announced_as_an_http_date() -> None:
    since, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    headers = dict(Deprecation(since, "/docs", "The route", end).headers())
    assert headers[b"deprecation"] == b"@1767225600"
    assert headers[b"sunset"] == b"Fri, 01 Jan 2027 00:00:00 GMT"
