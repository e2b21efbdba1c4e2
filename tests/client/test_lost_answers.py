"""Lost answers, cut lines and killed servers: each command is done once, and no event is missed."""

import asyncio
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from seatledger_client import AsyncClient, Client, Event, Flight

from tests.client.callers import bearer
from tests.contract.program import ProgramUnderTest
from trials.torture.proxy import Proxy, Trouble

BOOKINGS = 1000
AT_ONCE = 16
LOSS = 0.1
DEADLINE = 60.0
AUDITOR = bearer("amir", "auditor")


def lose_answers(proxy: Proxy) -> None:
    proxy.trouble, proxy.loss_chance = Trouble.LOSE_ANSWERS, LOSS


async def book_all(client: AsyncClient, flight: Flight, count: int) -> list[str]:
    """Book one seat after another, some at once; return the ids of the bookings in the answers."""
    left, ids = iter(range(count)), []

    async def buy() -> None:
        for _ in left:
            booking = await client.bookings.create(flight_id=flight, user_id="alice", seats=1)
            ids.append(str(booking.id))

    await asyncio.gather(*(buy() for _ in range(AT_ONCE)))
    return ids


def check_each_once(operator: Client, flight: Flight, ids: list[str]) -> None:
    """Fail unless the log has exactly the bookings that were answered."""
    started = [str(one.originator_id) for one in operator.audit.events(
        flight_id=flight, type="booking.initiated", limit=200
    )]  # fmt: skip
    assert Counter(started) == Counter(ids)


async def follow_awaiting(url: str, after: int, count: int) -> list[Event]:
    found: list[Event] = []
    async with AsyncClient(url, AUDITOR) as client:
        async for event in client.events(after=after):
            found.append(event)
            if len(found) == count:
                break
    return found


async def follow_blocking(url: str, after: int, count: int) -> list[Event]:
    def follow() -> list[Event]:
        with Client(url, AUDITOR) as client:
            return list(itertools.islice(client.events(after=after), count))

    return await asyncio.to_thread(follow)


async def test_a_thousand_bookings_with_lost_answers_are_exactly_a_thousand(
    proxy: Proxy, proxy_url: str, operator: Client, flight: Flight
) -> None:
    lose_answers(proxy)
    async with AsyncClient(proxy_url, bearer("alice", "client"), deadline=DEADLINE) as client:
        ids = await book_all(client, flight, BOOKINGS)
    assert proxy.lost > BOOKINGS * LOSS / 2
    await asyncio.to_thread(check_each_once, operator, flight, ids)
    assert operator.flights.availability(flight).held == BOOKINGS


async def test_threads_that_share_a_client_book_and_pay_once_with_lost_answers(
    proxy: Proxy, proxy_url: str, operator: Client, flight: Flight
) -> None:
    lose_answers(proxy)

    def book_and_pay(client: Client) -> str:
        booking = client.bookings.create(flight_id=flight, user_id="alice", seats=1)
        assert client.bookings.pay(booking).booking.status == "booked"
        return str(booking.id)

    def run() -> list[str]:
        token = bearer("alice", "client")
        with Client(proxy_url, token, deadline=DEADLINE) as client, ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(book_and_pay, [client] * 100))

    ids = await asyncio.to_thread(run)
    assert proxy.lost > 0
    await asyncio.to_thread(check_each_once, operator, flight, ids)
    assert operator.flights.availability(flight).booked == len(ids) == 100


async def test_killed_servers_lose_and_repeat_no_booking_and_no_event(
    program: ProgramUnderTest, proxy: Proxy, proxy_url: str, operator: Client, flight: Flight
) -> None:
    """Follow the log and book while the server is killed, started again, and lines are cut."""
    after, count = operator.audit.head().position, 200
    follow = follow_awaiting, follow_blocking
    following = [asyncio.create_task(one(proxy_url, after, count)) for one in follow]
    async with AsyncClient(proxy_url, bearer("alice", "client"), deadline=DEADLINE) as client:
        booking = asyncio.create_task(book_all(client, flight, count))
        await asyncio.to_thread(wait_for_seats, program, flight, 50)
        program.kill()
        proxy.reset_all()
        await asyncio.to_thread(program.start)
        await asyncio.to_thread(wait_for_seats, program, flight, 100)
        proxy.reset_all()
        ids = await booking
    for events in await asyncio.wait_for(asyncio.gather(*following), DEADLINE):
        assert [event.position for event in events] == list(range(after + 1, after + 1 + count))
    with Client(program.url, AUDITOR) as client:
        check_each_once(client, flight, ids)


def wait_for_seats(program: ProgramUnderTest, flight: Flight, held: int) -> None:
    """Wait until so many seats of the flight are held."""
    with Client(program.url, AUDITOR) as client:
        for _ in client.events(type="booking.initiated", flight_id=flight):
            held -= 1
            if held <= 0:
                return
