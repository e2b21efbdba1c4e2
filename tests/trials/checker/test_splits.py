"""The checker on splits and passengers: no seat, minor unit or passenger is lost, or in both parts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.trials.checker.payment_history import (
    ALICE,
    CAROL,
    PAID,
    REFUNDS,
    PaymentHistory,
    held,
    owed,
    reason,
)
from tests.trials.checker.samples import FLIGHT, PLAN, at

PRICE = 335
"""The price of a seat; the payment of three seats is 1005."""

ADULT, CHILD, OTHER_ADULT, INFANT = (
    {"id": str(UUID(int=40 + number)), "given_name": "sealed", "family_name": "sealed", "type": kind}
    for number, kind in enumerate(("adult", "child", "adult", "infant_on_lap"))
)
PARTY = [ADULT, CHILD, OTHER_ADULT, INFANT]
LEAVING, STAYING = [OTHER_ADULT], [ADULT, CHILD, INFANT]
SPLIT = "split_booking"


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}


class SplitHistory(PaymentHistory):
    """ALICE books three seats for a party, pays, and splits one adult off as CAROL. Both cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.drop(*self.events)
        self.add("planned", FLIGHT, 1, "flight.scheduled", PLAN | {"price": money(PRICE)}, "schedule_flight")
        self.add("held", ALICE, 2, "booking.initiated", self.hold(2, 3), "initiate_booking")
        self.add("named", ALICE, 2, "booking.passengers_named", {"passengers": PARTY}, "initiate_booking")
        capture = {"amount": money(3 * PRICE), "capture": "automatic", "capture_before": None}
        self.add("pays", ALICE, 4, "booking.payment_pending", PAID | capture, "pay_booking")
        self.add("booked", ALICE, 4, "booking.booked", PAID, "pay_booking")
        self.split()
        self.cancel("carol", CAROL, 8, REFUNDS[0], PRICE)
        self.cancel("alice", ALICE, 9, REFUNDS[1], 2 * PRICE)

    @staticmethod
    def hold(second: float, seats: int) -> dict[str, Any]:
        return held(second, seats) | {"total_cost": money(PRICE * seats), "expires_at": at(12)}

    def split(self) -> None:
        seats = {"seats": 2, "total_cost": money(2 * PRICE), "moved_seats": 1, "moved_cost": money(PRICE)}
        self.add("split", ALICE, 6, "booking.split", {"into": str(CAROL), **seats}, SPLIT)
        self.add("staying", ALICE, 6, "booking.passengers_named", {"passengers": STAYING}, SPLIT)
        self.add("part", CAROL, 6, "booking.initiated", self.hold(2, 1), SPLIT)
        off = {"split_from": str(ALICE), "change": None}
        self.add("off", CAROL, 6, "booking.split_off", off, SPLIT)
        self.add("leaving", CAROL, 6, "booking.passengers_named", {"passengers": LEAVING}, SPLIT)
        share = PAID | {"amount": money(PRICE), "capture": "automatic"}
        self.add("share", CAROL, 6, "booking.payment_shared", share, SPLIT)

    def cancel(self, name: str, booking: UUID, second: float, refund: str, amount: int) -> None:
        self.add(f"{name} goes", booking, second, "booking.cancelled", reason("requested"), "cancel_booking")
        due = owed(refund, money(amount), "booking_cancelled")
        self.add(f"{name}'s money", booking, second, "booking.refund_due", due, "cancel_booking")

    def change(self, name: str, **fields: Any) -> None:
        self.events[name]["state"] = self.events[name]["state"] | fields


def test_an_honest_split_has_no_violation() -> None:
    assert SplitHistory().violations() == []


def test_an_honest_split_of_a_hold_has_no_violation() -> None:
    history = SplitHistory()
    history.drop("pays", "booked", "share", "carol's money", "alice's money")
    assert history.violations() == []


def lose_a_seat(history: SplitHistory) -> None:
    history.change("split", seats=1)


def double_a_seat(history: SplitHistory) -> None:
    history.change("split", seats=3)


def move_no_seat(history: SplitHistory) -> None:
    history.change("split", moved_seats=0, seats=3)


def give_the_part_a_seat_more(history: SplitHistory) -> None:
    history.change("part", seats=2)


def lose_a_minor_unit(history: SplitHistory) -> None:
    history.change("split", total_cost=money(2 * PRICE - 1))


