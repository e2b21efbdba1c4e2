"""The checker on money and seats: silent about the honest history, and loud about each forged one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.trials.checker.payment_history import (
    ALICE,
    BOB,
    CAROL,
    HALF,
    PAID,
    PAYMENT,
    REFUNDS,
    PaymentHistory,
    authorised,
    held,
    owed,
    reason,
)
from tests.trials.checker.samples import COST, FLIGHT, START, at


def test_an_honest_history_has_no_violation() -> None:
    history = PaymentHistory()
    payment = PAID | {"status": "pending", "capture_before": at(15)}
    row = {
        "id": str(ALICE),
        "reference": "VHRN26",
        "travel": None,
        "schedule_change": None,
        "passengers": [],
        "split_from": None,
        **held(2),
        "created_at": at(2),
    }
    history.show(
        "booking", "", 5, row | {"status": "pending", "version": 4, "updated_at": at(5), "payment": payment}
    )
    due = {"booking_id": str(BOB), "flight_id": str(FLIGHT), "user_id": "customer", "payment_id": PAYMENT}
    due |= {"id": REFUNDS[1], "amount": COST, "reason": "late_payment", "status": "due", "due_at": at(25)}
    body = {"data": [due | {"settled_at": None, "reference": None, "gateway": None, "refusal": None}]}
    history.show("refunds", "/refunds?status=due&limit=30", 15, body)
    assert history.violations() == []


def drop_a_due_refund(history: PaymentHistory) -> None:
    history.drop("rest")


def owe_too_much(history: PaymentHistory) -> None:
    history.events["rest"]["state"] = owed(REFUNDS[2], COST, "flight_cancelled")


def settle_twice(history: PaymentHistory) -> None:
    history.events["once more"] = history.events["settled"] | {"key": "again"}


def lose_late_money(history: PaymentHistory) -> None:
    history.events["bob's money"].update(topic="booking.payment_voided", state=PAID | {"reason": "no"})


def refund_money_that_never_came(history: PaymentHistory) -> None:
    history.events["bob's money"]["state"] = owed(REFUNDS[1], COST, "booking_cancelled")


def charge_twice(history: PaymentHistory) -> None:
    history.drop("voided")


def take_seats_that_are_gone(history: PaymentHistory) -> None:
    later = {name: history.events.pop(name) for name in list(history.events)[6:]}
    history.add("carol", CAROL, 17, "booking.initiated", held(17), "initiate_booking")
    history.events |= later


def seat_a_cancelled_booking_again(history: PaymentHistory) -> None:
    history.events["lapsed"]["state"] = reason("requested")


def owe_where_there_were_seats(history: PaymentHistory) -> None:
    history.drop(*list(history.events)[6:])
    late = owed(REFUNDS[1], COST, "late_payment")
    history.add("late", ALICE, 18, "booking.refund_due", late, "capture_payment")


def capture_late_as_if_in_time(history: PaymentHistory) -> None:
    history.drop("lapsed", "reseated")


def lapse_too_early(history: PaymentHistory) -> None:
    history.events["lapsed"]["recorded_at"] = START + timedelta(seconds=14)


def shorten_the_hold(history: PaymentHistory) -> None:
    history.events["authorised"]["state"] = authorised(11)


def give_more_seats(history: PaymentHistory) -> None:
    history.events["fewer"]["state"] = {"seats": 3, "total_cost": HALF}


def outlive_the_flight(history: PaymentHistory) -> None:
    history.drop("grounded", "rest")


def leave_the_flight_for_later(history: PaymentHistory) -> None:
    for name in ("grounded", "rest"):
        history.events[name]["recorded_at"] += timedelta(seconds=1)


def fly_without_a_flight(history: PaymentHistory) -> None:
    history.drop("ash")


def book_a_cancelled_flight(history: PaymentHistory) -> None:
    history.add("carol", CAROL, 31, "booking.initiated", held(31), "initiate_booking")


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (drop_a_due_refund, "of 900 captured, 450 is kept"),
        (owe_too_much, "of 900 captured, -450 is kept"),
        (settle_twice, "a refund is settled twice"),
        (lose_late_money, "captured, and neither booked nor owed"),
        (refund_money_that_never_came, "of 0 captured, -900 is kept"),
        (charge_twice, "charged twice"),
        (take_seats_that_are_gone, "is oversold by 1"),
        (seat_a_cancelled_booking_again, "is seated again"),
        (owe_where_there_were_seats, "late money is owed, although"),
        (capture_late_as_if_in_time, "although it was late"),
        (lapse_too_early, "a hold expires before its end"),
        (shorten_the_hold, "before the hold would have"),
        (give_more_seats, "2 seats become 3"),
        (outlive_the_flight, "outlive their flight"),
        (leave_the_flight_for_later, "outlive their flight"),
        (fly_without_a_flight, "with a flight that is not"),
        (book_a_cancelled_flight, "a cancelled flight is booked"),
    ],
)
def test_a_forged_history_is_caught(forge: Callable[[PaymentHistory], None], sentence: str) -> None:
    history = PaymentHistory()
    forge(history)
    assert any(sentence in violation for violation in history.violations()), history.violations()
