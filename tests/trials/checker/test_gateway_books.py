"""The judge of the gateway drill: silent about an honest till, and loud about each forged one."""

from collections.abc import Callable

import msgspec
import pytest

from tests.trials.checker.gateway_history import (
    ANN,
    BEN,
    CAT,
    COST,
    DAN,
    EVE,
    FLIGHT,
    Till,
    booking_of,
    money,
    paid,
)
from trials.drills.gateway.judge import Count


def test_an_honest_till_is_beyond_reproach() -> None:
    assert Till().judged() == []


def charge_for_nobody(till: Till) -> None:
    till.intents["stranger"] = till.intents[BEN] | {"id": "pi_x", "payment_id": None}


def charge_what_was_not_asked(till: Till) -> None:
    till.intents[BEN]["amount"] = COST + 1


def charge_for_another_booking(till: Till) -> None:
    till.intents[BEN]["booking_id"] = str(booking_of(ANN))


def capture_twice(till: Till) -> None:
    till.intents["again"] = till.intents[ANN] | {"id": "pi_again"}


def hold_money_for_ever(till: Till) -> None:
    till.intents["second"] = till.intents[ANN] | {"id": "pi_2", "status": "requires_capture", "captured": 0}


def capture_what_was_let_go(till: Till) -> None:
    till.intents[CAT].update(status="succeeded", captured=COST)


def book_what_never_came(till: Till) -> None:
    till.intents[ANN].update(status="canceled", captured=0)


def capture_a_paisa_less(till: Till) -> None:
    till.intents[ANN]["captured"] = COST - 1


def capture_another_charge(till: Till) -> None:
    till.intents[ANN]["id"] = "pi_other"


def leave_a_payment_open(till: Till) -> None:
    till.drop(CAT, "payment_voided")


def decline_what_was_authorised(till: Till) -> None:
    till.intents[BEN]["status"] = "canceled"


def let_go_what_was_declined(till: Till) -> None:
    till.intents[CAT]["status"] = "requires_payment_method"


def refund_for_nobody(till: Till) -> None:
    till.refunds[DAN]["refund_id"] = None


def refund_twice(till: Till) -> None:
    till.refunds["again"] = till.refunds[DAN] | {"id": "re_again"}
    till.intents[DAN]["refunded"] = 2 * COST


def settle_twice(till: Till) -> None:
    till.events.append(till.event(DAN, "refund_settled"))


def settle_what_was_not_paid(till: Till) -> None:
    till.refunds.clear()
    till.intents[DAN]["refunded"] = 0


def pay_back_unrecorded(till: Till) -> None:
    till.drop(DAN, "refund_settled")


def pay_back_less(till: Till) -> None:
    till.refunds[DAN]["amount"] = till.intents[DAN]["refunded"] = COST - 1


def pay_back_from_another_charge(till: Till) -> None:
    till.refunds[DAN]["intent"] = "pi_eve"


def keep_wrong_books(till: Till) -> None:
    till.intents[ANN]["refunded"] = 1


def forget_what_is_owed(till: Till) -> None:
    till.drop(EVE, "refund_due")


