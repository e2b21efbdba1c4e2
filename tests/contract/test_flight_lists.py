"""Lists of flights: filters, sort orders, and pages that contain every row exactly once."""

import itertools

import pytest

from tests.contract.samples import next_day, next_route, query, rupees, unknown_id

NOT_LIMITS = ["0", "-1", "201", "1.5", "abc", "", "1_0", "%D9%A5", "5%0A", "99999999999999999999"]
PRICES = [300, 100, 200, 100, 100]


async def schedule_five(operator, route):
    """Schedule five flights of one route on five days, three of them at the same price."""
    return [await operator.create_flight(price=rupees(price), **route) for price in PRICES]


async def find_ids(caller, **filters):
    return [row["id"] for row in (await caller.get("/flights" + query(**filters))).ok()["data"]]


def ids(flights):
    return [flight["id"] for flight in flights]


async def test_a_list_has_rows_and_a_cursor(operator, alice):
    route = next_route()
    flight = await operator.create_flight(**route)
    answer = await alice.get("/flights" + query(**route))
    assert answer.ok().keys() == {"data", "next_cursor"}
    assert answer.body["next_cursor"] is None
    assert "link" not in answer.headers
    [row] = answer.body["data"]
    assert flight.items() <= row.items()


async def test_flights_are_sorted_by_departure_and_by_price(operator, alice):
    route = next_route()
    flights = await schedule_five(operator, route)
    assert await find_ids(alice, **route) == ids(flights)
    assert await find_ids(alice, sort="departs_at", **route) == ids(flights)
    assert await find_ids(alice, sort="-departs_at", **route) == ids(flights)[::-1]
    cost = {flight["id"]: flight["price"]["amount"] for flight in flights}
    inr = {"currency": "INR", **route}
    assert [cost[one] for one in await find_ids(alice, sort="price", **inr)] == sorted(PRICES)
    assert [cost[one] for one in await find_ids(alice, sort="-price", **inr)] == sorted(PRICES)[::-1]


async def test_prices_are_compared_within_one_currency_only(operator, alice):
    route = next_route()
    yen = await operator.create_flight(price={"amount": 40_000, "currency": "JPY"}, **route)
    dinars = await operator.create_flight(price={"amount": 90_000, "currency": "KWD"}, **route)
    cheap, dear = [await operator.create_flight(price=rupees(price), **route) for price in (100, 70_000)]
    for needs in ({"sort": "price"}, {"sort": "-price"}, {"max_price": 50_000}):
        refusal = (await alice.get("/flights" + query(**needs, **route))).refusal(400, "validation-failed")
        assert "currency" in str(refusal["errors"])
    assert await find_ids(alice, sort="price", currency="INR", **route) == ids([cheap, dear])
    assert await find_ids(alice, max_price=50_000, currency="INR", **route) == ids([cheap])
    assert await find_ids(alice, max_price=50_000, currency="JPY", **route) == ids([yen])
    assert await find_ids(alice, currency="KWD", **route) == ids([dinars])
    assert await find_ids(alice, currency="EUR", **route) == []
    assert await find_ids(alice, **route) == ids([yen, dinars, cheap, dear])
    page = (await alice.get("/flights" + query(sort="price", currency="INR", limit=1, **route))).ok()
    for other in ({"currency": "JPY"}, {"currency": "INR", "max_price": 5}):
        moved = {"sort": "price", "cursor": page["next_cursor"], **other, **route}
        (await alice.get("/flights" + query(**moved))).refusal(400)


async def test_pages_contain_every_row_exactly_once(operator, alice):
    route = next_route()
    await schedule_five(operator, route)
    inr = {"currency": "INR", **route}
    for sort, limit in itertools.product(["departs_at", "-departs_at", "price", "-price"], [1, 2, 5, 200]):
        whole = await find_ids(alice, sort=sort, **inr)
        assert len(set(whole)) == len(PRICES)
        assert await collect_pages(alice, sort=sort, limit=limit, **inr) == whole, (sort, limit)


async def collect_pages(caller, **filters):
    """Return the ids of all pages."""
    rows, cursor = [], {}
    while cursor is not None:
        page = (await caller.get("/flights" + query(**filters, **cursor))).ok()
        assert len(page["data"]) <= filters["limit"]
        rows += ids(page["data"])
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] is not None else None
    return rows


