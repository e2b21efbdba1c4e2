"""A forgery with a recomputed hash chain fails all other rules."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import ScheduleFlight
from domain.commands.payments import PayBooking
from domain.money import Money
from tests.audit.verify.verified import verify
from tests.desk import Desk

RELINK = """
    do $$ declare e record; previous bytea := decode(repeat('00', 32), 'hex'); begin
        for e in select * from ledger.events order by position loop
            previous := sha256(previous || convert_to(concat_ws(E'\\n', e.position, e.originator_id,
                e.originator_version, e.topic, e.state, e.actor, e.operation, e.ordinal, e.causation_id,
                e.correlation_id, e.traceparent, (extract(epoch from e.recorded_at) * 1000000)::bigint,
                encode(e.command_hash, 'hex')), 'UTF8'));
            update ledger.events set hash = previous where position = e.position;
        end loop; end $$;
"""
"""SQL that recomputes the chain by the rule in docs/reference/chain.md, as a thorough forger would."""


async def test_the_chain_can_be_recomputed_in_sql(log: list[UUID], tamper: Any, rows: Any) -> None:
    before = rows("select hash from ledger.events order by position")
    tamper(RELINK)
    assert rows("select hash from ledger.events order by position") == before


async def test_the_views_reveal_a_forged_chain(log: list[UUID], tamper: Any, database_url: str) -> None:
    edit = "update ledger.events set state = replace(state, '\"seats\":1', '\"seats\":2') where position = 3;"
    tamper(edit + RELINK)
    assert verify(database_url).first_bad_position == 3


@pytest.mark.parametrize("amount", [9999, 10001])
async def test_a_refund_of_more_or_less_than_was_paid_is_named(
    log: list[UUID], tamper: Any, database_url: str, amount: int
) -> None:
    refund = f"update ledger.events set state = replace(state, '\"amount\":10000,', '\"amount\":{amount},')"
    view = f"update ledger.refunds set amount = {amount};"
    tamper(f"{refund} where topic = 'booking.refund_due'; {view} {RELINK}")
    result = verify(database_url)
    assert (result.first_bad_position, "owed back" in (result.reason or "")) == (8, True)


PARTS = {"fare": 100, "tax:GB": 20}
BOUND = ScheduleFlight(
    "BA118",
    "LHR",
    "JFK",
    datetime(2099, 1, 1, tzinfo=UTC),
    datetime(2099, 1, 2, tzinfo=UTC),
    9,
    Price(120, "INR", PARTS),
    cancellation_policy=NewPolicy(None, {"fare": 50, "tax:*": 100}),
)
MONEY_FORGERIES = [
    # Fare 60 instead of 50: the sum is higher than what the policy gives back.
    ('"amount":70,"currency":"INR","parts":{"fare":50', '"amount":80,"currency":"INR","parts":{"fare":60', 6),
    # The same sum, and other parts.
    ('{"fare":50,"tax:GB":20}', '{"fare":51,"tax:GB":19}', 6),
    ('{"fare":50,"tax:GB":20}', '{"fare":50,"tax:GB":19}', 6),
    ('"parts":{"fare":100,"tax:GB":20}', '"parts":{"fare":100,"tax:GB":21}', 1),
    # A milder policy than the refund shows.
    ('"percentages":{"fare":50', '"percentages":{"fare":90', 6),
]


@pytest.fixture
async def bound(desk: Desk) -> None:
    """Positions 1 to 6: a flight with parts and a policy, a hold, a payment (two), a cancellation (two)."""
    flight = (await desk.submit(BOUND)).subject_id
    assert flight
    booking = (await desk.hold(flight, "alice")).subject_id
    assert booking
    await desk.submit(PayBooking(booking, "alice", Money(120, "INR")), "alice")
    assert (await desk.cancel(booking, "alice")).position == 6


async def test_a_partial_refund_by_the_policy_holds(bound: None, database_url: str) -> None:
    assert verify(database_url).ok


@pytest.mark.parametrize(("then", "now", "position"), MONEY_FORGERIES)
async def test_a_forged_part_or_policy_is_named(
    bound: None, tamper: Any, database_url: str, then: str, now: str, position: int
) -> None:
    edit = f"update ledger.events set state = replace(state, '{then}', '{now}');"
    tamper(edit + VIEWS_OF_EVENTS + RELINK)
    result = verify(database_url)
    assert not result.ok
    assert (result.first_bad_position or 0) <= position, result
    assert any(words in (result.reason or "") for words in ("not what is due", "owed back", "add up")), result


VIEWS_OF_EVENTS = """
    with log as (select position, state::json as state from ledger.events)
    update ledger.flights set price_parts = state -> 'price' ->> 'parts',
        cancellation_policy = state ->> 'cancellation_policy' from log where position = 1;
    with log as (select position, state::json as state from ledger.events)
    update ledger.bookings set cost_parts = state -> 'total_cost' ->> 'parts',
        cancellation_policy = state ->> 'cancellation_policy' from log where position = 2;
    with log as (select position, state::json as state from ledger.events)
    update ledger.refunds set amount = (state -> 'amount' ->> 'amount')::bigint,
        parts = state -> 'amount' ->> 'parts' from log where position = 6;