def make_a_minor_unit(history: SplitHistory) -> None:
    history.change("split", total_cost=money(2 * PRICE + 1))


def move_a_minor_unit_too_much(history: SplitHistory) -> None:
    history.change("split", total_cost=money(2 * PRICE - 1), moved_cost=money(PRICE + 1))


def keep_all_money_with_the_whole(history: SplitHistory) -> None:
    history.change("split", total_cost=money(3 * PRICE))


def lose_a_minor_unit_on_the_way(history: SplitHistory) -> None:
    history.change("part", total_cost=money(PRICE - 1))


def share_less_of_the_payment(history: SplitHistory) -> None:
    history.change("share", amount=money(PRICE - 1))


def share_another_payment(history: SplitHistory) -> None:
    history.change("share", payment_id=str(UUID(int=21)))


def refund_a_minor_unit_less(history: SplitHistory) -> None:
    history.change("carol's money", amount=money(PRICE - 1))


def refund_all_to_both(history: SplitHistory) -> None:
    history.change("alice's money", amount=money(3 * PRICE))


def lose_a_passenger(history: SplitHistory) -> None:
    history.change("staying", passengers=[ADULT, CHILD])


def take_a_passenger_into_both_parts(history: SplitHistory) -> None:
    history.change("leaving", passengers=[ADULT])


def move_an_infant_into_both_parts(history: SplitHistory) -> None:
    history.change("leaving", passengers=[OTHER_ADULT, INFANT])


def bring_a_stranger(history: SplitHistory) -> None:
    history.change("leaving", passengers=[OTHER_ADULT | {"id": str(UUID(int=49))}])


def leave_the_passengers_of_the_whole(history: SplitHistory) -> None:
    history.change("staying", passengers=PARTY)


def name_a_passenger_too_many(history: SplitHistory) -> None:
    history.change("named", passengers=[*PARTY, ADULT | {"id": str(UUID(int=49))}])


def name_a_passenger_too_few(history: SplitHistory) -> None:
    history.change("named", passengers=[ADULT, CHILD, INFANT])


def make_no_part(history: SplitHistory) -> None:
    history.drop("part", "off", "leaving", "share", "carol goes", "carol's money")


def make_a_part_of_another(history: SplitHistory) -> None:
    history.change("split", into=str(UUID(int=14)))


def make_a_part_of_another_user(history: SplitHistory) -> None:
    history.change("part", user_id="bob")


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (lose_a_seat, "the seats of a split are not the 3 before it"),
        (double_a_seat, "the seats of a split are not the 3 before it"),
        (move_no_seat, "the seats of a split are not the 3 before it"),
        (give_the_part_a_seat_more, "a part differs from what left"),
        (lose_a_minor_unit, "the money of a split is not the 1005 before it"),
        (make_a_minor_unit, "the money of a split is not the 1005 before it"),
        (move_a_minor_unit_too_much, "the money of a split is not the 1005 before it"),
        (keep_all_money_with_the_whole, "the money of a split is not the 1005 before it"),
        (lose_a_minor_unit_on_the_way, "a part differs from what left"),
        (share_less_of_the_payment, "the share is not the cost"),
        (share_another_payment, "a share in no payment"),
        (refund_a_minor_unit_less, "a refund of"),
        (refund_all_to_both, "a refund of"),
        (lose_a_passenger, "the passengers of a split are not those before it"),
        (take_a_passenger_into_both_parts, "the passengers of a split are not those before it"),
        (move_an_infant_into_both_parts, "the passengers of a split are not those before it"),
        (bring_a_stranger, "the passengers of a split are not those before it"),
        (leave_the_passengers_of_the_whole, "a booking of 2 seats has other passengers"),
        (name_a_passenger_too_many, "a booking of 3 seats has other passengers"),
        (name_a_passenger_too_few, "a booking of 3 seats has other passengers"),
        (make_no_part, "of a split is never made"),
        (make_a_part_of_another, "a booking is a part of none"),
        (make_a_part_of_another_user, "a part differs from what left"),
    ],
)
def test_a_forged_split_is_caught(forge: Callable[[SplitHistory], None], sentence: str) -> None:
    history = SplitHistory()
    forge(history)
    assert any(sentence in violation for violation in history.violations()), history.violations()
