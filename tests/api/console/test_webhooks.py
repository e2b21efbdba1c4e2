"""The page of webhooks: receivers, their last answers, and the test button."""

from tests.api.console.conftest import HOSTILE, ConsoleDesk

KEY = "a-click"
URL = "https://hooks.example.com/in"


async def test_the_page_lists_webhooks_with_their_answers_and_tests_them(desk: ConsoleDesk) -> None:
    operator = desk.sit_down("olga", "operator")
    assert "No webhook is registered" in (await operator.open("/console/webhooks")).text
    answer = await desk.people.operator.post("/api/v1/webhooks", json={"url": URL, "user_id": HOSTILE})
    assert answer.status_code == 201, answer.text
    webhook = answer.json()
    listed = await operator.open("/console/webhooks")
    assert URL in listed.text
    assert "none yet" in listed.text
    assert webhook["secret"] not in listed.text
    tested = await operator.send(f"/console/webhooks/{webhook['id']}/test", {"key": KEY})
    assert tested.status == 200
    assert "A test message is on its way" in tested.text
    assert "webhook.test test-1: waiting" in tested.text
    again = await operator.send(f"/console/webhooks/{webhook['id']}/test", {"key": KEY})
    assert (again.status, "test-2" in again.text) == (200, False)
    await desk.people.operator.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": False})
    refused = await operator.send(f"/console/webhooks/{webhook['id']}/test", {"key": "another"})
    assert (refused.status, "disabled" in refused.text) == (409, True)


async def test_an_auditor_reads_and_has_no_button(desk: ConsoleDesk) -> None:
    await desk.people.operator.post("/api/v1/webhooks", json={"url": URL})
    page = await desk.sit_down("amir", "auditor").open("/console/webhooks")
    assert URL in page.text
    assert [form for form in page.all("form") if form.attrib["action"].endswith("/test")] == []
