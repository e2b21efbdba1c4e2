"""The judge on money and seats that come and go: silent about the honest tale, loud about each forged one."""

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
    Tale,
    authorised,
    because,
    held,
    owed,
)
from tests.trials.checker.samples import COST, FLIGHT, START, at


def test_an_honest_history_is_beyond_reproach() -> None:
    tale = Tale()
    payment = PAID | {"status": "pending", "capture_before": at(15)}
    row = {"id": str(ALICE), **held(2), "created_at": at(2)}
    tale.show(
        "booking", "", 5, row | {"status": "pending", "version": 4, "updated_at": at(5), "payment": payment}
    )
    due = {"booking_id": str(BOB), "flight_id": str(FLIGHT), "user_id": "somebody", "payment_id": PAYMENT}
    due |= {"id": REFUNDS[1], "amount": COST, "reason": "late_payment", "status": "due", "due_at": at(25)}
    body = {"data": [due | {"settled_at": None, "reference": None, "gateway": None, "refusal": None}]}
    tale.show("refunds", "/refunds?status=due&limit=30", 15, body)
    assert tale.judged() == []


def forget_what_is_owed(tale: Tale) -> None:
    tale.drop("rest")


def owe_too_much(tale: Tale) -> None:
    tale.events["rest"]["state"] = owed(REFUNDS[2], COST, "flight_cancelled")


def settle_twice(tale: Tale) -> None:
    tale.events["once more"] = tale.events["settled"] | {"key": "again"}


def lose_late_money(tale: Tale) -> None:
    tale.events["bob's money"].update(topic="booking.payment_voided", state=PAID | {"reason": "no"})


def refund_what_never_came(tale: Tale) -> None:
    tale.events["bob's money"]["state"] = owed(REFUNDS[1], COST, "booking_cancelled")


def charge_twice(tale: Tale) -> None:
    tale.drop("voided")


def take_seats_that_are_gone(tale: Tale) -> None:
    later = {name: tale.events.pop(name) for name in list(tale.events)[6:]}
    tale.tell("carol", CAROL, 17, "booking.initiated", held(17), "initiate_booking")
    tale.events |= later


def seat_again_who_cancelled(tale: Tale) -> None:
    tale.events["lapsed"]["state"] = because("requested")


def owe_where_there_were_seats(tale: Tale) -> None:
    tale.drop(*list(tale.events)[6:])
    late = owed(REFUNDS[1], COST, "late_payment")
    tale.tell("late", ALICE, 18, "booking.refund_due", late, "capture_payment")


def capture_late_as_if_in_time(tale: Tale) -> None:
    tale.drop("lapsed", "reseated")


def lapse_too_early(tale: Tale) -> None:
    tale.events["lapsed"]["recorded_at"] = START + timedelta(seconds=14)


def shorten_the_hold(tale: Tale) -> None:
    tale.events["authorised"]["state"] = authorised(11)


def give_more_seats(tale: Tale) -> None:
    tale.events["fewer"]["state"] = {"seats": 3, "total_cost": HALF}


def outlive_the_flight(tale: Tale) -> None:
    tale.drop("grounded", "rest")


def leave_the_flight_for_later(tale: Tale) -> None:
    for name in ("grounded", "rest"):
        tale.events[name]["recorded_at"] += timedelta(seconds=1)


def fly_without_a_flight(tale: Tale) -> None:
    tale.drop("ash")


def book_what_is_cancelled(tale: Tale) -> None:
    tale.tell("carol", CAROL, 31, "booking.initiated", held(31), "initiate_booking")


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (forget_what_is_owed, "of 900 captured, 450 is kept"),
        (owe_too_much, "of 900 captured, -450 is kept"),
        (settle_twice, "a refund is settled twice"),
        (lose_late_money, "captured, and neither booked nor owed"),
        (refund_what_never_came, "of 0 captured, -900 is kept"),
        (charge_twice, "charged twice"),
        (take_seats_that_are_gone, "is oversold by 1"),
        (seat_again_who_cancelled, "is seated again"),
        (owe_where_there_were_seats, "late money is owed, although"),
        (capture_late_as_if_in_time, "although it was late"),
        (lapse_too_early, "a hold expires before its end"),
        (shorten_the_hold, "before the hold would have"),
        (give_more_seats, "2 seats become 3"),
        (outlive_the_flight, "outlive their flight"),
        (leave_the_flight_for_later, "outlive their flight"),
        (fly_without_a_flight, "with a flight that is not"),
        (book_what_is_cancelled, "a cancelled flight is booked"),
    ],
)
def test_the_judge_sees(forge: Callable[[Tale], None], sentence: str) -> None:
    tale = Tale()
    forge(tale)
    assert any(sentence in violation for violation in tale.judged()), tale.judged()