async def test_the_link_header_leads_through_the_same_pages(api, operator, alice):
    route = next_route()
    flights = await schedule_five(operator, route)
    path, rows = "/api/v1/flights" + query(limit=2, **route), []
    while path:
        answer = await api.call("GET", path, token=alice.token)
        rows += ids(answer.ok()["data"])
        link = answer.headers.get("link", "")
        assert bool(link) == (answer.body["next_cursor"] is not None)
        assert not link or link.endswith('>; rel="next"')
        path = link.removeprefix("<").partition(">")[0].removeprefix(api.url)
    assert rows == ids(flights)


async def test_flights_are_filtered_by_route_day_price_and_free_seats(operator, alice):
    route, day = next_route(), next_day()
    times = {"departs_at": f"{day}T12:00:00Z", "arrives_at": f"{day}T15:00:00Z"}
    cheap = await operator.create_flight(price=rupees(100), seats=3, **route, **times)
    dear = await operator.create_flight(price=rupees(200), seats=9, **route)
    assert await find_ids(alice, date=day, **route) == [cheap["id"]]
    inr = {"currency": "INR", **route}
    assert await find_ids(alice, max_price=100, **inr) == [cheap["id"]]
    assert await find_ids(alice, max_price=99, **inr) == []
    assert await find_ids(alice, min_seats=3, **route) == [cheap["id"], dear["id"]]
    (await alice.book(cheap, seats=1)).created()
    assert await find_ids(alice, min_seats=3, **route) == [dear["id"]]
    assert await find_ids(alice, min_seats=2, max_price=150, **inr) == [cheap["id"]]
    assert await find_ids(alice, origin=route["destination"], destination=route["origin"]) == []


@pytest.mark.parametrize("limit", NOT_LIMITS)
@pytest.mark.parametrize("path", ["/flights", "/bookings"])
async def test_a_limit_is_between_one_and_two_hundred(alice, path, limit):
    (await alice.get(f"{path}?limit={limit}")).refusal(400)


@pytest.mark.parametrize("path", ["/flights", "/bookings"])
async def test_a_page_has_at_most_fifty_rows_by_default(alice, path):
    assert len((await alice.get(path)).ok()["data"]) <= 50


@pytest.mark.parametrize(
    "filters",
    [
        {"sort": "seats"},
        {"sort": "price;select pg_sleep(2)"},
        {"sort": "price desc"},
        {"origin": "bom"},
        {"origin": "BOM\n"},
        {"origin": "' OR 1=1--"},
        {"destination": "\x00"},
        {"date": "2031-02-30"},
        {"date": "tomorrow"},
        {"date": "2031-05-01\n"},
        {"min_seats": "many"},
        {"max_price": "1.5"},
        {"max_price": "1e400", "currency": "INR"},
        {"currency": "inr"},
        {"currency": "XXX"},
        {"currency": ""},
    ],
    ids=str,
)
async def test_an_invalid_filter_is_a_400(alice, filters):
    (await alice.get("/flights" + query(**filters))).refusal(400)


@pytest.mark.parametrize("number", [-1, 2**53, 2**63, 2**64, 10**30])
async def test_a_huge_number_in_a_filter_is_not_a_500(alice, number):
    for name in ("min_seats", "max_price"):
        assert (await alice.get("/flights" + query(**{name: number}))).status in (200, 400)


async def test_a_forged_cursor_is_a_400(operator, alice, crowd):
    route, [carol] = next_route(), crowd(1)
    flights = await schedule_five(operator, route)
    for flight in flights[:2]:
        (await carol.book(flight)).created()
    of_flights = (await alice.get("/flights" + query(limit=1, **route))).ok()["next_cursor"]
    of_bookings = (await carol.get("/bookings?limit=1")).ok()["next_cursor"]
    for real, path, foreign in (
        (of_flights, "/flights", of_bookings),
        (of_bookings, "/bookings", of_flights),
    ):
        for forged in [*tamper(real), foreign, unknown_id(), "AAAA", "W10", "' OR 1=1--", "\x00", "é"]:
            (await carol.get(path + query(limit=1, cursor=forged))).refusal(400)


def tamper(cursor):
    """Yield the cursor with one letter changed, at four places."""
    for place in (0, len(cursor) // 4, len(cursor) // 2, len(cursor) - 2):
        other = "A" if cursor[place] != "A" else "B"
        yield cursor[:place] + other + cursor[place + 1 :]
