"""Rules for the fields of a flight: an invalid value is a 400."""

import pytest

from tests.contract.samples import BA117, next_day, on_own_day, rupees

NOT_NUMBERS = [
    "BA",
    "B1",
    "BA12345",
    "ba117",
    "BA117\n",
    " BA117",
    "BA117AB",
    "BA١١٧",
    "ΒA117",
    "",
    117,
    None,
]
NOT_AIRPORTS = ["bom", "BO", "BOMB", "BOM\n", "BOM ", "B0M", "ВОМ", "ＢＯＭ", "BÖM", "", 7, None, ["BOM"]]
NOT_TIMES = [
    "2031-05-01",
    "2031-05-01T10:00:00",
    "2031-05-01 at ten",
    "2031-13-01T10:00:00Z",
    "2031-02-30T10:00:00Z",
    "2031-05-01T25:00:00Z",
    "2031-05-01T10:00:00+99:00",
    "2031-05-01T10:00:00Z\n",
    "٢٠٣١-05-01T10:00:00Z",
    "0000-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "now",
    "",
    1935396000,
    True,
    None,
]
NOT_SEATS = [0, -1, 1001, 2**31, 2**63, 2**64, "10", True, 10.0, 10.5, None, []]
NOT_AMOUNTS = [0, -1, 2**53, 2**63, 2**64, "450000", True, 4500.0, 0.5, None, []]
NOT_CURRENCIES = ["inr", "IN", "INRR", "INR\n", "ІNR", "I1R", "₹", "", 356, None]
NOT_PRICES = [450000, "450000 INR", [], None, {}, {"amount": 450000}, {"currency": "INR"}]

WRONG = [
    *[("/number", "number", value) for value in NOT_NUMBERS],
    *[("/origin", "origin", value) for value in NOT_AIRPORTS],
    *[("/destination", "destination", value) for value in NOT_AIRPORTS],
    *[("/departs_at", "departs_at", value) for value in NOT_TIMES],
    *[("/arrives_at", "arrives_at", value) for value in NOT_TIMES],
    *[("/seats", "seats", value) for value in NOT_SEATS],
    *[("/price/amount", "price", rupees(value)) for value in NOT_AMOUNTS],
    *[("/price/currency", "price", {"amount": 1, "currency": value}) for value in NOT_CURRENCIES],
    *[("/price", "price", value) for value in NOT_PRICES],
]


@pytest.mark.parametrize(("pointer", "field", "value"), WRONG, ids=lambda value: ascii(value)[:40])
async def test_an_invalid_field_is_a_400_with_its_pointer(operator, pointer, field, value):
    problem = (await operator.schedule(**{field: value})).refusal(400)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert any(pointer in candidate for candidate in pointers), f"{pointers} never point at {pointer}"


@pytest.mark.parametrize("field", [*BA117, "departs_at", "arrives_at"])
async def test_every_field_of_a_flight_is_required(operator, field):
    plan = on_own_day(BA117)
    del plan[field]
    (await operator.post("/flights", plan)).refusal(400)


async def test_origin_and_destination_must_differ(operator):
    (await operator.schedule(origin="BOM", destination="BOM")).refusal(400)


@pytest.mark.parametrize("arrives", ["10:00:00Z", "09:59:59Z", "15:30:00+05:30", "15:29:59+05:30"])
async def test_arrival_must_be_after_departure(operator, arrives):
    day = next_day()
    times = {"departs_at": f"{day}T10:00:00Z", "arrives_at": f"{day}T{arrives}"}
    (await operator.schedule(**times)).refusal(400)


async def test_arrival_and_departure_are_compared_as_instants(operator):
    day = next_day()
    times = {"departs_at": f"{day}T12:00:00+05:30", "arrives_at": f"{day}T11:00:00+01:00"}
    assert (await operator.schedule(**times)).status == 201


@pytest.mark.parametrize(
    "edge", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z"]
)
async def test_times_at_the_limits_of_the_calendar_are_never_a_500(operator, edge):
    for field in ("departs_at", "arrives_at"):
        assert (await operator.schedule(**{field: edge})).status in (201, 400, 409)


@pytest.mark.parametrize("number", ["9W1", "BA1234A", "U28", "BA0117"])
async def test_short_and_long_flight_numbers_are_accepted(operator, number):
    assert (await operator.create_flight(number=number))["number"] == number


@pytest.mark.parametrize("seats", [1, 1000])
async def test_flights_have_one_to_a_thousand_seats(operator, seats):
    assert (await operator.create_flight(seats=seats))["seats"] == seats


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("price", {"price": rupees(0)}),
        ("price", {"price": rupees(-1)}),
        ("price", {"price": rupees("1")}),
        ("price", {"price": rupees(2**64)}),
        ("price", {"amount": 1, "currency": "INR"}),
        ("price", {}),
        ("seats", {"seats": 0}),
        ("seats", {"seats": 1001}),
        ("seats", {"seats": "5"}),
        ("seats", {"seats": True}),
        ("seats", {"seats": 2**64}),
        ("seats", {}),
        ("seats", {"seats": 5, "why": "smaller aeroplane"}),
    ],
)
async def test_changes_of_a_flight_follow_the_rules_of_scheduling(operator, path, body):
    flight = await operator.create_flight()
    (await operator.post(f"/flights/{flight['id']}/{path}", body)).refusal(400)
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == flight


async def test_the_highest_price_is_stored_exactly(operator, alice):
    dearest = rupees(2**53 - 1)
    flight = await operator.create_flight(price=dearest)
    assert flight["price"] == dearest
    assert (await alice.book(flight)).created()["total_cost"] == dearest


async def test_a_total_above_the_maximum_amount_is_refused(operator, alice):
    flight = await operator.create_flight(price=rupees(2**53 - 1))
    answer = await alice.book(flight, seats=2)
    assert 400 <= answer.status < 500, answer
    assert await alice.count_seats(flight) == (0, 0, 10)
