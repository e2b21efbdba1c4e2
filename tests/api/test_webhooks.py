"""Webhooks over HTTP: rights, secrets that are shown once, keys, conditions and limits."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from analytics.webhooks import PER_USER_MAX
from tests.api.conftest import People

PATH = "/api/v1/webhooks"
URL = "https://hooks.example.com/in"
Rows = Callable[..., list[Any]]


async def register(caller: httpx.AsyncClient, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return await caller.post(PATH, json={"url": URL, **fields}, headers=headers)


def created(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_the_secret_is_shown_once(people: People, rows: Rows) -> None:
    webhook = created(await register(people.operator))
    secret = webhook.pop("secret")
    found = await people.operator.get(f"{PATH}/{webhook['id']}")
    assert found.json() == webhook
    assert found.headers["etag"] == '"v1"'
    listed = (await people.operator.get(PATH)).json()
    assert listed == {"data": [webhook], "next_cursor": None}
    [(sealed,)] = rows("select sealed_secrets from ledger.webhooks")
    assert secret.startswith("whsec_")
    assert secret not in sealed or sealed.startswith("[")  # without a master key, it is in clear


async def test_a_client_has_webhooks_of_its_own_bookings_only(people: People) -> None:
    own = created(await register(people.alice))
    assert own["user_id"] == "alice"
    assert (await register(people.alice, user_id="bob")).status_code == 403
    everything = created(await register(people.operator))
    for_alice = created(await register(people.operator, user_id="alice"))
    listed = (await people.alice.get(PATH)).json()["data"]
    assert [webhook["id"] for webhook in listed] == [own["id"], for_alice["id"]]
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate")):
        for caller, id in ((people.bob, own["id"]), (people.alice, everything["id"])):
            answer = await caller.request(method, f"{PATH}/{id}{path}", json={})
            unknown = await caller.request(method, f"{PATH}/{uuid4()}{path}", json={})
            assert answer.status_code == unknown.status_code == 404
            assert answer.json()["code"] == unknown.json()["code"] == "webhook-not-found"
    assert len((await people.auditor.get(PATH)).json()["data"]) == 3
    assert len((await people.operator.get(PATH, params={"user_id": "alice"})).json()["data"]) == 2
    assert (await people.bob.get(PATH, params={"user_id": "alice"})).json()["data"] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
        "http://127.0.0.1:8000/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://127.1/",
        "not a url",
    ],
)
async def test_a_url_that_may_not_be_reached_is_refused(people: People, url: str) -> None:
    answer = await register(people.operator, url=url)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/url"]


async def test_wrong_types_of_events_are_named(people: People) -> None:
    answer = await register(people.operator, event_types=["booking.booked", "booking.flew"])
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/event_types/1"]


async def test_a_repeated_key_returns_the_first_answer(people: People) -> None:
    first, again = [await register(people.alice, key="one") for _ in range(2)]
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await register(people.alice, key="one", payload="full")).status_code == 422
    assert created(await register(people.bob, key="one"))["id"] != first.json()["id"]
    assert len((await people.operator.get(PATH)).json()["data"]) == 2


async def test_a_change_needs_the_current_version(people: People) -> None:
    path = f"{PATH}/{created(await register(people.operator))['id']}"
    stale = await people.operator.patch(path, json={"enabled": False}, headers={"if-match": '"v7"'})
    assert stale.status_code == 412
    changed = await people.operator.patch(
        path, json={"enabled": False, "event_types": ["booking.booked"]}, headers={"if-match": '"v1"'}
    )
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert (changed.json()["enabled"], changed.json()["event_types"]) == (False, ["booking.booked"])
    assert (await people.operator.patch(path, json={"event_types": None})).json()["event_types"] is None
    assert (await people.operator.post(f"{path}/test")).json()["code"] == "webhook-disabled"
    gone = await people.operator.delete(path)
    assert (gone.status_code, gone.json()["url"]) == (200, URL)
    assert (await people.operator.get(path)).status_code == 404


async def test_a_user_has_a_limited_number(people: People) -> None:
    for _ in range(PER_USER_MAX):
        created(await register(people.alice))
    refused = await register(people.alice)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-webhooks")
    created(await register(people.operator))
    created(await register(people.bob))


async def test_a_rotation_shows_the_new_secret_and_the_end_of_the_earlier_one(people: People) -> None:
    webhook = created(await register(people.operator))
    path = f"{PATH}/{webhook['id']}/rotate"
    first = await people.operator.post(path, headers={"idempotency-key": "r"})
    again = await people.operator.post(path, headers={"idempotency-key": "r"})
    assert first.json()["secret"] != webhook["secret"]
    assert (first.json()["earlier_until"] is None, again.json()) == (False, first.json())
    for _ in range(3):
        assert (await people.operator.post(path)).status_code == 200
    assert (await people.operator.post(path)).json()["code"] == "too-many-secrets"


async def test_a_test_message_and_a_replay_are_accepted(people: People) -> None:
    webhook = created(await register(people.operator))
    path = f"{PATH}/{webhook['id']}"
    sent = await people.operator.post(f"{path}/test")
    assert sent.status_code == 201
    assert (sent.json()["id"], sent.json()["type"], sent.json()["state"]) == (
        "test-1",
        "webhook.test",
        "waiting",
    )
    assert (await people.operator.get(f"{path}/deliveries")).json()["data"] == [sent.json()]
    assert (await people.operator.post(f"{path}/replay", json={"from_position": 1})).json()["position"] == 0
    beyond = await people.operator.post(f"{path}/replay", json={"from_position": 9})
    assert (beyond.status_code, beyond.json()["code"]) == (503, "position-not-reached")


async def test_lists_have_cursors(people: People) -> None:
    ids = [created(await register(people.operator))["id"] for _ in range(3)]
    first = await people.operator.get(PATH, params={"limit": 2})
    second = await people.operator.get(PATH, params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert [one["id"] for page in (first, second) for one in page.json()["data"]] == ids
    path = f"{PATH}/{ids[0]}/deliveries"
    for _ in range(3):
        await people.operator.post(f"{PATH}/{ids[0]}/test")
    first = await people.operator.get(path, params={"limit": 2})
    second = await people.operator.get(path, params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert [one["id"] for page in (first, second) for one in page.json()["data"]] == [
        "test-3",
        "test-2",
        "test-1",
    ]
