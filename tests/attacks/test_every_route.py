"""Every route with every role: bookings of other clients look unknown."""

import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from litestar import Litestar, get

from api.app import create_app
from ledger.ledger import Ledger
from tests.api.conftest import SETTINGS, client, running, token
from tests.attacks.every_call import Aim, calls
from tests.contract.people import BY_ROLE, mint
from tests.contract.samples import unknown_id

PUBLIC = {
    "GET /api/v1/info",
    "GET /docs",
    "GET /docs/{name}",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /problems/{code}",
}
VICTIM = "a-victim-whose-name-nobody-else-may-read"


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
async def victims(operator):
    """Create a flight per call, on which the victim has a booking and a waiting party."""

    async def make():
        flight = await operator.create_flight(seats=9)
        booking = (await operator.book(flight, user_id=VICTIM)).created()
        party = (await operator.join_waiting_list(flight, 9, user_id=VICTIM)).created()
        return Aim(flight["id"], booking["id"], party["id"], VICTIM)

    return make


async def test_without_a_token_only_public_routes_answer(program, session, document, victims):
    aim = await victims()
    for call in calls(document):
        answer = await call.send(session, program, None, aim)
        assert (answer.status != 401) == (str(call) in PUBLIC) == call.is_public, call
        assert VICTIM not in str(answer), call


@pytest.mark.parametrize("role", BY_ROLE)
async def test_a_role_has_access_exactly_where_the_document_says(
    program, session, document, victims, api, role
):
    person = BY_ROLE[role]
    for call in calls(document):
        if call.is_public:
            continue
        aim = await victims()
        before = await api.position()
        own = Aim(aim.flight_id, aim.booking_id, aim.waiting_id, person.sub)
        answer = await call.send(session, program, person.token(), own)
        assert (answer.status == 403) == (role not in call.roles), (call, answer)
        assert answer.status != 401, call
        if answer.status == 403:
            assert await api.position() == before, call
            assert VICTIM not in str(answer), call


async def test_a_booking_of_another_client_looks_unknown_on_every_route(
    program, session, document, victims, operator, bob, api
):
    tried = 0
    for call in calls(document):
        if "client" not in call.roles:
            continue
        aim = await victims()
        for name in {bob.sub, VICTIM} if call.names_a_booking else {bob.sub}:
            before = await api.position()
            hers = Aim(aim.flight_id, aim.booking_id, aim.waiting_id, name)
            unknown = Aim(aim.flight_id, unknown_id(), unknown_id(), name)
            of_victim = await call.send(session, program, bob.token, hers)
            assert VICTIM not in json.dumps(of_victim.body), call
            if call.names_a_booking:
                of_unknown = await call.send(session, program, bob.token, unknown)
                assert of_victim.status == of_unknown.status in (403, 404), (call, of_victim)
                assert strip_ids(of_victim, hers) == strip_ids(of_unknown, unknown), call
                assert await api.position() == before, call
                tried += 1
        found = (await operator.get(f"/bookings/{aim.booking_id}")).ok()
        assert (found["status"], found["version"], found["user_id"]) == ("initiated", 1, VICTIM), call
        found = await operator.find_party({"id": aim.waiting_id})
        assert (found["status"], found["version"], found["user_id"]) == ("waiting", 1, VICTIM), call
    assert tried >= 10


async def test_no_filter_shows_a_client_bookings_of_other_clients(program, document, victims, bob):
    aim = await victims()
    lists = {"/api/v1/bookings": "initiated", "/api/v1/waitlist": "waiting"}
    assert lists.keys() <= {call.path for call in calls(document) if call.method == "GET"}
    for path, status in lists.items():
        for query in (f"user_id={VICTIM}", f"flight_id={aim.flight_id}", f"status={status}&limit=200"):
            answer = await bob.api.call("GET", f"{path}?{query}", token=bob.token)
            assert answer.status == 200
            assert aim.booking_id not in str(answer.body)
            assert aim.waiting_id not in str(answer.body)
            assert VICTIM not in str(answer.body)


async def test_subjects_that_look_alike_are_different_subjects(program, session, document, victims):
    aim = await victims()
    for lookalike in (
        f"{VICTIM} ",
        f" {VICTIM}",
        VICTIM.upper(),
        f"{VICTIM}\u200b",
        VICTIM.replace("a", "а"),
    ):
        bearer = mint(sub=lookalike, roles=["client"], exp=2**32)
        call = next(call for call in calls(document) if str(call) == "GET /api/v1/bookings/{id}")
        answer = await call.send(session, program, bearer, aim)
        assert answer.status in (401, 404), lookalike


@pytest.mark.parametrize("role", [None, *BY_ROLE])
async def test_a_route_without_declared_roles_is_closed(role):
    @get("/undeclared")
    async def undeclared() -> str:
        return "everything"

    @asynccontextmanager
    async def no_ledger():
        yield Ledger("postgresql://127.0.0.1:1/none", SETTINGS)

    app: Litestar = create_app(SETTINGS, no_ledger)
    app.register(undeclared)
    async with running(app):
        answer = await client(app, token("somebody", role) if role else None).get("/undeclared")
    assert answer.status_code == (403 if role else 401)


def strip_ids(answer, aim):
    """Return status, headers and body without the ids of the request and the booking."""
    changing = ("instance", "request_id")
    body = {name: value for name, value in answer.body.items() if name not in changing}
    headers = {name.lower() for name in answer.headers} - {"date", "x-request-id"}
    return (
        answer.status,
        headers,
        json.dumps(body).replace(aim.booking_id, "<id>").replace(aim.waiting_id, "<id>"),
    )
