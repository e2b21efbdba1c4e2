"""The checker on refusals: valid where the log gives the reason, and a violation where it does not."""

from typing import Any

import pytest

from tests.trials.checker.payment_history import ALICE, REFUNDS, PaymentHistory
from tests.trials.checker.samples import FLIGHT, at

IN_PATH = f"/bookings/{ALICE}/any"
REFUND_IN_PATH = f"/refunds/{REFUNDS[0]}/settle"


@pytest.mark.parametrize(
    ("operation", "path", "code", "true_at", "untrue_at", "facts"),
    [
        ("capture_payment", IN_PATH, "payment-not-pending", (4, 4), (5, 5), {}),
        ("pay_booking", IN_PATH, "payment-in-progress", (5, 6), (4, 4), {}),
        ("pay_booking", IN_PATH, "payment-in-progress", (5, 14.9), (5, 15), {}),
        ("pay_booking", IN_PATH, "hold-expired", (5, 15), (5, 14.9), {}),
        ("pay_booking", IN_PATH, "hold-expired", (6, 17), (8, 19), {}),
        ("capture_payment", IN_PATH, "booking-cancelled", (18, 31), (6, 17), {}),
        ("reduce_seats", IN_PATH, "seats-not-fewer", (8, 19), (10, 20), {"seats": 2}),
        ("settle_refund", REFUND_IN_PATH, "refund-not-found", (9, 20), (10, 20), {}),
        (
            "settle_refund",
            REFUND_IN_PATH,
            "refund-already-settled",
            (11, 22),
            (10, 20),
            {"settled_at": at(21)},
        ),
        ("cancel_flight", f"/flights/{FLIGHT}/cancel", "flight-not-bookable", (16, 30), (15, 29), {}),
    ],
)
def test_a_refusal_needs_its_reason(
    operation: str,
    path: str,
    code: str,
    true_at: tuple[int, float],
    untrue_at: tuple[int, float],
    facts: dict[str, Any],
) -> None:
    honest, forged = PaymentHistory(), PaymentHistory()
    honest.refuse(operation, path, *true_at, code, **facts)
    forged.refuse(operation, path, *untrue_at, code, **facts)
    assert honest.violations() == []
    assert any("refused without a reason" in violation for violation in forged.violations()), (
        forged.violations()
    )
