"""An erased name is readable nowhere, and the log still replays, verifies and proves."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from loguru import logger

from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from api.app import create_app
from audit.proofs.check import check
from audit.proofs.keys import public_pem, signing_key
from audit.proofs.signer import sign_checkpoint
from audit.verify import verify
from database.connection import connect
from domain.commands.bookings import CancelBooking, InitiateBooking
from ledger.erasure import NotErasable, erase
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.conftest import client, running, token
from tests.erasure.conftest import NAME, SETTINGS, House, opened

WROTE = "my cat Dinah is ill"
FOG = "fog over London"


async def a_life(house: House) -> dict[str, Any]:
    """Alice's booking: paid, cancelled with a reason, refunded; and her other business, completed."""
    flight = await house.flight()
    await house.hold(house.bob, flight, "bob", seats=2)
    paid = await house.hold(house.alice, flight, seats=2)
    assert (await house.pay(house.alice, paid, "pay-1")).status_code == 201
    await house.post(house.alice, f"/bookings/{paid['id']}/cancel", {"reason": WROTE})
    (refund,) = (await house.auditor.get("/api/v1/refunds")).json()["data"]
    refund = await house.post(house.operator, f"/refunds/{refund['id']}/settle", {"reference": WROTE})
    assert (refund["reference"], refund["user_id"]) == (WROTE, NAME)
    voided = await house.hold(house.operator, flight)
    assert (await house.pay(house.alice, voided, "pay-2", capture="manual")).status_code == 201
    await house.post(house.operator, f"/bookings/{voided['id']}/void", {"reason": WROTE})
    await house.post(house.operator, f"/bookings/{voided['id']}/cancel", {"reason": WROTE})
    wish = {"user_id": NAME, "seats": 9}
    party = await house.post(house.alice, f"/flights/{flight['id']}/waitlist", wish)
    await house.post(house.alice, f"/waitlist/{party['id']}/leave")
    await house.post(house.operator, f"/flights/{flight['id']}/cancel", {"reason": FOG})
    return paid


async def everything(house: House, booking: dict[str, Any], name: str) -> dict[str, str]:
    """All that auditors can read about the booking, by address."""
    pages = [
        "/bookings",
        f"/bookings/{booking['id']}",
        f"/bookings/{booking['id']}?version=1",
        "/refunds?status=settled",
    ]
    addresses = [
        f"/bookings/{booking['id']}",
        f"/bookings/{booking['id']}?version=1",
        f"/bookings/{booking['id']}/history",
        "/bookings",
        "/refunds",
        "/waitlist",
        "/events?limit=200",
        "/events?limit=200&sealed=true",
        f"/commands/{name}/pay_booking/pay-1",
        f"/bookings/{booking['id']}/proof",
    ]
    found = {address: await house.auditor.get(f"/api/v1{address}") for address in addresses}
    for page in pages:
        found[f"/console{page}"] = await house.auditor.get(f"/console{page}")
    assert {answer.status_code for answer in found.values()} == {200}
    return {address: answer.text for address, answer in found.items()}


@pytest.fixture
def lines() -> Any:
    """All log lines, at the lowest level."""
    written: list[str] = []

    def write(message: Any) -> None:
        # The test clients run in this process, and their library logs the requests.
        if message.record["extra"].get("logger") != "httpx":
            written.append(str(message.record))

    handle = logger.add(write, level=0, diagnose=False)
    yield written
    logger.remove(handle)


async def test_an_erased_name_is_readable_nowhere(
    house: House,
    keyed_url: str,
    keyring: Keyring,
    places: Callable[..., list[str]],
    tmp_path: Path,
    lines: list[str],
) -> None:
    signing, pem = signing_key(Settings(data=tmp_path)), public_pem(signing_key(Settings(data=tmp_path)))
    booking = await a_life(house)
    async with await connect(keyed_url, "test") as connection:
        await sign_checkpoint(connection, signing)
        for projection in PROJECTIONS.values():
            await advance(connection, projection, None, 5_000)
    before = await everything(house, booking, NAME)
    named = [address for address, text in before.items() if NAME in text]
    assert len(named) == len(before) - 2, "all but the log as it is hashed, and its proof"
    assert WROTE in before[f"/bookings/{booking['id']}/history"]
    assert WROTE in before["/refunds"]
    lookup, guesses = keyring.lookup_hash(NAME).hex(), fingerprints(booking)
    assert places(lookup) == [f"ledger.people: {lookup}"]

    person = erase(keyed_url, keyring, NAME, "test")

    after = await everything(house, booking, person)
    assert [address for address, text in after.items() if NAME in text or WROTE in text] == []
    assert [address for address, text in after.items() if person not in text] == []
    assert places(NAME, "Liddell", WROTE, "Dinah", lookup, *guesses) == []
    assert places(FOG), "the search finds what is there"
    assert [place for place in places("sealed:v1:") if "analytics" in place] == []
    assert [line for line in lines if "Liddell" in line or WROTE in line] == []
    assert verify(keyed_url, keyring=keyring).ok
    for proof in (before, after):
        assert check(proof[f"/bookings/{booking['id']}/proof"].encode(), pem.encode())
    assert (await house.auditor.get(f"/api/v1/commands/{NAME}/pay_booking/pay-1")).status_code == 404
    with psycopg.connect(keyed_url) as rows:
        assert rows.execute("select person, forgotten_by from ledger.forgotten").fetchall() == [
            (person, "test")
        ]