def sell_seats_dearer(till: Till) -> None:
    till.event(EVE, "seats_reduced")["state"]["total_cost"] = money(COST // 2 + 1)


def hold_a_seat_for_ever(till: Till) -> None:
    till.counts = [Count(FLIGHT, 10, 1, 3)]


def count_wrong(till: Till) -> None:
    till.counts = [Count(FLIGHT, 10, 0, 2)]


def oversell(till: Till) -> None:
    till.counts = [Count(FLIGHT, 2, 0, 3)]


def leave_a_booking_open(till: Till) -> None:
    till.drop(BEN, "cancelled")


def acknowledge_and_forget(till: Till) -> None:
    till.answer("fay", "pay_booking", 201, paid(ANN, "booked"))


def tell_of_another_payment(till: Till) -> None:
    till.calls[0] = msgspec.structs.replace(till.calls[0], text=msgspec.json.encode(paid(CAT, "")).decode())


def tell_booked_for_declined(till: Till) -> None:
    text = msgspec.json.encode(paid(BEN, "booked")).decode()
    till.calls[1] = msgspec.structs.replace(till.calls[1], status=201, text=text)


def refuse_what_is_booked(till: Till) -> None:
    till.calls[0] = msgspec.structs.replace(till.calls[0], status=409, text="{}")


def decline_for_another_reason(till: Till) -> None:
    till.calls[1] = msgspec.structs.replace(till.calls[1], text='{"reason": "insufficient_funds"}')


def say_void_and_keep_it(till: Till) -> None:
    till.drop(CAT, "payment_voided")


def say_captured_and_owe_nothing(till: Till) -> None:
    till.drop(DAN, "refund_due")
    till.drop(DAN, "refund_settled")
    till.calls.pop()


def say_settled_otherwise(till: Till) -> None:
    till.event(DAN, "refund_settled")["state"]["reference"] = "re_other"


def answer_otherwise_later(till: Till) -> None:
    till.calls.append(msgspec.structs.replace(till.calls[0], text="{}"))


def break_down(till: Till) -> None:
    till.answer("fay", "pay_booking", 500, {})


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (charge_for_nobody, "nobody asked for pi_x"),
        (charge_what_was_not_asked, "pi_ben .* is not what was asked for"),
        (charge_for_another_booking, "pi_ben .* is not what was asked for"),
        (capture_twice, "is captured 2 times"),
        (hold_money_for_ever, "is booked, and money is still held for it"),
        (capture_what_was_let_go, "is let go in the log, 0 came; the books say pi_cat"),
        (book_what_never_came, "is booked in the log, 900 came; the books say pi_ann"),
        (capture_a_paisa_less, "is booked in the log, 900 came; the books say pi_ann"),
        (capture_another_charge, "came by pi_ann in the log; the books say pi_other"),
        (leave_a_payment_open, "has no end in the log"),
        (decline_what_was_authorised, "is declined in the log; the books say pi_ben"),
        (let_go_what_was_declined, "is let go in the log; the books say pi_cat"),
        (refund_for_nobody, "nobody asked for BookedRefund"),
        (refund_twice, "is settled by .'re_dan'. in the log; the books say .*re_again"),
        (settle_twice, "is settled 2 times in the log"),
        (settle_what_was_not_paid, r"is settled by .'re_dan'. in the log; the books say \[\]"),
        (pay_back_unrecorded, r"is settled by \[\] in the log; the books say .*re_dan"),
        (pay_back_less, "re_dan.* is not what was due"),
        (pay_back_from_another_charge, "re_dan.* is not what was due"),
        (keep_wrong_books, "0 went back of pi_ann"),
        (forget_what_is_owed, "900 is at the gateway, 450 is kept or still due"),
        (sell_seats_dearer, "all together: 1800 is at the gateway, 1801 is kept or still due"),
        (hold_a_seat_for_ever, "held=1.* is counted; bookings have 3 seats"),
        (count_wrong, "booked=2.* is counted; bookings have 3 seats"),
        (oversell, "seats=2.* is counted; bookings have 3 seats"),
        (leave_a_booking_open, "is neither booked nor ended"),
        (acknowledge_and_forget, "acknowledged, and not in the log: pay_booking by fay"),
        (tell_of_another_payment, "another payment in the log: pay_booking by ann"),
        (tell_booked_for_declined, "the payment is declined in the log: pay_booking by ben"),
        (refuse_what_is_booked, "refused, and booked in the log: pay_booking by ann"),
        (decline_for_another_reason, "declined for generic_decline in the log: pay_booking by ben"),
        (say_void_and_keep_it, "the booking's log has no payment_voided: void_payment by cat"),
        (say_captured_and_owe_nothing, "the booking's log has no refund_due: capture_payment by dan"),
        (say_settled_otherwise, "settled by .'re_other'. in the log: settle_refund by dan"),
        (answer_otherwise_later, "the same key, and another answer: pay_booking by ann"),
        (break_down, "not in the contract: pay_booking by fay"),
    ],
)
def test_a_forged_till_is_seen_through(forge: Callable[[Till], None], sentence: str) -> None:
    till = Till()
    forge(till)
    with pytest.raises(AssertionError, match=sentence):
        assert not till.judged(), "\n".join(till.judged())
