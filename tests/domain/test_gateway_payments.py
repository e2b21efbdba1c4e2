"""Payments through a gateway: the request is recorded first, then every possible answer."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.booking_state import CancelReason, Status
from domain.caller import SYSTEM
from domain.commands.bookings import CancelBooking, CancelWithFlight, ExpireHold, InitiateBooking, ReduceSeats
from domain.commands.payments import CapturePayment, RecordPayment, RecordRefund, SettleRefund, VoidPayment
from domain.gateway_payments import DECLINED_MAX
from domain.payments import Capture, GatewayTask, PaymentOutcome, PaymentStatus
from domain.refunds import RefundStatus
from domain.refusals.bookings import BookingCancelled
from domain.refusals.payments import PaymentInProgress, PaymentNotPending, TooManyPayments
from domain.refusals.refunds import RefundAlreadySettled, RefundInProgress, RefundRefused
from tests.domain.till import COST, Till


@pytest.fixture
def till() -> Till:
    return Till()


AUTHORISED, CAPTURED = PaymentOutcome.AUTHORISED, PaymentOutcome.CAPTURED
RELEASED, DECLINED = PaymentOutcome.RELEASED, PaymentOutcome.DECLINED


def test_an_automatic_payment_is_requested_then_captured(till: Till) -> None:
    till.pay()
    assert till.status == (Status.PENDING, PaymentStatus.REQUESTED, GatewayTask.AUTHORISE)
    assert till.report(AUTHORISED) == ["payment_authorised"]
    assert till.status == (Status.PENDING, PaymentStatus.CAPTURING, GatewayTask.CAPTURE)
    assert till.report(CAPTURED) == ["booked"]
    assert till.status == (Status.BOOKED, PaymentStatus.CAPTURED, None)
    till.scenario.then_seats(till.flight_id, held=0, booked=2)


def test_a_booking_has_a_maximum_number_of_declined_payments(till: Till) -> None:
    for _ in range(DECLINED_MAX):
        till.pay()
        assert till.report(DECLINED) == ["payment_declined"]
    till.pay()
    till.scenario.then_refused(TooManyPayments)
    assert till.booking.status is Status.INITIATED


def test_a_manual_payment_waits_and_is_captured_once(till: Till) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    assert till.status == (Status.PENDING, PaymentStatus.PENDING, None)
    till.scenario.when(CapturePayment(till.id))
    assert till.status == (Status.PENDING, PaymentStatus.CAPTURING, GatewayTask.CAPTURE)
    till.scenario.when(CapturePayment(till.id))
    till.scenario.then_refused(PaymentInProgress)
    till.report(CAPTURED)
    assert till.booking.status is Status.BOOKED


def test_a_requested_capture_extends_the_hold(till: Till) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    till.scenario.later(minutes=14).when(CapturePayment(till.id))
    till.scenario.later(minutes=14).when(ExpireHold(till.id))
    assert till.report(CAPTURED) == ["booked"]


def test_a_requested_payment_never_shortens_the_hold(till: Till) -> None:
    till.scenario.terms = till.scenario.terms._replace(capture_window=timedelta(minutes=1))
    till.pay()
    till.scenario.later(minutes=4)
    assert till.booking.held_until == till.booking.expires_at
    assert till.report(AUTHORISED) == ["payment_authorised"]


@pytest.mark.parametrize("capture", list(Capture))
def test_a_declined_payment_may_be_followed_by_another(till: Till, capture: Capture) -> None:
    till.pay(capture)
    first = till.booking.current_payment.id
    assert till.report(DECLINED, "generic_decline") == ["payment_declined"]
    assert till.status == (Status.INITIATED, PaymentStatus.DECLINED, None)
    assert till.booking.current_payment.reason == "generic_decline"
    till.pay(capture)
    assert till.booking.current_payment.id != first
    assert till.status == (Status.PENDING, PaymentStatus.REQUESTED, GatewayTask.AUTHORISE)


def test_a_payment_declined_after_the_hold_gives_the_seats_back(till: Till) -> None:
    till.pay()
    till.scenario.later(minutes=6)
    assert till.report(DECLINED, "generic_decline") == ["payment_declined", "cancelled"]
    till.scenario.then_seats(till.flight_id, held=0, booked=0)


def test_a_void_is_requested_then_recorded(till: Till) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    till.scenario.when(VoidPayment(till.id, "changed their mind"))
    assert till.status == (Status.PENDING, PaymentStatus.VOIDING, GatewayTask.VOID)
    assert till.report(RELEASED) == ["payment_voided"]
    assert till.status == (Status.INITIATED, PaymentStatus.VOIDED, None)
    assert till.scenario.recorded[0].decoded().reason == "changed their mind"


def test_a_payment_that_was_captured_before_the_void_books(till: Till) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    till.scenario.when(VoidPayment(till.id, "changed their mind"))
    assert till.report(CAPTURED) == ["booked"]


def test_an_authorisation_that_the_gateway_releases_is_voided(till: Till) -> None:
    till.pay()
    till.report(AUTHORISED)
    assert till.report(RELEASED) == ["payment_voided"]
    assert till.booking.status is Status.INITIATED


def test_the_payment_of_a_cancelled_booking_is_released(till: Till) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    till.scenario.when(CancelBooking(till.id))
    assert till.status == (Status.CANCELLED, PaymentStatus.LAPSED, GatewayTask.VOID)
    assert till.report(RELEASED) == ["payment_released"]
    assert till.status == (Status.CANCELLED, PaymentStatus.VOIDED, None)


@pytest.mark.parametrize("end", [CancelBooking, CancelWithFlight])
def test_a_payment_captured_after_the_cancellation_is_a_refund_due(till: Till, end: type) -> None:
    till.pay()
    till.report(AUTHORISED)
    till.scenario.when(end(till.id))
    assert till.report(CAPTURED) == ["refund_due"]
    (refund,) = till.booking.refunds.values()
    assert (refund.amount, refund.charge, refund.gateway) == (COST, "pi_1", "simulator")
    till.scenario.then_seats(till.flight_id, held=0, booked=0)


def test_an_authorisation_for_a_cancelled_booking_is_recorded_and_voided(till: Till) -> None:
    till.pay()
    till.scenario.when(CancelBooking(till.id))
    assert till.status == (Status.CANCELLED, PaymentStatus.LAPSED, GatewayTask.VOID)
    assert till.report(AUTHORISED) == ["payment_authorised"]
    assert till.booking.current_payment.reference == "pi_1"
    assert till.status == (Status.CANCELLED, PaymentStatus.LAPSED, GatewayTask.VOID)


def test_a_decline_for_a_cancelled_booking_ends_the_payment(till: Till) -> None:
    till.pay()
    till.scenario.when(CancelBooking(till.id))
    assert till.report(DECLINED) == ["payment_declined"]
    assert till.status == (Status.CANCELLED, PaymentStatus.DECLINED, None)


@pytest.mark.parametrize("tidied", [True, False])
def test_a_late_authorisation_is_seated_again_if_there_are_seats(till: Till, tidied: bool) -> None:
    till.pay()
    till.scenario.later(minutes=16)
    if tidied:
        till.scenario.when(ExpireHold(till.id))
    topics = till.report(AUTHORISED)
    assert topics == ["payment_authorised", *([] if tidied else ["cancelled"]), "reseated"]
    assert till.status == (Status.PENDING, PaymentStatus.CAPTURING, GatewayTask.CAPTURE)
    till.scenario.then_seats(till.flight_id, held=2, booked=0)
    assert not till.booking.hold_is_due(till.scenario.now)
    assert till.report(CAPTURED) == ["booked"]


def test_a_late_authorisation_is_voided_without_seats(till: Till) -> None:
    till.pay()
    till.scenario.later(minutes=16)
    till.sell_the_seats()
    assert till.report(AUTHORISED) == ["payment_authorised"]
    assert till.status == (Status.CANCELLED, PaymentStatus.LAPSED, GatewayTask.VOID)


def test_seats_that_are_held_again_can_expire_again(till: Till) -> None:
    till.pay()
    till.scenario.later(minutes=16)
    bobs = till.scenario.when(InitiateBooking(till.flight_id, "bob", 1))
    till.scenario.when(CancelBooking(bobs.id))
    assert till.report(AUTHORISED)[-1] == "reseated"
    till.scenario.later(minutes=16)
    till.sell_the_seats()
    assert till.booking.status is Status.CANCELLED


@pytest.mark.parametrize("sold", [True, False])
def test_a_late_payment_books_again_or_is_a_refund_due(till: Till, sold: bool) -> None:
    till.pay()
    till.report(AUTHORISED)
    till.scenario.later(minutes=16)
    if sold:
        till.sell_the_seats()
        assert till.report(CAPTURED) == ["refund_due"]
    else:
        assert till.report(CAPTURED) == ["cancelled", "reseated", "booked"]


def test_a_payment_captured_at_once_is_recorded_with_its_reference(till: Till) -> None:
    till.pay()
    assert till.report(CAPTURED) == ["payment_authorised", "booked"]
    assert till.booking.current_payment.reference == "pi_1"


@pytest.mark.parametrize("sold", [True, False])
def test_a_lapsed_payment_is_captured_only_where_there_are_seats(till: Till, sold: bool) -> None:
    till.pay(Capture.MANUAL)
    till.report(AUTHORISED)
    till.scenario.later(minutes=16)
    if sold:
        till.sell_the_seats()
    till.scenario.when(CapturePayment(till.id))
    if sold:
        till.scenario.then_refused(BookingCancelled, reason=CancelReason.HOLD_EXPIRED)
    else:
        topics = [topic.removeprefix("booking.") for topic in till.scenario.events]
        assert topics == ["cancelled", "reseated", "capture_requested"]
        assert till.status == (Status.PENDING, PaymentStatus.CAPTURING, GatewayTask.CAPTURE)


@pytest.mark.parametrize("outcome", [AUTHORISED, DECLINED])
def test_a_repeated_report_is_refused(till: Till, outcome: PaymentOutcome) -> None:
    till.pay()
    till.report(AUTHORISED)
    assert till.report(outcome) == []
    till.scenario.then_refused(PaymentNotPending)


@pytest.mark.parametrize("outcome", list(PaymentOutcome))
def test_a_final_payment_does_not_change(till: Till, outcome: PaymentOutcome) -> None:
    till.pay()
    till.report(AUTHORISED)
    till.report(CAPTURED)
    assert till.report(outcome) == []
    till.scenario.then_refused(PaymentNotPending)


def test_a_report_of_another_payment_is_refused(till: Till) -> None:
    till.pay()
    till.scenario.when(RecordPayment(till.id, uuid4(), CAPTURED, "pi_2"), SYSTEM)
    till.scenario.then_refused(PaymentNotPending)


def _owe(till: Till) -> UUID:
    till.pay()
    till.report(AUTHORISED)
    till.report(CAPTURED)
    till.scenario.when(ReduceSeats(till.id, 1))
    (refund_id,) = till.booking.refunds
    return refund_id


def test_a_refund_requested_from_the_gateway_cannot_be_settled_by_hand(till: Till) -> None:
    refund_id = _owe(till)
    till.scenario.when(SettleRefund(refund_id))
    assert till.booking.refunds[refund_id].status is RefundStatus.REQUESTED
    for by_hand in (True, False):
        till.scenario.when(SettleRefund(refund_id, by_hand=by_hand))
        till.scenario.then_refused(RefundInProgress)
    till.scenario.when(RecordRefund(refund_id, "re_1"), SYSTEM)
    assert till.booking.refunds[refund_id].reference == "re_1"
    assert till.booking.refunds[refund_id].status is RefundStatus.SETTLED
    till.scenario.when(RecordRefund(refund_id, "re_1"), SYSTEM, key="again")
    till.scenario.then_refused(RefundAlreadySettled)


def test_a_refund_that_the_gateway_refuses_is_due_by_hand(till: Till) -> None:
    refund_id = _owe(till)
    till.scenario.when(SettleRefund(refund_id))
    till.scenario.when(RecordRefund(refund_id, None, "charge_disputed"), SYSTEM)
    assert till.booking.refunds[refund_id].status is RefundStatus.DUE
    till.scenario.when(SettleRefund(refund_id))
    till.scenario.then_refused(RefundRefused, reason="charge_disputed")
    till.scenario.when(SettleRefund(refund_id, "cheque 7", by_hand=True))
    assert till.booking.refunds[refund_id].status is RefundStatus.SETTLED


def test_a_refund_settled_by_hand_is_not_requested_from_the_gateway(till: Till) -> None:
    refund_id = _owe(till)
    till.scenario.when(SettleRefund(refund_id, "cheque 7", by_hand=True))
    till.scenario.when(SettleRefund(refund_id))
    till.scenario.then_refused(RefundAlreadySettled)
