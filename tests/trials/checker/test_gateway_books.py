"""The check of a gateway's books: silent about the honest history, and loud about each forged one."""

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
    GatewayHistory,
    booking_of,
    money,
    paid,
)
from trials.checker.log import SeatCount


def test_an_honest_history_has_no_violation() -> None:
    assert GatewayHistory().violations() == []


def charge_without_a_request(history: GatewayHistory) -> None:
    history.intents["stranger"] = history.intents[BEN] | {"id": "pi_x", "payment_id": None}


def charge_another_amount(history: GatewayHistory) -> None:
    history.intents[BEN]["amount"] = COST + 1


def charge_for_another_booking(history: GatewayHistory) -> None:
    history.intents[BEN]["booking_id"] = str(booking_of(ANN))


def capture_twice(history: GatewayHistory) -> None:
    history.intents["again"] = history.intents[ANN] | {"id": "pi_again"}


def keep_money_held(history: GatewayHistory) -> None:
    history.intents["second"] = history.intents[ANN] | {
        "id": "pi_2",
        "status": "requires_capture",
        "captured": 0,
    }


def capture_a_released_payment(history: GatewayHistory) -> None:
    history.intents[CAT].update(status="succeeded", captured=COST)


def book_a_payment_without_money(history: GatewayHistory) -> None:
    history.intents[ANN].update(status="canceled", captured=0)


def capture_a_paisa_less(history: GatewayHistory) -> None:
    history.intents[ANN]["captured"] = COST - 1


def capture_another_charge(history: GatewayHistory) -> None:
    history.intents[ANN]["id"] = "pi_other"


def leave_a_payment_open(history: GatewayHistory) -> None:
    history.drop(CAT, "payment_voided")


def decline_an_authorised_payment(history: GatewayHistory) -> None:
    history.intents[BEN]["status"] = "canceled"


def release_a_declined_payment(history: GatewayHistory) -> None:
    history.intents[CAT]["status"] = "requires_payment_method"


def refund_without_a_request(history: GatewayHistory) -> None:
    history.refunds[DAN]["refund_id"] = None


def refund_twice(history: GatewayHistory) -> None:
    history.refunds["again"] = history.refunds[DAN] | {"id": "re_again"}
    history.intents[DAN]["refunded"] = 2 * COST


def settle_twice(history: GatewayHistory) -> None:
    history.events.append(history.event(DAN, "refund_settled"))


def settle_an_unpaid_refund(history: GatewayHistory) -> None:
    history.refunds.clear()
    history.intents[DAN]["refunded"] = 0


def pay_back_unrecorded(history: GatewayHistory) -> None:
    history.drop(DAN, "refund_settled")


def pay_back_less(history: GatewayHistory) -> None:
    history.refunds[DAN]["amount"] = history.intents[DAN]["refunded"] = COST - 1


def pay_back_from_another_charge(history: GatewayHistory) -> None:
    history.refunds[DAN]["intent"] = "pi_eve"


def keep_wrong_books(history: GatewayHistory) -> None:
    history.intents[ANN]["refunded"] = 1


def drop_a_due_refund(history: GatewayHistory) -> None:
    history.drop(EVE, "refund_due")


