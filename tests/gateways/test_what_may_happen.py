"""The table of docs/reference/gateway.md: faults of a gateway, answers, final states."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.verify import verify
from tests.gateways.program import Program
from tests.gateways.storefront import SECONDS, Storefront, open_storefront

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "gateway.md"
ALWAYS = {"chance": 1}
SHORT = {"hold_seconds": 2, "capture_seconds": 3}

SWITCHES: dict[str, dict[str, Any]] = {
    "carries out every call": {},
    "declines": {},
    "is slow": {"slow": {"chance": 1, "seconds": SECONDS + 0.5}},
    "loses its answers": {"lose": ALWAYS},
    "carries out every call twice": {"twice": ALWAYS},
    "fails": {"fail": ALWAYS},
    "is down": {"down": True},
    "loses its answers and the keys": {"lose": ALWAYS, "amnesia": ALWAYS},
    "is down until the hold is over": {"down": True},
    "loses its answers until the hold is over": {"lose": ALWAYS},
    "is down until the seats are sold": {"down": True},
    "authorises, and is silent until the seats are sold": {"lose": ALWAYS, "only": "/payment_intents"},
    "captures, and is silent until the seats are sold": {"lose": ALWAYS, "only": "/capture"},
}


def told() -> Iterator[tuple[str, int, int, str]]:
    _, _, text = PAGE.read_text().partition("## What may happen at the gateway")
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    for line in lines[2:]:
        what, first, then, payment = (cell.strip() for cell in line.strip("|").split("|"))
        yield what, int(first), int(then), payment


@pytest.mark.parametrize("completed", [False, True], ids=["repeated", "completed"])
@pytest.mark.parametrize(("what", "first", "then", "payment"), list(told()))
async def test_every_gateway_fault_ends_in_a_final_state(
    what: str,
    first: int,
    then: int,
    payment: str,
    completed: bool,
    database_url: str,
    simulator: Program,
) -> None:
    async with open_storefront(database_url, simulator, **(SHORT if "until" in what else {})) as storefront:
        booking = await storefront.hold()
        simulator.switch(**SWITCHES[what])
        method = "pm_card_chargeDeclined" if what == "declines" else "pm_card_visa"
        answer = await storefront.pay(booking, method=method)
        assert answer.status_code == first, answer.text
        await _wait(storefront, booking, what)
        simulator.switch()
        if completed:
            await storefront.reconciler.run()
            assert (await storefront.booking(booking))["payment"]["status"] == payment
        again = await storefront.pay(booking, method=method)
        assert again.status_code == then, again.text
        if first != 503:
            assert again.json() == answer.json()
        third = await storefront.pay(booking, method=method)
        assert (third.status_code, third.json()) == (again.status_code, again.json())
        await storefront.reconciler.run()
        _compare(simulator, str(await storefront.payment_id(booking)), booking, payment)
        assert (await storefront.booking(booking))["payment"]["status"] == payment
    assert verify(database_url).ok


def test_the_table_is_complete() -> None:
    assert [what for what, *_ in told()] == list(SWITCHES)


async def _wait(storefront: Storefront, booking: dict[str, Any], what: str) -> None:
    if "hold is over" in what:
        await storefront.end_hold(booking)
    elif "seats are sold" in what:
        await storefront.sell(booking)


def _compare(simulator: Program, payment_id: str, booking: dict[str, Any], payment: str) -> None:
    """Check the gateway's books: money moved once or not at all, and no charge stays authorised."""
    intents = simulator.intents(payment_id)
    captured = [intent for intent in intents if intent["captured"]]
    assert not [intent for intent in intents if intent["status"] == "requires_capture"]
    if payment in ("captured", "refund_due"):
        (intent,) = captured
        assert intent["captured"] == booking["total_cost"]["amount"]
    else:
        assert captured == []
