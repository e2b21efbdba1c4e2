"""Webhooks hold no names and secrets in clear, survive a rotation, and go with the person."""

from collections.abc import Callable
from typing import Any

from analytics.webhooks.signing import unseal_secrets
from ledger.erasure import erase
from ledger.keyring import Keyring
from ledger.master_key import rotate
from tests.erasure.conftest import MASTER_KEY, NAME, House

Rows = Callable[..., list[Any]]
URL = "https://hooks.example.com/"


async def test_a_rotation_seals_secrets_and_names_anew(house: House, rows: Rows, keyed_url: str) -> None:
    webhook = await house.post(house.alice, "/webhooks", {"url": URL})
    await house.post(house.operator, "/webhooks", {"url": URL}, **{"idempotency-key": "k"})
    stored = str(rows("select * from ledger.webhooks")) + str(rows("select * from ledger.webhook_outcomes"))
    assert NAME not in stored
    assert webhook["secret"] not in stored
    rows("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'seatledger%%'")
    new = Keyring(bytes(32))
    rotate(keyed_url, Keyring(MASTER_KEY), new)
    [(sealed, lookup)] = rows(
        "select sealed_secrets, user_lookup from ledger.webhooks where user_lookup is not null"
    )
    assert lookup == new.lookup_hash(NAME)
    assert unseal_secrets(new, _id(webhook), sealed)[0].secret == webhook["secret"]


async def test_an_erased_person_has_no_webhooks_and_no_answers(
    house: House, rows: Rows, keyed_url: str, keyring: Keyring
) -> None:
    flight = await house.flight()
    booking = await house.hold(house.alice, flight)
    await house.post(house.alice, "/webhooks", {"url": URL})
    other = await house.post(house.operator, "/webhooks", {"url": URL})
    rows(
        "insert into ledger.webhook_deliveries (webhook_id, position, stream_id, topic, state, answer)"
        " values (%s, 2, %s, 'booking.initiated', 'delivered', %s)",
        other["id"],
        booking["id"],
        f"welcome, {NAME}",
    )
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel", {})
    erase(keyed_url, keyring, NAME, "test")
    assert rows("select count(*) from ledger.webhooks where deleted_at is null") == [(1,)]
    assert rows("select answer from ledger.webhook_deliveries") == [(None,)]
    listed = (await house.operator.get("/api/v1/webhooks")).json()["data"]
    assert [one["id"] for one in listed] == [other["id"]]


def _id(webhook: Any) -> Any:
    from uuid import UUID

    return UUID(webhook["id"])