def fingerprints(booking: dict[str, Any]) -> list[str]:
    """Hashes that a guesser of names or texts would search for, as hex."""
    flight_id, booking_id = UUID(booking["flight_id"]), UUID(booking["id"])
    guesses = [InitiateBooking(flight_id, NAME, 2), CancelBooking(booking_id, WROTE)]
    return [hashlib.sha256(msgspec.json.encode(guess)).hexdigest() for guess in guesses]


async def test_an_erased_name_may_return_as_another_person(
    house: House, keyed_url: str, keyring: Keyring
) -> None:
    flight = await house.flight()
    first = await house.hold(house.alice, flight)
    await house.post(house.alice, f"/bookings/{first['id']}/cancel")
    old = erase(keyed_url, keyring, NAME, "test")
    second = await house.hold(house.alice, flight)
    assert second["user_id"] == NAME
    (own,) = (await house.alice.get("/api/v1/bookings")).json()["data"]
    assert own["id"] == second["id"]
    # A caller with the pseudonym as a name gains nothing either.
    for caller in (house.alice, client(house.app, token(old, "client"))):
        for address in ("", "/history", "/proof"):
            answer = await caller.get(f"/api/v1/bookings/{first['id']}{address}")
            assert answer.json()["code"] == "booking-not-found"
    with psycopg.connect(keyed_url) as rows:
        ((new,),) = rows.execute("select user_id from ledger.bookings where status <> 'cancelled'").fetchall()
    assert new != old


async def test_a_pseudonym_gives_no_access(house: House, keyed_url: str, keyring: Keyring) -> None:
    flight = await house.flight()
    booking = await house.hold(house.alice, flight)
    with psycopg.connect(keyed_url) as rows:
        ((person, key, name),) = rows.execute(
            "select person, wrapped_key, sealed_name from ledger.people where lookup = %s",
            (keyring.lookup_hash(NAME),),
        ).fetchall()
    mark = f"sealed:v1:{key}:{name}:{person}"
    for subject in (person, mark, f'","user_id":"{person}', f'","user_id":"{mark}'):
        caller = client(house.app, token(subject, "client"))
        assert (await caller.get(f"/api/v1/bookings/{booking['id']}")).status_code == 404
        assert (await caller.get("/api/v1/bookings")).json()["data"] == []
        assert (await caller.get(f"/api/v1/commands/{person}/initiate_booking/none")).status_code == 404
        made = await caller.post(
            "/api/v1/bookings", json={"flight_id": flight["id"], "user_id": subject, "seats": 1}
        )
        assert made.json()["user_id"] == subject
        told = [made.text]
        reason = {"reason": subject}
        told.append((await caller.post(f"/api/v1/bookings/{made.json()['id']}/cancel", json=reason)).text)
        address = f"/api/v1/bookings/{made.json()['id']}"
        told += [(await caller.get(address + more)).text for more in ("", "/history", "?version=1")]
        assert NAME not in "".join(told)
        history = (await caller.get(f"/api/v1/bookings/{made.json()['id']}/history")).json()
        assert history["events"][1]["data"]["note"] == subject


async def test_a_repeat_gets_the_same_bytes_after_a_restart(house: House, keyed_url: str) -> None:
    flight = await house.flight()
    booking = await house.hold(house.alice, flight)
    first = await house.pay(house.alice, booking, "pay-1")
    why, key = {"reason": WROTE}, {"x-idempotency-key": "c"}
    address = f"/api/v1/bookings/{booking['id']}/cancel"
    cancelled = await house.alice.post(address, json=why, headers=key)
    assert NAME in first.text
    app = create_app(SETTINGS, lambda: open_ledger(keyed_url, SETTINGS))
    async with running(app):
        later = opened(app)
        assert (await later.pay(later.alice, booking, "pay-1")).content == first.content
        assert (await later.alice.post(address, json=why, headers=key)).content == cancelled.content
        assert (await later.alice.post(address, json={"reason": "x"}, headers=key)).status_code == 422


