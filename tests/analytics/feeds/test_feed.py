"""The feed publishes each event once and in order, whatever is killed, and refuses another stream."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analytics.schema import migrate
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.analytics.trade import Trade
from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, SECRET, ApiCaller
from tests.contract.program import ProgramUnderTest
from tests.desk import Desk
from tests.programs import needs
from tests.repetitions import times
from tests.waiting import await_until

from .conftest import FeedProgram, NatsServer, Reader

pytest.importorskip("nats")
pytestmark = needs("nats-server")

Fill = Callable[..., None]
KILLS = times(6, 100)


def check(messages: list[Any], last: int) -> None:
    """Fail unless sequence, message id and CloudEvent of each message are the same dense positions."""
    expected = list(range(1, last + 1))
    assert [message.metadata.sequence.stream for message in messages] == expected
    assert [int(message.header["Nats-Msg-Id"]) for message in messages] == expected
    assert [int(json.loads(message.data)["id"]) for message in messages] == expected


async def test_every_event_becomes_a_cloud_event_without_names(
    trade: Trade, feed: FeedProgram, reader: Reader, rows: Callable[..., list[Any]]
) -> None:
    await trade.rush(4)
    logged = rows("select position, originator_id, topic, state, actor, recorded_at, hash from ledger.events"
                  " order by position")  # fmt: skip
    code, output = await asyncio.to_thread(feed.run, "--once")
    assert code == 0, output
    messages = await reader.messages()
    check(messages, len(logged))
    for message, (position, id, topic, state, actor, time, hash) in zip(messages, logged, strict=True):
        event = json.loads(message.data)
        assert message.subject == f"seatledger.main.{topic}"
        assert message.header["content-type"] == "application/cloudevents+json"
        assert (event["specversion"], event["source"], event["type"]) == ("1.0", "/seatledger/main", topic)
        assert (event["subject"], event["actor"], event["hash"]) == (str(id), actor, hash.hex())
        assert event["sequence"] == f"{position:019}"
        assert event["time"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S"))
        assert event["data"] == json.loads(state)
        names = [name for name, value in event.items() if name != "data" and not isinstance(value, str | int)]
        assert (names, [name for name in event if not name.isalnum() or name != name.lower()]) == ([], [])


@pytest.mark.parametrize("victim", ["feed", "server"])
async def test_killed_on_either_side_nothing_is_lost_and_nothing_twice(
    victim: str, fill: Fill, feed: FeedProgram, nats_server: NatsServer, reader: Reader
) -> None:
    """Kill one side as soon as it has made progress, again and again, while the log grows."""
    random, last = Random(7), 0
    feed.start("--batch", "10")
    for _ in range(KILLS):
        await asyncio.to_thread(fill, last + 1, last := last + 300)
        reached = await reader.wait_for(last - 299 + random.randrange(200))
        if victim == "feed":
            feed.kill()
            feed.start("--batch", "10")
        else:
            nats_server.kill()
            await asyncio.to_thread(nats_server.start)
        assert reached > 0
    await reader.wait_for(last)
    check(await reader.messages(), last)


async def test_two_feeds_on_one_stream_double_nothing(fill: Fill, feed: FeedProgram, reader: Reader) -> None:
    feeds = [feed.start("--batch", "7") for _ in range(2)]
    # A feed that is not ready yet would neither compete with the other nor end orderly on SIGTERM.
    await await_until(lambda: feed.ready_lines() == 2)
    for first in range(1, 1001, 250):
        await asyncio.to_thread(fill, first, first + 249)
        await reader.wait_for(first)
    await reader.wait_for(1000)
    check(await reader.messages(), 1000)
    for process in feeds:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0


async def test_what_is_sent_again_after_the_window_of_the_server_is_not_stored(
    fill: Fill, feed: FeedProgram, nats_server: NatsServer, reader: Reader
) -> None:
    from nats.js.api import StreamConfig

    from analytics.feeds.jet_stream import Interrupted, Message, connected

    window = 0.1
    async with reader.context() as context:
        subjects = ["seatledger.main.>"]
        await context.add_stream(
            StreamConfig(name="seatledger-main", subjects=subjects, duplicate_window=window)
        )
    fill(1, 50)
    assert (await asyncio.to_thread(feed.run, "--once"))[0] == 0
    again = [Message(n, "booking.initiated", b"again", "application/json") for n in range(1, 51)]
    async with connected(nats_server.url, "seatledger-main", "seatledger.main") as stream:

        async def is_past_the_window() -> bool:
            """Send the first one again, until the server no longer takes it for a repeat."""
            try:
                await stream.publish(again[:1])
            except Interrupted:
                return True
            return False

        await await_until(is_past_the_window, 10)
        with pytest.raises(Interrupted):
            await stream.publish(again)
    fill(51, 60)
    assert (await asyncio.to_thread(feed.run, "--once"))[0] == 0
    check(await reader.messages(), 60)


async def test_a_purged_stream_goes_on_after_its_last_position(
    fill: Fill, feed: FeedProgram, reader: Reader
) -> None:
    fill(1, 20)
    await asyncio.to_thread(feed.run, "--once")
    async with reader.context() as context:
        await context.purge_stream("seatledger-main")
    fill(21, 25)
    assert (await asyncio.to_thread(feed.run, "--once"))[0] == 0
    assert [int(one.header["Nats-Msg-Id"]) for one in await reader.messages()] == list(range(21, 26))


async def test_a_stream_of_another_log_and_one_ahead_of_the_log_are_refused(
    fill: Fill, feed: FeedProgram, reader: Reader, tamper: Callable[[str], list[Any]]
) -> None:
    fill(1, 20)
    await asyncio.to_thread(feed.run, "--once")
    tamper("delete from ledger.events where position > 10")
    code, output = await asyncio.to_thread(feed.run, "--once")
    assert (code, "beyond the log" in output) == (1, True), output
    fill(11, 30, "other")
    code, output = await asyncio.to_thread(feed.run, "--once")
    assert (code, "message 20" in output) == (1, True), output
    async with reader.context() as context:
        await context.add_stream(name="foreign", subjects=["foreign"])
        await context.publish("foreign", b"hello")
    code, output = await asyncio.to_thread(feed.run, "--once", "--stream", "foreign")
    assert (code, "message 1 of the stream foreign" in output) == (1, True), output
    assert await reader.last() == 20
    code, output = await asyncio.to_thread(feed.run, "--once", "--stream", "second")
    assert (code, "cannot be created" in output) == (1, True), output


async def test_it_waits_for_the_server_and_says_so_once(
    fill: Fill, feed: FeedProgram, nats_server: NatsServer, reader: Reader
) -> None:
    nats_server.kill()
    fill(1, 5)
    process = feed.start(SEATLEDGER_LOG_FORMAT="json")
    await await_until(lambda: "feed.interrupted" in feed.log(), 30)
    nats_server.start()
    await reader.wait_for(5)
    await await_until(lambda: "feed.back" in feed.log(), 30)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 10) == 0
    assert feed.ready_lines() == 1
    assert feed.log().count("feed.interrupted") == 1


async def test_names_are_published_only_on_request(feed: FeedProgram, reader: Reader) -> None:
    program = ProgramUnderTest(DATABASE_URL=feed.environment["DATABASE_URL"], SEATLEDGER_JWT_SECRET=SECRET)
    program.start()
    try:
        async with connect(program) as api:
            flight = await ApiCaller.of(api, OLGA).create_flight()
            (await ApiCaller.of(api, ALICE).book(flight)).created()
        feed.environment["SEATLEDGER_DATA"] = str(program.data)
        assert (await asyncio.to_thread(feed.run, "--once"))[0] == 0
        sealed = await reader.messages()
        async with reader.context() as context:
            await context.delete_stream("seatledger-main")
        assert (await asyncio.to_thread(feed.run, "--once", "--names"))[0] == 0
        shown = await reader.messages()
        feed.environment["SEATLEDGER_DATA"] = str(program.folder / "other")
        code, output = await asyncio.to_thread(feed.run, "--once", "--names")
    finally:
        program.close()
    assert not any(ALICE.sub.encode() in message.data for message in sealed)
    assert json.loads(shown[-1].data)["actor"] == json.loads(shown[-1].data)["data"]["user_id"] == ALICE.sub
    assert code == 1
    assert "--names: there is no master key here" in output


def test_without_the_package_it_names_it(feed: FeedProgram, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "nats.py").write_text("raise ModuleNotFoundError('no nats', name='nats')")
    code, output = feed.run("--once", PYTHONPATH=str(blocked))
    assert code == 1
    assert output.endswith("seatledger: feed nats needs the package nats-py: install nats-py~=2.16\n")
    assert feed.run("--batch", "0")[0] == 2


async def test_events_of_a_sandbox_are_marked_and_those_of_a_live_ledger_are_not(
    empty_database_url: str, trade: Trade, feed: FeedProgram, nats_server: NatsServer, reader: Reader,
    tmp_path: Path,
) -> None:  # fmt: skip
    await trade.rush(1)
    assert (await asyncio.to_thread(feed.run, "--once"))[0] == 0
    assert not any("livemode" in json.loads(one.data) for one in await reader.messages())
    async with reader.context() as context:
        await context.delete_stream("seatledger-main")
    migrate(empty_database_url, is_sandbox=True)
    async with open_ledger(empty_database_url, Settings(sandbox=True)) as ledger:
        await Desk(ledger).schedule()
    # The kind is that of the ledger, whatever the settings of this process say.
    of_sandbox = FeedProgram(empty_database_url, nats_server, tmp_path)
    code, output = await asyncio.to_thread(of_sandbox.run, "--once")
    assert code == 0, output
    [message] = await reader.messages()
    assert json.loads(message.data)["livemode"] is False
