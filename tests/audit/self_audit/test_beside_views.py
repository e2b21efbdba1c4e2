"""The self-audit finds changed outcomes and facts, and stays red until they are mended."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.self_audit import round_state, rounds
from audit.self_audit.status import read_status
from database.connection import Connection
from tests.analytics.conftest import Follow, follow, follower
from tests.audit.self_audit.conftest import Audit
from tests.desk import Desk

__all__ = ["follow", "follower"]

ACCEPTED = "where first_position = 2"
REFUSED = "where first_position is null"

OUTCOMES = [
    (f"update ledger.commands set {change} {ACCEPTED}", 2)
    for change in (
        "version = version + 1",
        "subject_id = gen_random_uuid()",
        "correlation_id = 'other'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "status = 201",
        "status = 409",
        "body = '{}'",
        "fingerprint = sha256(fingerprint)",
        "key = 'other'",
        "last_position = last_position + 1",
    )
]
NO_EVENTS = f"update ledger.commands set status = 200 {REFUSED}"
DOUBLED = (
    "alter table ledger.facts_bookings_1 drop constraint facts_bookings_1_pkey;"
    "insert into ledger.facts_bookings_1 select * from ledger.facts_bookings_1"
)
FOREIGN = """
    insert into ledger.facts_seat_changes_1
    select {0}, recorded_at, flight_id, booking_id, topic, 0, 0, 0, 0, 2 * {0}
    from ledger.facts_seat_changes_1 limit 1
"""
FACTS = [
    # The event at position 3 changes no seats; the others do not exist.
    (FOREIGN.format(3), "analytics_seat_changes does not show change_id 6"),
    (FOREIGN.format(1000), "analytics_seat_changes shows position 1000"),
    (FOREIGN.format(0), "analytics_seat_changes shows position 0"),
    ("update ledger.facts_bookings_1 set seats = seats + 1", "analytics_bookings"),
    ("delete from ledger.facts_seat_changes_1", "analytics_seat_changes"),
    ("update ledger.facts_flights_1 set carrier = 'XX'", "analytics_flights"),
    (DOUBLED, "analytics_bookings"),
    ("update ledger.facts_builds set hash = sha256(hash) where projection = 'payments'", "payments"),
]


@pytest.fixture
async def followed(desk: Desk, follow: Follow) -> None:
    flight = await desk.schedule(seats=3)
    booking = (await desk.hold(flight, "alice")).subject_id
    await desk.pay(booking, "alice")
    assert (await desk.hold(flight, "bob", seats=9)).status == 409
    await follow()


@pytest.mark.usefixtures("followed")
async def test_outcomes_and_facts_that_follow_the_log_are_green(audit: Audit) -> None:
    found = await audit()
    assert found.ok, found.reason


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize(("edit", "position"), OUTCOMES)
async def test_a_changed_outcome_is_found_at_its_first_event(
    audit: Audit, tamper: Any, edit: str, position: int
) -> None:
    tamper(edit)
    found = await audit()
    assert (found.ok, found.first_bad_position) == (False, position)
    assert "outcome" in (found.reason or "") or "command" in (found.reason or "")


@pytest.mark.usefixtures("followed")
async def test_an_accepted_command_without_events_is_found(audit: Audit, tamper: Any) -> None:
    tamper(NO_EVENTS)
    assert "no event of it" in ((await audit()).reason or "")


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize(("edit", "named"), FACTS)
async def test_a_changed_fact_is_found(audit: Audit, tamper: Any, edit: str, named: str) -> None:
    tamper(edit)
    found = await audit()
    assert not found.ok
    assert named in (found.reason or "")


@pytest.mark.usefixtures("followed")
async def test_it_stays_red_until_the_outcome_is_mended(
    audit: Audit, tamper: Any, rows: Callable[..., Any]
) -> None:
    tamper(f"update ledger.commands set version = version + 1 {ACCEPTED}")
    for _ in range(2):
        assert not (await audit()).ok
    tamper(f"update ledger.commands set version = version - 1 {ACCEPTED}")
    assert (await audit()).ok


@pytest.mark.usefixtures("followed")
async def test_the_scheduler_compares_one_range_in_a_round(
    auditor: Connection, tamper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper(f"update ledger.commands set version = version + 1 {ACCEPTED}")
    monkeypatch.setattr(round_state, "REST_SECONDS_MIN", 0)
    monkeypatch.setattr(round_state, "SHARE", 1e9)
    await rounds.step(auditor)
    assert (await read_status(auditor)).first_bad_position == 2
