"""`up --sandbox`: an integration is tried without waiting and without money, never on a live ledger."""

import json
from datetime import datetime, timedelta

import pytest

from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, ApiCaller
from tests.contract.program import ProgramUnderTest, run_program
from tests.contract.samples import new_key
from trials.programs.ports import free_port

VISA, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"


@pytest.fixture(scope="module")
def sandbox():
    """A program in a sandbox. A test may kill it and starts it again."""
    program = ProgramUnderTest(SEATLEDGER_SANDBOX="true", SEATLEDGER_WORKERS="1")
    try:
        program.start()
        yield program
    finally:
        program.close()


def callers(program, api):
    return [
        ApiCaller(api, person.sub, program.token(person.sub, role))
        for person, role in ((OLGA, "operator"), (ALICE, "client"))
    ]


async def pay(alice, booking, method, **rest):
    body = {"booking_id": booking["id"], "user_id": alice.sub, "total_cost": booking["total_cost"]}
    return await alice.post("/bookings/payments", body | {"payment_method": method} | rest, key=new_key())


async def advance(operator, duration, key=""):
    answer = (await operator.post("/sandbox/clock", {"advance": duration}, key=key or new_key())).ok()
    return datetime.fromisoformat(answer["now"])


def refusal_of(program, data, **settings):
    """Start `up` on a data folder, and return the line that it prints when it refuses."""
    ended = run_program(
        "up", "--port", str(free_port()), "--data", str(data), environment=program.environment | settings
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("seatledger: this ledger")]
    return line


async def test_a_hold_expires_without_a_wait(sandbox):
    async with connect(sandbox) as api:
        operator, alice = callers(sandbox, api)
        flight = await operator.create_flight(seats=2)
        booking = (await alice.book(flight, seats=2)).created()
        assert booking["livemode"] is False
        moved_to = await advance(operator, "PT6M")
        assert moved_to > datetime.fromisoformat(booking["expires_at"])
        assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"
        (await pay(alice, booking, VISA)).refusal(409, "hold-expired")
        again = (await alice.book(flight, seats=2)).created()
        paid = (await pay(alice, again, VISA)).created()
        assert paid["booking"]["status"] == "booked"
    ended = sandbox.run("verify", "--names", "--json")
    assert ended.returncode == 0, ended.stdout


async def test_declined_cards_and_late_captures_are_played_without_money(sandbox):
    async with connect(sandbox) as api:
        operator, alice = callers(sandbox, api)
        flight = await operator.create_flight()
        booking = (await alice.book(flight)).created()
        (await pay(alice, booking, DECLINED)).refusal(402, "payment-declined")
        pending = (await pay(alice, booking, VISA, capture="manual")).created()["booking"]
        assert pending["status"] == "pending"
        await advance(operator, "P1D")
        assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"


async def test_the_clock_survives_a_kill_in_between(sandbox):
    async with connect(sandbox) as api:
        operator, alice = callers(sandbox, api)
        flight = await operator.create_flight()
        booking = (await alice.book(flight)).created()
        before = await advance(operator, "P3D", "three-days")
    sandbox.kill()
    sandbox.start()
    async with connect(sandbox) as api:
        operator, alice = callers(sandbox, api)
        assert datetime.fromisoformat((await alice.get("/sandbox/clock")).ok()["now"]) >= before
        again = await operator.post("/sandbox/clock", {"advance": "P3D"}, key="three-days")
        assert again.replayed
        now = datetime.fromisoformat((await alice.get("/sandbox/clock")).ok()["now"])
        assert now - before < timedelta(days=1)
        assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"
    assert sandbox.run("verify", "--json").returncode == 0


async def data_of(api, token, count):
    """Yield the data of so many events of the stream."""
    headers = {"Authorization": f"Bearer {token}"}
    async with api.session.get(f"{api.url}/api/v1/events/stream?after=0", headers=headers) as stream:
        assert stream.headers["livemode"] == "false"
        while count:
            line = (await stream.content.readline()).decode()
            if line.startswith("data: "):
                count -= 1
                yield line.removeprefix("data: ")


async def test_events_are_streamed_as_those_of_a_sandbox(sandbox):
    async with connect(sandbox) as api:
        operator, _ = callers(sandbox, api)
        await operator.create_flight()
        answer = await operator.get("/events?limit=200")
        assert {event["livemode"] for event in answer.ok()["data"]} == {False}
        events = [json.loads(line) async for line in data_of(api, operator.token, len(answer.ok()["data"]))]
        assert {event["livemode"] for event in events} == {False}


def test_a_live_program_does_not_start_on_a_sandbox(sandbox):
    line = refusal_of(sandbox, sandbox.data, SEATLEDGER_SANDBOX="false")
    assert line == (
        "seatledger: this ledger is a sandbox: start with --sandbox, or name another database or data folder"
    )


def test_a_sandbox_does_not_start_on_a_live_ledger(program, sandbox):
    line = refusal_of(sandbox, program.data)
    assert line == (
        "seatledger: this ledger is live: start without --sandbox, or name another database or data folder"
    )