async def test_a_person_is_not_erased_before_all_is_settled(
    house: House, keyed_url: str, keyring: Keyring
) -> None:
    def refused() -> str:
        with pytest.raises(NotErasable) as refusal:
            erase(keyed_url, keyring, NAME, "test")
        return str(refusal.value)

    flight = await house.flight(seats=2)
    booking = await house.hold(house.alice, flight, seats=2)
    assert f"booking {booking['id']} is initiated" in refused()
    await house.pay(house.alice, booking, "pay-1")
    assert f"booking {booking['id']} is booked" in refused()
    party = await house.post(house.alice, f"/flights/{flight['id']}/waitlist", {"user_id": NAME, "seats": 1})
    assert f"entry {party['id']} waits" in refused()
    await house.post(house.alice, f"/waitlist/{party['id']}/leave")
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel")
    (refund,) = (await house.auditor.get("/api/v1/refunds")).json()["data"]
    assert refused().splitlines()[1:] == [
        f"refund {refund['id']} of booking {booking['id']} is due: settle it"
    ]
    await house.post(house.operator, f"/refunds/{refund['id']}/settle")
    assert erase(keyed_url, keyring, NAME, "test").startswith("psn_")
    assert "forgotten already" in refused()


async def test_completed_business_allows_erasure_and_open_payments_refuse_it(
    house: House, keyed_url: str, keyring: Keyring, places: Callable[..., list[str]], rows: Any
) -> None:
    flight = await house.flight()
    due, paid, pending = [await house.hold(house.alice, flight) for _ in range(3)]
    await house.pay(house.alice, paid, "pay-1")
    await house.pay(house.alice, pending, "pay-2", capture="manual")
    # Later by the clock of the views: one hold is due, and the flight has departed.
    rows("update ledger.bookings set held_until = now() where id = %s", due["id"])
    rows("update ledger.flights set departs_at = now()")
    with pytest.raises(NotErasable) as refusal:
        erase(keyed_url, keyring, NAME, "test")
    assert str(refusal.value).splitlines()[1:] == [
        f"booking {pending['id']} is pending: capture or void its payment"
    ]
    ended = "update ledger.bookings set gateway_task = 'capture', held_until = now() where id = %s"
    rows(ended, pending["id"])
    with pytest.raises(NotErasable, match=f"has not answered on the payment of booking {pending['id']}"):
        erase(keyed_url, keyring, NAME, "test")
    rows("update ledger.bookings set gateway_task = null")
    erase(keyed_url, keyring, NAME, "test")
    # Texts written after the erasure are not kept either.
    await house.post(house.operator, f"/bookings/{paid['id']}/cancel", {"reason": WROTE, "refund": "full"})
    assert places(WROTE, "Dinah") == []


async def test_concurrent_erasure_and_booking_are_serialised(
    house: House, keyed_url: str, keyring: Keyring
) -> None:
    flight = await house.flight(seats=100)

    async def book_and_leave() -> None:
        for _ in range(10):
            booking = await house.hold(house.alice, flight)
            await house.post(house.alice, f"/bookings/{booking['id']}/cancel", {"reason": WROTE})

    def keep_forgetting() -> list[str]:
        gone = []
        for _ in range(40):
            with contextlib.suppress(NotErasable):
                gone.append(erase(keyed_url, keyring, NAME, "test"))
        return gone

    forgetting = asyncio.create_task(asyncio.to_thread(keep_forgetting))
    results = await asyncio.gather(book_and_leave(), book_and_leave(), return_exceptions=True)
    gone = await forgetting
    # The user was erased before the cancellation only if the booking was not live.
    assert results == [None, None]
    assert gone
    assert verify(keyed_url, keyring=keyring).ok
    with psycopg.connect(keyed_url) as rows:
        assert rows.execute(_OF_THE_GONE, (gone,)).fetchall() == []


_OF_THE_GONE = """
    select e.position from ledger.events e join ledger.people p on p.person = e.actor
    where p.person = any (%s) and e.recorded_at > p.forgotten_at
"""


async def test_a_name_without_a_recorded_command_is_not_stored(
    house: House, keyed_url: str, keyring: Keyring
) -> None:
    flight = await house.flight(seats=1)
    body = {"flight_id": flight["id"], "user_id": "somebody else", "seats": 1}
    assert (await house.alice.post("/api/v1/bookings", json=body)).status_code == 403
    assert (await house.alice.post("/api/v1/bookings?dry_run=true", json={**body, "user_id": NAME})).json()
    with psycopg.connect(keyed_url) as rows:
        known = [lookup for (lookup,) in rows.execute("select lookup from ledger.people").fetchall()]
    assert known == [keyring.lookup_hash("the operator")]
    refused = {**body, "user_id": "a stranger", "seats": 2}
    tries = [
        await house.operator.post("/api/v1/bookings", json=refused, headers={"x-idempotency-key": "k"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in tries] == [409, 409]
    assert tries[1].headers["idempotency-replayed"] == "true"