"""
"""SQL that writes the forged amounts and policies into the views."""


@pytest.mark.parametrize(
    ("topic", "state", "operation", "column", "reason"),
    [
        (
            "flight.cancelled",
            '{"reason":"fog"}',
            "cancel_flight",
            "cancelled = true",
            "is cancelled, and bookings of it are not",
        ),
        (
            "flight.departed",
            "{}",
            "depart_flight",
            "departed_at = (select max(recorded_at) from ledger.commands)",
            "has departed, and holds on it are not over",
        ),
    ],
)
async def test_bookings_that_outlive_their_flight_are_named(
    log: list[UUID],
    tamper: Any,
    database_url: str,
    topic: str,
    state: str,
    operation: str,
    column: str,
    reason: str,
) -> None:
    # The flight is gone, but its bookings are not.
    row = (
        "position, originator_id, originator_version, topic, state, actor, operation, ordinal, causation_id,"
    )
    row += " correlation_id, traceparent, recorded_at, command_hash, hash"
    tamper(
        f"insert into ledger.events ({row}) select 9, originator_id, 2, '{topic}',"
        f" '{state}', actor, '{operation}', 1, 'forged', '', '',"
        " (select max(recorded_at) from ledger.commands),"
        " sha256(sha256('') || convert_to(E'\\n200\\n{}', 'UTF8')), '' from ledger.events where position = 1;"
        f"insert into ledger.commands select actor, '{operation}', 'forged', sha256(''), 200, '{{}}',"
        " originator_id, 2, 9, 9, '', (select max(recorded_at) from ledger.commands)"
        " from ledger.events where position = 1;"
        f"update ledger.flights set {column}, version = 2;" + RELINK
    )
    result = verify(database_url)
    assert reason in (result.reason or ""), result


FORGED = [
    ("recorded_at = recorded_at - interval '1 hour'", 3, "its time is before"),
    ("correlation_id = E'a\\nb'", 3, "line feed"),
    ("actor = 'mallory'", 3, "no recorded command"),
    ("ordinal = 2", 3, "no recorded command"),
    ("command_hash = sha256('')", 3, "outcome"),
    ("actor = 'mallory'", 6, "does not go on"),
    ("ordinal = 3", 6, "does not go on"),
    ("command_hash = sha256('')", 6, "does not go on"),
    ("topic = 'booking.eaten'", 6, "does not follow in its stream"),
]
"""Forgeries with a recomputed chain, one for each rule except the hash."""


@pytest.mark.parametrize(("edit", "position", "reason"), FORGED)
async def test_an_edited_event_is_named_even_if_the_chain_was_recomputed(
    log: list[UUID], tamper: Any, database_url: str, edit: str, position: int, reason: str
) -> None:
    tamper(f"update ledger.events set {edit} where position = {position}; {RELINK}")
    result = verify(database_url)
    assert result.first_bad_position == position
    assert reason in (result.reason or "")


async def test_a_hole_is_named_even_if_the_chain_was_recomputed(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    tamper(f"delete from ledger.events where position = 4; {RELINK}")
    result = verify(database_url)
    assert result.first_bad_position == 4
    assert "not dense" in (result.reason or "")


async def test_versions_count_from_one_even_if_everything_else_agrees(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    tamper(
        "update ledger.events set originator_version = 9 where position = 3;"
        "update ledger.bookings set version = 9 where user_id = 'bob';"
        "update ledger.commands set version = 9 where first_position = 3;" + RELINK
    )
    result = verify(database_url)
    assert result.first_bad_position == 3
    assert "version 9" in (result.reason or "")


async def test_an_oversold_flight_is_named_even_if_everything_else_agrees(
    log: list[UUID], tamper: Any, database_url: str
) -> None:
    tamper(
        "update ledger.events set state = replace(state, '\"seats\":10', '\"seats\":2') where position = 1;"
        "update ledger.flights set seats = 2; alter table ledger.seats drop constraint seats_check;"
        "update ledger.seats set seats = 2;" + RELINK
    )
    result = verify(database_url)
    # Alice's, Bob's and Carol's seats: the third is one too many for a flight of two.
    assert result.first_bad_position == 4
    assert result.reason
    assert "oversold" in result.reason
