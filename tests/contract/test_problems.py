"""Problem documents: a type that resolves, and one shape for all errors."""

import pytest

from tests.contract.samples import unknown_id
from tests.contract.wire import exchange, head


async def refusals(api, alice, operator):
    """Return one answer for each kind of refusal."""
    flight = await operator.create_flight(seats=1)
    booking = (await alice.book(flight)).created()
    return [
        await api.call("GET", "/api/v1/flights"),
        await alice.schedule(),
        await alice.get(f"/bookings/{unknown_id()}"),
        await alice.get(f"/flights/{unknown_id()}"),
        await alice.get("/no-such-thing"),
        await alice.post("/bookings", {"seats": "1"}),
        await alice.post("/bookings", {}, headers={"Content-Type": "text/plain"}),
        await alice.book(flight),
        await alice.pay(booking, {"amount": 1, "currency": "INR"}),
        await alice.cancel(booking, headers={"If-Match": '"v99"'}),
    ]


async def test_the_type_of_every_problem_resolves(api, alice, operator):
    for answer in await refusals(api, alice, operator):
        page = await api.call("GET", answer.body["type"], token=operator.token)
        assert page.status == 200, f"{answer.body['type']} answers {page.status}"
        assert page.body


async def test_a_title_belongs_to_its_type_and_a_detail_to_its_request(api, alice, operator):
    once = await refusals(api, alice, operator)
    again = await refusals(api, alice, operator)
    titles = {}
    for problem in [answer.body for answer in once + again]:
        assert titles.setdefault(problem["type"], problem["title"]) == problem["title"]


async def test_each_kind_of_refusal_has_its_status(api, alice, operator):
    statuses = [answer.status for answer in await refusals(api, alice, operator)]
    assert statuses == [401, 403, 404, 404, 404, 400, 415, 409, 409, 412]


async def test_a_validation_problem_has_pointers_to_the_invalid_fields(alice):
    wrong = {"flight_id": unknown_id(), "user_id": alice.sub, "seats": "1"}
    problem = (await alice.post("/bookings", wrong)).refusal(400)
    assert [error.keys() for error in problem["errors"]] == [{"pointer", "message"}]
    assert problem["errors"][0]["pointer"].endswith("/seats")
    assert problem["errors"][0]["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_an_unsupported_method_is_a_405(api, operator, method):
    answer = await api.call(method, "/api/v1/flights", token=operator.token)
    assert answer.status == 405


def test_a_problem_does_not_reflect_the_query_string(program):
    """Otherwise the author of a link could choose text of the answer."""
    path = "/api/v1/flights?note=%3Cscript%3E-planted"
    status, headers, problem = exchange(program, [head("GET", path)])
    assert (status, headers["content-type"].partition(";")[0]) == (401, "application/problem+json")
    assert "planted" not in str(problem)
