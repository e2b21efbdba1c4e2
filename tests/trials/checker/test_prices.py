"""The checker on prices: bookings keep the parts and policy of their flight, and refunds follow from them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.trials.checker.payment_history import ALICE, CAROL, PAID, REFUNDS, PaymentHistory, held, owed
from tests.trials.checker.samples import FLIGHT, PLAN, at
from tests.trials.checker.test_schedule_changes import MOVED, NOW

PARTS = {"fare": 300, "fee:booking": 51, "tax:GB": 99}
POLICY = {"percentages": {"fare": 50, "tax:*": 100}}
GIVEN_BACK = {"fare": 150, "fee:booking": 0, "tax:GB": 99}
"""The refund of one seat by the policy."""
OTHER = UUID(int=8)


def money(parts: dict[str, int], seats: int = 1) -> dict[str, Any]:
    parts = {code: amount * seats for code, amount in parts.items()}
    return {"amount": sum(parts.values()), "currency": "GBP", "parts": parts}


class PricedHistory(PaymentHistory):
    """The same history with parts of the price, and with a policy for the seat that ALICE gives back."""

    def __init__(self) -> None:
        super().__init__()
        policy = {"cancellation_policy": POLICY}
        self.change("planned", price=money(PARTS), **policy)
        self.change("held", total_cost=money(PARTS, 2), **policy)
        self.change("bob", total_cost=money(PARTS, 2), **policy)
        self.change("fewer", total_cost=money(PARTS))
        self.change("share", amount=money(GIVEN_BACK))
        self.change("bob's money", amount=money(PARTS, 2))
        self.change("rest", amount=money(PARTS))

    def change(self, name: str, **fields: Any) -> None:
        self.events[name]["state"] = self.events[name]["state"] | fields

    def forget_from(self, name: str) -> None:
        self.drop(*list(self.events)[list(self.events).index(name) :])

    def split(self, policy: Any = POLICY, moved: dict[str, int] = PARTS) -> None:
        """Split the booking of ALICE after its flight has lost the policy."""
        self.forget_from("fewer")
        no_policy = {"cancellation_policy": None}
        self.add("policy", FLIGHT, 19, "flight.cancellation_policy_changed", no_policy, "change_policy")
        seats = {"seats": 1, "total_cost": money(PARTS), "moved_seats": 1, "moved_cost": money(moved)}
        self.add("split", ALICE, 20, "booking.split", {"into": str(CAROL), **seats}, "split_booking")
        part = held(20, 1) | {"total_cost": money(moved), "cancellation_policy": policy}
        self.add("part", CAROL, 20, "booking.initiated", part, "split_booking")
        off = {"split_from": str(ALICE), "change": None}
        self.add("off", CAROL, 20, "booking.split_off", off, "split_booking")
        share = PAID | {"amount": money(moved)}
        self.add("share", CAROL, 20, "booking.payment_shared", share, "split_booking")

    def move_and_cancel(self, refund: dict[str, Any]) -> None:
        """Move the booking of ALICE, and cancel it while the change of times awaits an answer."""
        self.forget_from("fewer")
        plan = PLAN | NOW | {"number": "BA119", "price": money(PARTS)}
        self.add("other", OTHER, 19, "flight.scheduled", plan, "schedule_flight")
        moved = MOVED | {"from_flight_id": str(FLIGHT), "flight_id": str(OTHER), "expires_at": at(12)}
        self.add("moved", ALICE, 20, "booking.moved", moved, "move_booking")
        gone = {"reason": "requested", "note": None}
        self.add("gone", ALICE, 21, "booking.cancelled", gone, "cancel_booking")
        self.add("back", ALICE, 21, "booking.refund_due", refund, "cancel_booking")


def test_an_honest_history_has_no_violation() -> None:
    assert PricedHistory().violations() == []


def forget_the_parts_of_a_booking(history: PricedHistory) -> None:
    history.change("held", total_cost={"amount": 900, "currency": "GBP"})


def book_at_other_parts(history: PricedHistory) -> None:
    history.change("held", total_cost=money({"fare": 450, "fee:booking": 0, "tax:GB": 0}, 2))


def book_without_the_policy(history: PricedHistory) -> None:
    del history.events["held"]["state"]["cancellation_policy"]


def give_all_of_the_fee_back_first(history: PricedHistory) -> None:
    history.change("fewer", total_cost=money({"fare": 351, "fee:booking": 0, "tax:GB": 99}))


def ignore_the_policy(history: PricedHistory) -> None:
    history.change("share", amount=money(PARTS))


def keep_the_tax_instead_of_the_fare(history: PricedHistory) -> None:
    history.change("share", amount=money({"fare": 249, "fee:booking": 0, "tax:GB": 0}))


def refund_parts_that_do_not_add_up(history: PricedHistory) -> None:
    history.change("share", amount=money(GIVEN_BACK) | {"parts": GIVEN_BACK | {"fare": 149}})


def apply_the_policy_to_a_cancelled_flight(history: PricedHistory) -> None:
    history.change("rest", amount=money(GIVEN_BACK))


def pay_nothing_back(history: PricedHistory) -> None:
    history.drop("share", "settled")


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (forget_the_parts_of_a_booking, "is not the price"),
        (book_at_other_parts, "is not the price"),
        (book_without_the_policy, "another policy than its flight"),
        (give_all_of_the_fee_back_first, "the price of a seat changes"),
        (ignore_the_policy, "a refund of"),
        (keep_the_tax_instead_of_the_fare, "a refund of"),
        (refund_parts_that_do_not_add_up, "a refund of"),
        (apply_the_policy_to_a_cancelled_flight, "a refund of"),
        (pay_nothing_back, "of 900 captured, 900 is kept"),
    ],
)
def test_a_forged_history_is_caught(forge: Callable[[PricedHistory], None], sentence: str) -> None:
    history = PricedHistory()
    forge(history)
    assert any(sentence in violation for violation in history.violations()), history.violations()


def test_all_money_goes_back_while_a_move_awaits_the_answer() -> None:
    history = PricedHistory()
    history.move_and_cancel(owed(REFUNDS[0], money(PARTS, 2), "booking_cancelled"))
    assert history.violations() == []


def test_a_policy_that_binds_a_moved_customer_is_found() -> None:
    history = PricedHistory()
    history.move_and_cancel(owed(REFUNDS[0], money(GIVEN_BACK, 2), "booking_cancelled"))
    assert any("a refund of" in violation for violation in history.violations())


def test_a_part_of_a_split_booking_keeps_its_policy() -> None:
    history = PricedHistory()
    history.split()
    assert history.violations() == []


@pytest.mark.parametrize(
    ("forged", "sentence"),
    [
        ({"policy": None}, "a part differs"),
        ({"moved": {"fare": 450, "fee:booking": 0, "tax:GB": 0}}, "the money of a split"),
    ],
)
def test_a_split_at_other_terms_is_found(forged: dict[str, Any], sentence: str) -> None:
    history = PricedHistory()
    history.split(**forged)
    assert any(sentence in violation for violation in history.violations()), history.violations()
