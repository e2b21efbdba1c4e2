"""Events reach receivers signed, in order for each booking, at least once, and apart from each other."""

from collections import Counter

from domain.commands.bookings import CancelBooking
from tests.desk import Desk
from tests.scheduler.webhooks.conftest import Office, book, groups, hurry
from tests.scheduler.webhooks.receiver import Message, Receiver
from tests.waiting import await_until


async def test_every_event_arrives_once_signed_and_thin(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook = await office.register(receiver.url("/hook"))
    async with office.sending():
        flight = await desk.schedule()
        booking = await book(desk, flight)
        await desk.submit(CancelBooking(booking), "alice")
        await await_until(lambda: len(receiver.taken) == 3)
    assert receiver.positions() == [1, 2, 3]
    first, second, _ = receiver.messages
    assert first.content == {
        "type": "flight.scheduled",
        "timestamp": first.content["timestamp"],
        "data": {"ledger": "main", "position": 1, "flight_id": str(flight), "version": 1},
    }
    assert second.content["data"]["booking_id"] == str(booking)
    assert [one.id for one in receiver.messages] == ["1", "2", "3"]
    assert all(one.is_signed_by(office.secrets[webhook.id].secret) for one in receiver.messages)
    assert "alice" not in "".join(one.body for one in receiver.messages)


async def test_a_full_message_has_the_event_with_names(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    await office.register(receiver.url(), payload="full", types=["booking.initiated"])
    async with office.sending():
        await book(desk, await desk.schedule())
        await await_until(lambda: receiver.taken)
    [message] = receiver.taken
    assert message.content["data"]["data"]["user_id"] == "alice"
    assert message.content["data"]["actor"] == "alice"


async def test_a_refused_booking_waits_and_others_go_on(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    flight = await desk.schedule()
    bad, good = await book(desk, flight), await book(desk, flight)
    accepts: set[str] = set()

    def answer(message: Message) -> int:
        return 500 if message.stream == str(bad) and not accepts else 200

    receiver.answer = answer
    await office.register(receiver.url(), after=0)
    async with office.sending():
        for booking in (bad, good):
            await desk.submit(CancelBooking(booking), "alice")
        await await_until(lambda: {3, 5} <= set(receiver.positions()))
        tries = [one.position for one in receiver.messages if one.stream == str(bad)]
        assert set(tries) == {2}, "the second event of the booking must not be sent before the first is taken"
        accepts.add("now")
        await hurry(office)
        await await_until(lambda: len(receiver.taken) == 5)
    by_stream = groups([(one.stream, one.position) for one in receiver.taken])
    assert by_stream[str(bad)] == [2, 4]
    assert by_stream[str(good)] == [3, 5]


async def test_a_user_gets_only_events_of_its_own_bookings(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    await office.register(receiver.url("/alice"), user="alice")
    await office.register(receiver.url("/all"))
    async with office.sending():
        flight = await desk.schedule()
        await book(desk, flight, "bob")
        own = await book(desk, flight, "alice")
        await await_until(lambda: len(receiver.taken) == 4)
    assert [one.content["data"]["booking_id"] for one in receiver.taken if one.path == "/alice"] == [str(own)]
    assert receiver.positions("/all") == [1, 2, 3]


async def test_dead_receivers_do_not_hold_up_others(desk: Desk, office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda message: 0 if message.path.startswith("/dead") else 200
    for number in range(40):
        await office.register(receiver.url(f"/dead{number}"))
    await office.register(receiver.url("/good"))
    async with office.sending():
        flight = await desk.schedule(seats=30)
        for _ in range(20):
            await book(desk, flight)
        await await_until(lambda: len(receiver.positions("/good")) == 21, seconds=10)
        counted = Counter(one.path for one in receiver.messages)
    assert max(count for path, count in counted.items() if path != "/good") <= 8
