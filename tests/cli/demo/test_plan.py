"""The plan of a day's sales is repeatable and covers every choice."""

from cli.demo.plan import POPULAR_FLIGHTS, CustomerChoice, Purchase, plan_purchases

FLIGHTS = [f"flight-{number}" for number in range(300)]


def a_day(seed: int = 7) -> list[Purchase]:
    return plan_purchases(FLIGHTS, orders=1_500, customers=400, seed=seed)


def test_the_same_seed_makes_the_same_day() -> None:
    assert a_day() == a_day()
    assert a_day() != a_day(seed=8)


def test_parties_are_one_to_nine_and_mostly_small() -> None:
    parties = [order.seats for order in a_day()]
    assert set(parties) <= set(range(1, 10))
    assert sum(size <= 2 for size in parties) > len(parties) / 2


def test_every_fate_happens() -> None:
    assert {order.choice for order in a_day()} == set(CustomerChoice)
    assert {order.impatient for order in a_day()} == {True, False}


def test_a_few_flights_get_more_than_half_of_the_orders() -> None:
    orders_by_flight = [order.flight_id for order in a_day()]
    busiest = sorted((orders_by_flight.count(flight) for flight in FLIGHTS), reverse=True)
    assert sum(busiest[:POPULAR_FLIGHTS]) > 750


def test_customers_are_those_there_are() -> None:
    assert {order.customer for order in a_day()} <= set(range(400))
