"""Payments and refunds through the gateway, over HTTP, as callers and operators see them."""

import asyncio
import math
import time
from typing import Any
from uuid import UUID

import pytest

from gateways import Charge, Order, payment_reconciler
from gateways.payment_processor import PaymentProcessor
from gateways.payment_reconciler import PaymentReconciler
from gateways.stripe import StripeGateway
from ledger.sweeps import expire_holds
from tests.gateways.program import KEY, Program
from tests.gateways.storefront import Storefront, open_storefront
from tests.waiting import await_until

ALWAYS = {"chance": 1}


async def _refund(storefront: Storefront, booking: dict[str, Any]) -> str:
    found = await storefront.operator.get("/api/v1/refunds", params={"booking_id": booking["id"]})
    (refund,) = found.json()["data"]
    return str(refund["id"])


async def _settle(storefront: Storefront, refund_id: str, key: str, body: Any = None) -> Any:
    path = f"/api/v1/refunds/{refund_id}/settle"
    return await storefront.operator.post(path, json=body or {}, headers={"x-idempotency-key": key})


async def test_fifty_repeats_of_one_key_are_one_charge(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    answers = await asyncio.gather(*(storefront.pay(booking) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    final = await storefront.pay(booking)
    assert final.status_code == 201
    assert {answer.text for answer in answers if answer.status_code == 201} <= {final.text}
    assert len(simulator.intents(await storefront.payment_id(booking))) == 1


async def test_twenty_keys_for_one_booking_are_one_charge(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    answers = await asyncio.gather(*(storefront.pay(booking, f"key-{n}") for n in range(20)))
    paid = [answer for answer in answers if answer.status_code == 201]
    refused = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert len(paid) == 1
    assert refused <= {"payment-in-progress", "already-paid"}
    assert len([row for row in simulator.books()["intents"] if row["booking_id"] == booking["id"]]) == 1


async def test_a_manual_payment_is_captured_through_the_gateway(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    paid = await storefront.pay(booking, capture="manual")
    assert (paid.status_code, paid.json()["booking"]["status"]) == (201, "pending")
    payment_id = paid.json()["payment_id"]
    assert [row["status"] for row in simulator.intents(payment_id)] == ["requires_capture"]
    simulator.switch(lose=ALWAYS, only="/capture")
    first = await storefront.asks(booking, "capture", "c-1")
    assert (first.status_code, first.json()["code"]) == (503, "payment-in-doubt")
    assert first.headers["retry-after"]
    other = await storefront.asks(booking, "capture", "c-2")
    assert (other.status_code, other.json()["code"]) == (409, "payment-in-progress")
    simulator.switch()
    again = await storefront.asks(booking, "capture", "c-1")
    assert (again.status_code, again.json()["status"]) == (200, "booked")
    assert again.headers["idempotency-replayed"] == "true"
    assert [row["status"] for row in simulator.intents(payment_id)] == ["succeeded"]
    # What came of the payment was told, and stays told.
    assert (await storefront.pay(booking, capture="manual")).json() == paid.json()


async def test_a_manual_payment_is_voided_through_the_gateway(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    payment_id = (await storefront.pay(booking, capture="manual")).json()["payment_id"]
    voided = await storefront.asks(booking, "void", "v-1", {"reason": "changed their mind"})
    assert (voided.status_code, voided.json()["status"]) == (200, "initiated")
    assert [row["status"] for row in simulator.intents(payment_id)] == ["canceled"]
    assert (await storefront.pay(booking, "pay-2")).json()["booking"]["status"] == "booked"


async def test_a_void_after_the_hold_returns_the_cancelled_booking(
    database_url: str, simulator: Program
) -> None:
    async with open_storefront(database_url, simulator, hold_seconds=2) as storefront:
        booking = await storefront.hold()
        await storefront.pay(booking, capture="manual")
        await storefront.pass_time(booking["expires_at"])
        voided = await storefront.asks(booking, "void", "v-1", {"reason": "too late"})
        assert (voided.status_code, voided.json()["status"]) == (200, "cancelled")
        assert (await storefront.topics(booking))[-2:] == ["payment_voided", "cancelled"]


async def test_a_cancelled_bookings_authorisation_is_released(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    payment_id = (await storefront.pay(booking, capture="manual")).json()["payment_id"]
    assert (await storefront.asks(booking, "cancel", "x-1")).status_code == 200
    assert await storefront.reconciler.run() == 1
    assert [row["status"] for row in simulator.intents(payment_id)] == ["canceled"]
    assert (await storefront.topics(booking))[-1] == "payment_released"
    assert await storefront.reconciler.run() == 0


async def test_a_booking_cancelled_during_its_payment_keeps_no_money(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    simulator.switch(late={"chance": 1, "seconds": 0.2}, only="/payment_intents")
    paying = asyncio.create_task(storefront.pay(booking))

    async def is_pending() -> bool:
        return (await storefront.booking(booking))["status"] == "pending"

    await await_until(is_pending)
    assert (await storefront.asks(booking, "cancel", "x-1")).status_code == 200
    paid = await paying
    assert (paid.status_code, paid.json()["code"]) == (409, "booking-cancelled")
    (intent,) = simulator.intents(await storefront.payment_id(booking))
    assert (intent["status"], intent["captured"]) == ("canceled", 0)


async def test_a_second_charge_for_one_payment_is_released(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    # Two answers are lost together with our key, before the search shows any of it.
    simulator.switch(lose=ALWAYS, amnesia=ALWAYS, search_lag=60, only="/payment_intents")
    assert (await storefront.pay(booking)).status_code == 503
    assert (await storefront.pay(booking)).status_code == 503
    payment_id = await storefront.payment_id(booking)
    assert len(simulator.intents(payment_id)) == 2
    simulator.switch()
    assert (await storefront.pay(booking)).status_code == 201
    assert sorted(row["status"] for row in simulator.intents(payment_id)) == ["canceled", "succeeded"]


async def test_a_released_payment_leaves_no_second_charge(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    # The answer to the first charge is lost together with our key, and the search does not show it in time.
    simulator.switch(lose=ALWAYS, amnesia=ALWAYS, search_lag=60, only="/payment_intents")
    assert (await storefront.pay(booking, capture="manual")).status_code == 503
    simulator.switch(amnesia=ALWAYS, search_lag=60, only="/payment_intents")
    assert (await storefront.pay(booking, capture="manual")).status_code == 201
    payment_id = await storefront.payment_id(booking)
    assert [row["status"] for row in simulator.intents(payment_id)] == ["requires_capture"] * 2
    simulator.switch()
    assert (await storefront.asks(booking, "void", "v-1", {"reason": "too late"})).status_code == 200
    assert [row["status"] for row in simulator.intents(payment_id)] == ["canceled"] * 2


async def test_a_second_charge_is_released_if_another_process_was_first(
    storefront: Storefront, simulator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = await storefront.hold()
    simulator.switch(fail=ALWAYS)
    assert (await storefront.pay(booking)).status_code == 503
    simulator.switch(amnesia=ALWAYS, only="/payment_intents")
    authorise = StripeGateway.authorise

    async def overtaken(gateway: StripeGateway, order: Order) -> Charge:
        monkeypatch.setattr(StripeGateway, "authorise", authorise)
        assert (await storefront.pay(booking)).status_code == 201
        return await authorise(gateway, order)

    monkeypatch.setattr(StripeGateway, "authorise", overtaken)
    await storefront.reconciler.run()
    payment_id = await storefront.payment_id(booking)
    assert sorted(row["status"] for row in simulator.intents(payment_id)) == ["canceled", "succeeded"]


async def test_a_charge_that_another_process_never_heard_of_is_found_by_the_slower_one(
    storefront: Storefront, simulator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = await storefront.hold()
    simulator.switch(fail=ALWAYS)
    assert (await storefront.pay(booking)).status_code == 503
    authorise = StripeGateway.authorise

    async def overtaken(gateway: StripeGateway, order: Order) -> Charge:
        monkeypatch.setattr(StripeGateway, "authorise", authorise)
        simulator.switch(amnesia=ALWAYS, lose=ALWAYS, only="/payment_intents")
        assert (await storefront.pay(booking)).status_code == 503
        simulator.switch(amnesia=ALWAYS)
        return await authorise(gateway, order)

    simulator.switch()
    monkeypatch.setattr(StripeGateway, "authorise", overtaken)
    await storefront.reconciler.run()
    payment_id = await storefront.payment_id(booking)
    assert [row["status"] for row in simulator.intents(payment_id)] == ["succeeded", "canceled"]


async def test_a_sweep_settles_a_payment_before_it_expires_the_hold(
    hurried: Storefront, simulator: Program
) -> None:
    booking = await hurried.hold()
    simulator.switch(lose=ALWAYS, only="/capture")
    assert (await hurried.pay(booking)).status_code == 503
    await hurried.end_hold(booking)
    simulator.switch()
    assert await expire_holds(hurried.ledger, hurried.reconciler) == 0
    assert (await hurried.booking(booking))["status"] == "booked"


async def test_a_silent_gateway_blocks_no_seats(
    hurried: Storefront, simulator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_reconciler, "SETTLE_SECONDS_MAX", 0.3)
    bookings = [await hurried.hold_on_another_flight(number) for number in range(20)]
    simulator.switch(late={"chance": 1, "seconds": 30})
    await asyncio.gather(*(hurried.pay(booking, key=booking["id"]) for booking in bookings))
    await asyncio.gather(*map(hurried.end_hold, bookings))
    begun = time.monotonic()
    assert await expire_holds(hurried.ledger, hurried.reconciler) == len(bookings)
    assert time.monotonic() - begun < 20
    simulator.switch()


async def test_fifty_settlements_at_once_pay_a_refund_once(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    await storefront.pay(booking)
    assert (await storefront.asks(booking, "seats", "s-1", {"seats": 4})).status_code == 200
    refund_id = await _refund(storefront, booking)
    bodies = [{} if n % 2 else {"by_hand": True, "reference": f"cheque {n}"} for n in range(50)]
    answers = await asyncio.gather(
        *(_settle(storefront, refund_id, f"r-{n}", body) for n, body in enumerate(bodies))
    )
    await storefront.reconciler.run()
    settled = [answer for answer in answers if answer.status_code == 200]
    assert len(settled) == 1
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"refund-in-progress", "refund-already-settled"}
    (intent,) = simulator.intents(await storefront.payment_id(booking))
    by_gateway = settled[0].json()["reference"].startswith("re_")
    assert intent["refunded"] == (booking["total_cost"]["amount"] // 9 * 5 if by_gateway else 0)


async def test_a_refund_whose_answer_is_lost_is_paid_once(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    await storefront.pay(booking)
    await storefront.asks(booking, "cancel", "x-1")
    refund_id = await _refund(storefront, booking)
    simulator.switch(lose=ALWAYS, amnesia=ALWAYS)
    assert (await _settle(storefront, refund_id, "r-1")).status_code == 503
    listed = await storefront.operator.get("/api/v1/refunds", params={"status": "requested"})
    assert [row["id"] for row in listed.json()["data"]] == [refund_id]
    simulator.switch()
    await storefront.reconciler.run()
    settled = await _settle(storefront, refund_id, "r-1")
    assert (settled.status_code, settled.json()["status"]) == (200, "settled")
    (intent,) = simulator.intents(await storefront.payment_id(booking))
    assert intent["refunded"] == booking["total_cost"]["amount"]
    assert (await storefront.booking(booking))["payment"]["status"] == "refunded"


async def test_a_refund_that_is_refused_because_it_is_paid_already_is_settled(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    await storefront.pay(booking)
    await storefront.asks(booking, "cancel", "x-1")
    # Carried out twice, and the answer that comes back is the second.
    simulator.switch(twice=ALWAYS, amnesia=ALWAYS, only="/refunds")
    settled = await _settle(storefront, await _refund(storefront, booking), "r-1")
    assert (settled.status_code, settled.json()["status"]) == (200, "settled"), settled.text
    (intent,) = simulator.intents(await storefront.payment_id(booking))
    assert intent["refunded"] == booking["total_cost"]["amount"]


async def test_a_refund_that_the_gateway_refuses_stays_due(
    storefront: Storefront, simulator: Program
) -> None:
    booking = await storefront.hold()
    await storefront.pay(booking)
    await storefront.asks(booking, "cancel", "x-1")
    refund_id = await _refund(storefront, booking)
    (intent,) = simulator.intents(await storefront.payment_id(booking))
    # An operator pays it back in the gateway's own interface.
    form = {"payment_intent": intent["id"], "amount": str(intent["amount"])}
    simulator.ask("POST", "/v1/refunds", data=form).raise_for_status()
    refused = await _settle(storefront, refund_id, "r-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "refund-refused")
    assert refused.json()["reason"] == "charge_already_refunded"
    assert (await _settle(storefront, refund_id, "r-1")).json() == refused.json()
    listed = await storefront.operator.get("/api/v1/refunds", params={"status": "due"})
    assert [row["refusal"] for row in listed.json()["data"]] == ["charge_already_refunded"]
    by_hand = await _settle(
        storefront, refund_id, "r-2", {"by_hand": True, "reference": "at their storefront"}
    )
    assert by_hand.json()["status"] == "settled", by_hand.text
    # The first answer of the first key stays what it was.
    assert (await _settle(storefront, refund_id, "r-1")).json() == refused.json()


async def test_a_payment_method_is_required_with_a_gateway(storefront: Storefront) -> None:
    booking = await storefront.hold()
    body = {"booking_id": booking["id"], "user_id": "alice", "total_cost": booking["total_cost"]}
    headers = {"x-idempotency-key": "pay-1"}
    answer = await storefront.alice.post("/api/v1/bookings/payments", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "payment-method-missing")
    for wrong in ("", "pm card", "pm\n", "x" * 256, 7, None):
        assert (await storefront.pay(booking, method=wrong)).status_code == 400  # type: ignore[arg-type]
    assert await storefront.topics(booking) == ["initiated"]


async def test_a_payment_that_the_gateway_cannot_take_is_declined(storefront: Storefront) -> None:
    booking = await storefront.hold()
    answer = await storefront.pay(booking, method="pm_of_nobody")
    assert (answer.status_code, answer.json()["reason"]) == (402, "resource_missing")
    assert (await storefront.booking(booking))["status"] == "initiated"


async def test_a_dry_run_asks_the_gateway_nothing(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    before = len(simulator.books()["intents"])
    body = {"booking_id": booking["id"], "user_id": "alice", "total_cost": booking["total_cost"]}
    answer = await storefront.alice.post(
        "/api/v1/bookings/payments?dry_run=true",
        json=body | {"payment_method": "pm_card_visa"},
        headers={"x-idempotency-key": "pay-1"},
    )
    assert answer.status_code == 201
    assert len(simulator.books()["intents"]) == before
    assert await storefront.topics(booking) == ["initiated"]


async def test_a_wrong_key_declines_no_payment(
    storefront: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = await storefront.hold()
    processor = storefront.app.state.shared.processor_of(storefront.ledger)
    wrong = StripeGateway("sk_wrong", url=storefront.url, name="simulator", seconds=1)
    monkeypatch.setattr(processor, "_gateway", wrong)
    assert (await storefront.pay(booking)).status_code == 503
    await wrong.close()
    monkeypatch.undo()
    assert (await storefront.pay(booking)).status_code == 201


async def test_readiness_shows_payments_in_doubt(storefront: Storefront, simulator: Program) -> None:
    async def shown() -> tuple[bool, str]:
        answer = await storefront.operator.get("/health/ready")
        details = {check["name"]: check["detail"] for check in answer.json()["checks"]}
        return answer.status_code == 200, details["payments"]

    booking = await storefront.hold()
    assert await shown() == (True, "simulator: 0 payments and refunds on their way")
    simulator.switch(down=True)
    await storefront.pay(booking)
    ready, detail = await shown()
    assert ready
    assert "1 payments" in detail
    assert "the oldest since" in detail


async def test_payments_of_another_gateway_are_left_alone(storefront: Storefront, simulator: Program) -> None:
    booking = await storefront.hold()
    simulator.switch(down=True)
    assert (await storefront.pay(booking)).status_code == 503
    simulator.switch()
    other = StripeGateway(KEY, url=storefront.url, name="stripe", seconds=4)
    await PaymentReconciler(storefront.ledger, PaymentProcessor(storefront.ledger, other, 10), 0).run()
    await other.close()
    assert (await storefront.booking(booking))["payment"]["status"] == "requested"
    assert simulator.intents(await storefront.payment_id(booking)) == []


async def test_failing_tasks_delay_no_others(
    storefront: Storefront, simulator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_reconciler, "BATCH_MAX", 2)
    simulator.switch(down=True)
    bookings = [await storefront.hold_on_another_flight(number) for number in range(5)]
    for booking in bookings:
        assert (await storefront.pay(booking, key=booking["id"])).status_code == 503
    simulator.switch()
    never = 1, math.inf
    storefront.reconciler._failures = {UUID(booking["id"]): never for booking in bookings[:2]}
    assert [await storefront.reconciler.run() for _ in range(3)] == [0, 2, 1]
