"""What a receiver asks for: a pause by Retry-After, or the end by 410 Gone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from analytics.webhooks import status
from analytics.webhooks.endpoints import Webhook
from analytics.webhooks.queue import PAUSE_MAX, add_test, pause_after
from api.readiness import check_readiness
from database.readiness import Check
from domain.commands.bookings import CancelBooking
from ledger.ids import new_id
from scheduler.webhooks.posting import seconds_to_wait
from tests.desk import Desk
from tests.scheduler.test_sweeper import told
from tests.scheduler.webhooks.conftest import Office, book, deliveries_of, execute, hurry
from tests.scheduler.webhooks.receiver import Receiver
from tests.waiting import await_until

__all__ = ["told"]

DATE = "Mon, 01 Apr 2030 12:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 01 Apr 2030 12:01:30 GMT", 90),
        ("Monday, 01-Apr-30 12:01:30 GMT", 90),
        ("Mon, 01 Apr 2030 11:00:00 GMT", 0),
        ("Mon, 01 Apr 2030 12:01:30 -0000", 90),
        ("-5", 0),
        ("1.5", 0),
        ("\u0661\u0662", 0),
        ("9" * 400, 0),
        ("Mon, 99 Apr 2030 12:01:30 GMT", 0),
        ("Mon, 01 Apr 99999 12:01:30 GMT", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_both_forms_of_retry_after_are_read(text: str, seconds: float) -> None:
    assert seconds_to_wait(text, DATE) == seconds


def test_a_date_in_an_answer_without_its_own_date_is_no_wish() -> None:
    assert seconds_to_wait("Mon, 01 Apr 2030 12:01:30 GMT", "") == 0


def test_a_wish_is_a_least_pause_with_a_limit() -> None:
    assert pause_after(1, 120) == timedelta(seconds=120)
    assert pause_after(6, 120) == pause_after(6) == timedelta(seconds=160)
    assert pause_after(1, 1e12) == PAUSE_MAX


@pytest.mark.parametrize("answer", [429, 503])
async def test_a_receiver_that_asks_for_a_pause_gets_nothing_until_then(
    desk: Desk, office: Office, receiver: Receiver, answer: int
) -> None:
    flight = await desk.schedule()
    receiver.answer = lambda message: answer if len(receiver.messages) < 1 else 200
    receiver.headers = {"retry-after": "2"}
    await office.register(receiver.url("/limited"), after=0)
    async with office.sending():
        await await_until(lambda: receiver.messages)
        other = await office.register(receiver.url("/other"))
        for _ in range(3):
            await book(desk, flight)
        # Others go on, and the attempt becomes due: the pause holds for all of its bookings.
        await await_until(lambda: len(receiver.positions("/other")) == 3)
        await hurry(office)
        assert receiver.positions("/limited") == []
        await await_until(lambda: len(receiver.positions("/limited")) == 4, 20)
    first, second, *_ = [one.at for one in receiver.messages if one.path == "/limited"]
    assert second - first >= 2
    assert other.enabled


async def test_a_date_and_a_long_wish_are_kept_as_the_time_of_the_next_attempt(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 503
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    webhooks = []
    for wish in (format_datetime(in_an_hour, usegmt=True), "31536000"):
        receiver.headers = {"retry-after": wish}
        webhook = await office.register(receiver.url())
        async with office.sending():
            await desk.schedule(f"BA{len(webhooks) + 1}")
            await await_until(lambda webhook=webhook: attempted(office, webhook))  # type: ignore[misc]
        webhooks.append(webhook)
    due = [(await deliveries_of(office, webhook))[0].next_attempt_at for webhook in webhooks]
    assert due[0] is not None
    assert due[1] is not None
    assert abs(due[0] - in_an_hour) < timedelta(seconds=60)
    assert timedelta(0) <= datetime.now(UTC) + PAUSE_MAX - due[1] < timedelta(seconds=60)


async def test_other_answers_wish_nothing(desk: Desk, office: Office, receiver: Receiver) -> None:
    receiver.answer, receiver.headers = lambda message: 500, {"retry-after": "3600"}
    webhook = await office.register(receiver.url())
    async with office.sending():
        await desk.schedule()
        await await_until(lambda: attempted(office, webhook))
    [delivery] = await deliveries_of(office, webhook)
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at < datetime.now(UTC) + timedelta(seconds=60)


async def attempted(office: Office, webhook: Webhook) -> bool:
    return any(one.attempts for one in await deliveries_of(office, webhook))


async def find(office: Office, id: UUID) -> Webhook:
    async with office.change() as webhooks:
        return await webhooks.find(id)


async def enable(office: Office, id: UUID) -> Webhook:
    async with office.change() as webhooks:
        await webhooks.lock()
        return await webhooks.change(replace(await webhooks.find(id), enabled=True))


async def readiness(office: Office) -> Check:
    [check] = [one for one in (await check_readiness(office.ledger)).checks if one.name == "webhooks"]
    return check


async def test_a_receiver_that_is_gone_is_disabled_with_an_alarm_and_continues_when_it_is_enabled(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    flight = await desk.schedule()
    booking = await book(desk, flight)
    await desk.submit(CancelBooking(booking), "alice")
    receiver.answer = lambda message: 410 if message.path == "/gone" else 200
    gone = await office.register(receiver.url("/gone"), after=1)
    await office.register(receiver.url("/good"), after=1)
    async with office.sending():
        await await_until(lambda: receiver.positions("/good") == [2, 3])

        async def is_disabled() -> bool:
            return not (await find(office, gone.id)).enabled

        await await_until(is_disabled)
        now = await find(office, gone.id)
        assert (now.gone_at is not None, now.version, now.position) == (True, 2, 3)
        # It gets nothing more, whatever becomes due; others do.
        await hurry(office)
        await book(desk, flight)
        await await_until(lambda: receiver.positions("/good") == [2, 3, 4])
        assert [one.position for one in receiver.messages if one.path == "/gone"] == [2]
        check = await readiness(office)
        assert (check.ok, check.vital, "1 GONE" in check.detail) == (False, False, True)
        async with office.ledger.read() as connection:
            assert (await status.read_status(connection)).gone == 1

        receiver.answer = lambda message: 200
        again = await enable(office, gone.id)
        assert (again.enabled, again.gone_at) == (True, None)
        await hurry(office)
        await await_until(lambda: sorted(receiver.positions("/gone")) == [2, 3, 4])
    assert (await readiness(office)).ok
    assert {one.state for one in await deliveries_of(office, gone)} == {"delivered"}


async def test_a_deleted_webhook_that_was_gone_is_no_alarm(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 410
    webhook = await office.register(receiver.url())
    async with office.change() as webhooks:
        await add_test(webhooks._connection, webhook.id, new_id())
    async with office.sending():

        async def is_gone() -> bool:
            return (await find(office, webhook.id)).gone_at is not None

        await await_until(is_gone)
    assert [one.state for one in await deliveries_of(office, webhook)] == ["failed"]
    async with office.change() as webhooks:
        await webhooks.lock()
        await webhooks.remove(webhook.id)
    assert (await readiness(office)).ok


async def test_the_answer_of_an_earlier_url_disables_nothing(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    """The URL is changed while the request to the earlier one runs."""
    webhook = await office.register(receiver.url("/old"))
    moved = receiver.url("/new")

    def answer(message: object) -> int:
        return 410 if getattr(message, "path", "") == "/old" else 200

    receiver.answer = answer
    async with office.sending() as sender:
        record = sender._record

        async def record_late() -> None:
            if sender._results:
                await execute(office, f"update webhooks set url = '{moved}'")
            await record()

        sender._record = record_late  # type: ignore[method-assign]
        await desk.schedule()
        await await_until(lambda: attempted(office, webhook))
        await hurry(office)
        await await_until(lambda: receiver.positions("/new") == [1])
    assert (await find(office, webhook.id)).enabled


async def test_the_alarm_is_in_the_log_of_the_program(
    desk: Desk, office: Office, receiver: Receiver, told: Callable[[], list[str]]
) -> None:
    receiver.answer = lambda message: 410
    webhook = await office.register(receiver.url())
    async with office.sending():
        await desk.schedule()

        async def is_gone() -> bool:
            return (await find(office, webhook.id)).gone_at is not None

        await await_until(is_gone)
        await await_until(lambda: "webhooks.gone" in told())
