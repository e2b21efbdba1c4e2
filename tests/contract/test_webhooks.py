"""Webhooks of a program with its scheduler: events arrive signed, and only those that the caller may read."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.conftest import serve
from tests.contract.people import BY_ROLE, SECRET, ApiCaller
from tests.scheduler.webhooks.receiver import Receiver
from tests.waiting import await_until


@pytest.fixture(scope="module")
def program():
    """Server that may reach receivers on this machine."""
    yield from serve(SEATLEDGER_JWT_SECRET=SECRET, SEATLEDGER_WEBHOOK_NETWORKS="127.0.0.0/8")


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


async def register(caller, url, **fields):
    return (await caller.post("/webhooks", {"url": url, **fields})).created()


async def test_events_of_a_booking_arrive_in_order_and_signed(operator, alice, bob, receiver):
    own = await register(alice, receiver.url("/alice"))
    everything = await register(operator, receiver.url("/all"), payload="full")
    flight = await operator.create_flight()
    await bob.book_and_pay(flight)
    booking = await alice.book_and_pay(flight)
    (await alice.cancel(booking)).ok()
    history = await alice.read_history(booking)
    head = (await operator.read_head())["position"]
    await await_until(lambda: receiver.positions("/alice") == [event["position"] for event in history])
    await await_until(lambda: head in receiver.positions("/all"))
    for path, webhook in (("/alice", own), ("/all", everything)):
        taken = [message for message in receiver.taken if message.path == path]
        assert all(message.is_signed_by(webhook["secret"]) for message in taken)
    assert [one.content["type"] for one in receiver.taken if one.path == "/alice"] == [
        event["type"] for event in history
    ]
    full = {one.position: one.content["data"] for one in receiver.taken if one.path == "/all"}
    assert [full[event["position"]]["data"] for event in history] == [event["data"] for event in history]

    async def are_logged():
        logged = (await alice.get(f"/webhooks/{own['id']}/deliveries?state=delivered")).ok()["data"]
        assert {(one["status"], one["attempts"]) for one in logged} <= {(204, 1)}
        return [one["position"] for one in reversed(logged)] == [event["position"] for event in history]

    await await_until(are_logged)


async def test_a_test_message_is_answered_and_logged(alice, receiver):
    receiver.text = "thank you"
    receiver.answer = lambda message: 200
    webhook = await register(alice, receiver.url())
    sent = (await alice.post(f"/webhooks/{webhook['id']}/test")).created()

    async def is_logged():
        [logged] = (await alice.get(f"/webhooks/{webhook['id']}/deliveries")).ok()["data"]
        return (logged["id"], logged["state"], logged["answer"]) == (sent["id"], "delivered", "thank you")

    await await_until(is_logged)
    assert receiver.taken[-1].is_signed_by(webhook["secret"])


async def test_a_receiver_that_is_gone_is_shown_everywhere_until_it_is_enabled(
    program, operator, alice, receiver
):
    receiver.answer = lambda message: 410
    webhook = await register(alice, receiver.url("/gone"))
    path = f"/webhooks/{webhook['id']}"
    booking = (await alice.book(await operator.create_flight())).created()

    async def is_gone():
        return (await alice.get(path)).ok()["gone_at"] is not None

    await await_until(is_gone)
    gone = (await alice.get(path)).ok()
    assert (gone["enabled"], gone["version"]) == (False, 2)
    (await alice.post(f"{path}/test")).refusal(409, "webhook-disabled")
    [check] = [one for one in (await readiness(operator))["checks"] if one["name"] == "webhooks"]
    assert (check["ok"], " GONE (enable or delete them)" in check["detail"]) == (False, True)
    listed = await asyncio.to_thread(program.run, "webhooks")
    assert f"{webhook['id']}  gone  " in listed.stdout
    receiver.answer = lambda message: 200
    again = (await alice.patch(path, {"enabled": True})).ok()
    assert (again["enabled"], again["gone_at"]) == (True, None)
    [waiting] = (await alice.get(f"{path}/deliveries?state=waiting")).ok()["data"]
    assert (waiting["status"], waiting["attempts"]) == (410, 1)
    # It is due after its pause of five seconds.
    await await_until(lambda: receiver.positions("/gone"))
    [taken] = [one for one in receiver.taken if one.path == "/gone"]
    assert taken.content["data"]["booking_id"] == booking["id"]


async def readiness(operator):
    """Return the checks with their details, which not every caller gets."""
    headers = {"authorization": f"Bearer {operator.token}"}
    async with operator.api.session.get(f"{operator.api.url}/health/ready", headers=headers) as response:
        return await response.json()


@pytest.mark.parametrize("role", BY_ROLE)
async def test_clients_and_operators_change_webhooks_and_auditors_read_them(api, operator, role):
    caller = ApiCaller.of(api, BY_ROLE[role])
    body = {"url": "https://hooks.example.com/"}
    changes, reads = role in ("client", "operator"), role in ("client", "operator", "auditor")
    assert (await caller.post("/webhooks", body)).status == (201 if changes else 403)
    assert (await caller.get("/webhooks")).status == (200 if reads else 403)
    mine = (await operator.post("/webhooks", body | {"user_id": caller.sub})).created()
    path = f"/webhooks/{mine['id']}"
    for answer in await asyncio.gather(caller.get(path), caller.get(f"{path}/deliveries")):
        assert answer.status == (200 if reads else 403)
    for action, sent, status in (
        ("test", {}, 201),
        ("rotate", {}, 200),
        ("replay", {"from_position": 1}, 200),
    ):
        assert (await caller.post(f"{path}/{action}", sent)).status == (status if changes else 403)
