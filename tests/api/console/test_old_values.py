"""Values that today's rules refuse are stored by an earlier release, and read wherever callers read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import polars
import pytest

from analytics.exports.files import FORMATS, export
from analytics.exports.tables import TABLES
from cli.main import main
from database.stored_values import MembersByValue
from domain.booking_state import CancelReason
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.flights import RepriceFlight, ScheduleFlight
from domain.commands.payments import PayBooking
from domain.money import Money
from domain.refunds import RefundReason
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.console.conftest import ConsoleDesk
from tests.desk import Desk

V1 = "/api/v1"
PRICE = {"amount": 123_456, "currency": "ZZZ"}


class OldPrice(Money, frozen=True):
    """A price of a release with other rules."""

    def as_money(self) -> Money:
        return Money(self.amount, self.currency)


@pytest.fixture
async def stored(database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, UUID]:
    """A flight, a paid booking and a cancelled one, of which no value passes today's rules."""
    weather, fare_error = MembersByValue(CancelReason)["weather"], MembersByValue(RefundReason)["fare_error"]
    ids: dict[str, UUID] = {}
    departs = datetime.now(UTC) + timedelta(days=30)
    price: Any = OldPrice(**PRICE)
    with monkeypatch.context() as patch:
        cancelling = {**CancelReason.__members__, "REQUESTED": weather}
        patch.setattr("domain.departure_handlers.CancelReason", SimpleNamespace(**cancelling))
        refunding = {**RefundReason.__members__, "BOOKING_CANCELLED": fare_error}
        patch.setattr("domain.booking.RefundReason", SimpleNamespace(**refunding))
        async with open_ledger(database_url, Settings()) as ledger:
            earlier = Desk(ledger)

            async def store(name: str, command: Any, **submission: Any) -> None:
                answer = await earlier.submit(command, **submission)
                assert answer.status == 200, answer
                assert answer.subject_id
                ids[name] = answer.subject_id

            arrives = departs + timedelta(hours=8)
            await store(
                "flight", ScheduleFlight("long haul 1", "lhr", "Zürich", departs, arrives, 1_001, price)
            )
            await store("flight", RepriceFlight(ids["flight"], price))
            for name in ("paid", "gone"):
                await store(name, InitiateBooking(ids["flight"], "alice\x01", 10))
                cost = Money(10 * PRICE["amount"], PRICE["currency"])
                await store(name, PayBooking(ids[name], "alice\x01", cost), key=f"pay {name} €")
            await store("gone", CancelBooking(ids["gone"], "n" * 5_000))
    return ids


async def test_what_an_earlier_release_stored_is_read_by_the_api(
    desk: ConsoleDesk, stored: dict[str, UUID]
) -> None:
    flight, paid, gone = (stored[name] for name in ("flight", "paid", "gone"))
    read = {}
    for path in (
        f"/flights/{flight}",
        "/flights",
        f"/flights/{flight}/availability",
        f"/flights/{flight}/why",
        f"/bookings/{paid}",
        f"/bookings/{gone}?version=1",
        "/bookings",
        f"/bookings/{gone}/history",
        "/refunds?status=due",
        "/events",
    ):
        answer = await desk.people.operator.get(V1 + path)
        assert answer.status_code == 200, (path, answer.text)
        read[path] = answer.json()
    assert read[f"/flights/{flight}"]["price"] == PRICE
    assert (read[f"/flights/{flight}"]["number"], read[f"/flights/{flight}"]["seats"]) == (
        "long haul 1",
        1_001,
    )
    assert (read[f"/flights/{flight}"]["departs_at_local"], read[f"/flights/{flight}"]["origin"]) == (
        None,
        "lhr",
    )
    assert {row["seats"] for row in read["/bookings"]["data"]} == {10}
    assert read["/refunds?status=due"]["data"][0]["reason"] == "fare_error"
    cancelled = next(
        e for e in read[f"/bookings/{gone}/history"]["events"] if e["type"] == "booking.cancelled"
    )
    assert (cancelled["data"]["reason"], cancelled["status_after"]) == ("weather", "cancelled")


async def test_what_an_earlier_release_stored_verifies_and_takes_commands(
    desk: ConsoleDesk, stored: dict[str, UUID]
) -> None:
    operator = desk.people.operator
    verified = await operator.post(f"{V1}/audit/verify", json={})
    assert verified.json()["ok"] is True, verified.text
    held = await operator.post(
        f"{V1}/bookings", json={"flight_id": str(stored["flight"]), "user_id": "bob", "seats": 1}
    )
    assert (held.status_code, held.json()["total_cost"]) == (201, PRICE)
    again = await operator.post(f"{V1}/bookings/{stored['gone']}/cancel")
    assert (again.status_code, again.json()["reason"]) == (409, "weather")
    refund = (await operator.get(f"{V1}/refunds")).json()["data"][0]
    settled = await operator.post(f"{V1}/refunds/{refund['id']}/settle", json={})
    assert (settled.status_code, settled.json()["reason"]) == (200, "fare_error")
    price = {"amount": 1, "currency": "GBP"}
    repriced = await operator.post(f"{V1}/flights/{stored['flight']}/price", json={"price": price})
    assert (repriced.status_code, repriced.json()["price"]) == (200, price)
    assert (await operator.post(f"{V1}/audit/verify", json={})).json()["ok"] is True


async def test_what_an_earlier_release_stored_is_shown_by_the_console(
    desk: ConsoleDesk, stored: dict[str, UUID]
) -> None:
    await desk.follow()
    operator = desk.sit_down("operator", "operator", "auditor", "analyst")
    for path in (
        "",
        f"flights/{stored['flight']}",
        "bookings",
        f"bookings/{stored['gone']}",
        "refunds",
        "sales",
    ):
        page = await operator.open(f"/console/{path}")
        assert page.status == 200, (path, page.text)
    refunds = await operator.open("/console/refunds")
    assert "ZZZ 12,345.60" in refunds.text
    assert "fare error" in refunds.text


async def test_what_an_earlier_release_stored_is_exported_and_replayed(
    desk: ConsoleDesk,
    stored: dict[str, UUID],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await desk.follow()
    for table in TABLES.values():
        for format in FORMATS:
            out = tmp_path / f"{table.name}.{format}"
            assert export(database_url, table, format, None, out, lambda *_: None)[1].rows > 0
    bookings = polars.read_parquet(tmp_path / "bookings.parquet")
    assert set(bookings["currency"]) == {"ZZZ"}
    assert set(bookings["cancel_reason"]) == {None, "weather"}
    monkeypatch.setenv("DATABASE_URL", database_url)
    capsys.readouterr()
    assert main(["what-if", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["what_if"] == compared["happened"]