def sell_seats_dearer(history: GatewayHistory) -> None:
    history.event(EVE, "seats_reduced")["state"]["total_cost"] = money(COST // 2 + 1)


def keep_a_seat_held(history: GatewayHistory) -> None:
    history.counts = [SeatCount(FLIGHT, 10, 1, 3)]


def count_wrong(history: GatewayHistory) -> None:
    history.counts = [SeatCount(FLIGHT, 10, 0, 2)]


def oversell(history: GatewayHistory) -> None:
    history.counts = [SeatCount(FLIGHT, 2, 0, 3)]


def leave_a_booking_open(history: GatewayHistory) -> None:
    history.drop(BEN, "cancelled")


def acknowledge_without_a_record(history: GatewayHistory) -> None:
    history.answer("fay", "pay_booking", 201, paid(ANN, "booked"))


def answer_with_another_payment(history: GatewayHistory) -> None:
    history.change_call(0, text=msgspec.json.encode(paid(CAT, "")).decode())


def answer_booked_for_declined(history: GatewayHistory) -> None:
    text = msgspec.json.encode(paid(BEN, "booked")).decode()
    history.change_call(1, status=201, text=text)


def refuse_a_booked_payment(history: GatewayHistory) -> None:
    history.change_call(0, status=409, text="{}")


def decline_for_another_reason(history: GatewayHistory) -> None:
    history.change_call(1, text='{"reason": "insufficient_funds"}')


def answer_void_and_keep_it(history: GatewayHistory) -> None:
    history.drop(CAT, "payment_voided")


def answer_captured_and_owe_nothing(history: GatewayHistory) -> None:
    history.drop(DAN, "refund_due")
    history.drop(DAN, "refund_requested")
    history.drop(DAN, "refund_settled")
    history.calls.pop()


def settle_under_another_reference(history: GatewayHistory) -> None:
    history.event(DAN, "refund_settled")["state"]["reference"] = "re_other"


def answer_otherwise_later(history: GatewayHistory) -> None:
    history.calls.append(msgspec.structs.replace(history.calls[0], text="{}"))


def break_down(history: GatewayHistory) -> None:
    history.answer("fay", "pay_booking", 500, {})


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (charge_without_a_request, "the log never requested pi_x"),
        (charge_another_amount, "pi_ben .* is not what was requested"),
        (charge_for_another_booking, "pi_ben .* is not what was requested"),
        (capture_twice, "is captured 2 times"),
        (keep_money_held, "is booked, and money is still held for it"),
        (capture_a_released_payment, "is let go in the log, 0 came; the books say pi_cat"),
        (book_a_payment_without_money, "is booked in the log, 900 came; the books say pi_ann"),
        (capture_a_paisa_less, "is booked in the log, 900 came; the books say pi_ann"),
        (capture_another_charge, "came by pi_ann in the log; the books say pi_other"),
        (leave_a_payment_open, "has no end in the log"),
        (decline_an_authorised_payment, "is declined in the log; the books say pi_ben"),
        (release_a_declined_payment, "is let go in the log; the books say pi_cat"),
        (refund_without_a_request, "the log never requested Repayment"),
        (refund_twice, "is settled by .'re_dan'. in the log; the books say .*re_again"),
        (settle_twice, "is settled 2 times in the log"),
        (settle_an_unpaid_refund, r"is settled by .'re_dan'. in the log; the books say \[\]"),
        (pay_back_unrecorded, r"is settled by \[\] in the log; the books say .*re_dan"),
        (pay_back_less, "re_dan.* is not what was due"),
        (pay_back_from_another_charge, "re_dan.* is not what was due"),
        (keep_wrong_books, "0 went back of pi_ann"),
        (drop_a_due_refund, "900 is at the gateway, 450 is kept or still due"),
        (sell_seats_dearer, "all together: 1800 is at the gateway, 1801 is kept or still due"),
        (keep_a_seat_held, r"the fold counts \(10, 0, 3, 0\) .*held=1"),
        (count_wrong, r"the fold counts \(10, 0, 3, 0\) .*booked=2"),
        (oversell, r"the fold counts \(10, 0, 3, 0\) .*seats=2"),
        (leave_a_booking_open, "is neither booked nor cancelled"),
        (acknowledge_without_a_record, "acknowledged, and not in the log: pay_booking by fay"),
        (answer_with_another_payment, "another payment in the log: pay_booking by ann"),
        (answer_booked_for_declined, "the payment is declined in the log: pay_booking by ben"),
        (refuse_a_booked_payment, "refused, and booked in the log: pay_booking by ann"),
        (decline_for_another_reason, "declined for generic_decline in the log: pay_booking by ben"),
        (answer_void_and_keep_it, "the booking has no payment_voided: void_payment by cat"),
        (answer_captured_and_owe_nothing, "the booking has no refund_due: capture_payment by dan"),
        (settle_under_another_reference, "settled by re_other in the log: settle_refund by dan"),
        (answer_otherwise_later, "the same key, and another answer: pay_booking by ann"),
        (break_down, "an answer outside the contract: pay_booking by fay"),
    ],
)
def test_a_forged_history_is_caught(forge: Callable[[GatewayHistory], None], sentence: str) -> None:
    history = GatewayHistory()
    forge(history)
    with pytest.raises(AssertionError, match=sentence):
        assert not history.violations(), "\n".join(history.violations())
