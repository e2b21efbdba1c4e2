"""Parts of money: each division adds up to the minor unit, and no share exceeds its part."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import price_parts
from domain.cancellation_policy import CancellationPolicy
from domain.money import AMOUNT_MAX, Money, total

CODES = ["fare", "tax:GB", "tax:UB", "fee:booking", "fee:card"]
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
PARTS = {"fare": 333, "fee:booking": 10, "tax:GB": 100}

parts = st.dictionaries(st.sampled_from(CODES), st.integers(0, AMOUNT_MAX // len(CODES))).map(
    lambda some: {"fare": 0} | some
)
percentages = st.dictionaries(st.sampled_from([*CODES, "tax:*", "fee:*"]), st.integers(0, 100))


@given(parts, st.data())
def test_shares_add_up_and_none_exceeds_its_part(whole: dict[str, int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(whole.values())))
    shares = price_parts.divide(whole, amount)
    assert sum(shares.values()) == amount
    assert shares.keys() == whole.keys()
    assert all(0 <= shares[code] <= whole[code] for code in whole)


def test_the_remainder_of_a_division_goes_to_the_fare() -> None:
    assert price_parts.divide({"fare": 100, "tax:GB": 100, "tax:UB": 100}, 100) == {
        "fare": 34,
        "tax:GB": 33,
        "tax:UB": 33,
    }


def test_the_remainder_goes_elsewhere_if_the_fare_is_whole() -> None:
    assert price_parts.divide({"fare": 0, "tax:GB": 100, "tax:UB": 100}, 199) == {
        "fare": 0,
        "tax:GB": 100,
        "tax:UB": 99,
    }


@given(parts, percentages)
def test_a_policy_gives_no_part_back_more_than_once(whole: dict[str, int], some: dict[str, int]) -> None:
    paid = Money(sum(whole.values()), "GBP", whole)
    refund = CancellationPolicy(None, some).refund_of(paid, NOON)
    assert refund.adds_up
    assert refund.parts is not None
    assert all(0 <= refund.parts[code] <= whole[code] for code in whole)
    kept = paid.less(refund)
    assert kept.adds_up
    assert kept.amount + refund.amount == paid.amount


def test_whole_units_that_rounding_leaves_over_go_to_the_fare() -> None:
    paid = Money(666, "GBP", {"fare": 333, "tax:GB": 333})
    refund = CancellationPolicy(None, {"fare": 50, "tax:*": 50}).refund_of(paid, NOON)
    assert refund == Money(333, "GBP", {"fare": 167, "tax:GB": 166})


@pytest.mark.parametrize("fare", [0, 100])
def test_a_fare_that_is_refunded_not_at_all_or_wholly_takes_no_remainder(fare: int) -> None:
    paid = Money(300, "GBP", {"fare": 100, "fee:a": 95, "tax:GB": 105})
    refund = CancellationPolicy(None, {"fare": fare, "fee:*": 50, "tax:*": 50}).refund_of(paid, NOON)
    assert refund.parts == {"fare": fare, "fee:a": 47, "tax:GB": 52}


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        (CancellationPolicy(), 443, 443),
        (CancellationPolicy(NOON), 443, 0),
        (CancellationPolicy(None, {"fare": 50}), 166, 166),
        (CancellationPolicy(NOON, {"fare": 50, "tax:*": 100}), 266, 0),
        (CancellationPolicy(NOON, {"fare": 100, "tax:*": 100}, {"tax:*": 100}), 433, 100),
        (CancellationPolicy(NOON, {"fare": 0, "tax:*": 100, "tax:GB": 10, "fee:*": 50}), 15, 0),
        (CancellationPolicy(NOON, {}, {"fare": 100}), 0, 333),
    ],
)
def test_a_policy_gives_back_one_share_before_its_time_and_another_after(
    policy: CancellationPolicy, before: int, after: int
) -> None:
    paid = Money(443, "GBP", PARTS)
    assert policy.refund_of(paid, NOON - timedelta(microseconds=1)).amount == before
    assert policy.refund_of(paid, NOON).amount == after


def test_a_price_without_parts_is_all_fare() -> None:
    policy = CancellationPolicy(None, {"fare": 33, "tax:*": 100})
    assert policy.refund_of(Money(101, "GBP"), NOON) == Money(33, "GBP")


def test_a_total_has_parts_if_all_amounts_have_parts() -> None:
    first, second = Money(443, "GBP", PARTS), Money(8, "GBP", {"fare": 5, "tax:US": 3})
    sums = {"fare": 338, "fee:booking": 10, "tax:GB": 100, "tax:US": 3}
    assert total([first, second]) == Money(451, "GBP", sums)
    assert total([first, second.whole]) == Money(451, "GBP")


def test_a_payment_states_all_parts_or_none() -> None:
    cost = Money(443, "GBP", PARTS)
    assert cost.settles(cost)
    assert cost.whole.settles(cost)
    assert not Money(443, "EUR", PARTS).settles(cost)
    assert not Money(443, "GBP", {"fare": 443}).settles(cost)
    assert not cost.settles(cost.whole)
