"""A cron expression's latest moment, and expressions that are refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from runtime.cron import check_cron, latest_slot

LATEST = [
    # The default, around its own moments: due from the first instant on.
    ("*/30 * * * *", "2026-03-01T00:00:00", "2026-03-01T00:00:00"),
    ("*/30 * * * *", "2026-02-28T23:59:59.999999", "2026-02-28T23:30:00"),
    ("*/30 * * * *", "2026-03-01T12:29:59", "2026-03-01T12:00:00"),
    # Ends of years, months and leap days.
    ("0 0 1 1 *", "2025-12-31T23:59:59", "2025-01-01T00:00:00"),
    ("59 23 31 12 *", "2026-12-31T23:58:59", "2025-12-31T23:59:00"),
    ("0 0 31 * *", "2026-03-01T00:00:00", "2026-01-31T00:00:00"),
    ("0 0 29 2 *", "2026-03-01T00:00:00", "2024-02-29T00:00:00"),
    ("0 0 29 2 *", "2104-02-28T23:59:59", "2096-02-29T00:00:00"),
    ("0 0 29 feb *", "2028-02-29T00:00:00", "2028-02-29T00:00:00"),
    ("0 0 31 * *", "2026-05-01T00:00:00", "2026-03-31T00:00:00"),
    ("0 0 30 * *", "2026-03-29T23:59:59", "2026-01-30T00:00:00"),
    ("59 59 23 29 2 *", "2028-02-29T23:59:58", "2024-02-29T23:59:59"),
    ("0 0 0 1 3 *", "2028-02-29T23:59:59", "2027-03-01T00:00:00"),
    # Times of day.
    ("5,35 8-17/2 * * mon-fri", "2026-03-02T08:04:59", "2026-02-27T16:35:00"),
    ("5,35 8-17/2 * * mon-fri", "2026-03-02T09:00:00", "2026-03-02T08:35:00"),
    ("15/20 * * * *", "2026-03-02T09:14:00", "2026-03-02T08:55:00"),
    # Sunday is 0 and 7; a day of month and a day of week: either is enough.
    ("0 12 * * 0", "2026-03-01T12:00:00", "2026-03-01T12:00:00"),
    ("0 12 * * 7", "2026-03-01T11:59:59", "2026-02-22T12:00:00"),
    ("0 0 13 * 5", "2026-03-12T00:00:00", "2026-03-06T00:00:00"),
    ("0 0 13 * *", "2026-03-12T00:00:00", "2026-02-13T00:00:00"),
    # Six fields: seconds first.
    ("*/5 * * * * *", "2026-03-01T00:00:04.9", "2026-03-01T00:00:00"),
    ("30 * * * * *", "2026-03-01T00:00:29", "2026-02-28T23:59:30"),
    ("10 0 * * * *", "2026-03-01T05:00:09", "2026-03-01T04:00:10"),
]


@pytest.mark.parametrize(("cron", "now", "expected"), LATEST)
def test_the_latest_slot_is_the_last_moment_that_has_come(cron: str, now: str, expected: str) -> None:
    assert latest_slot(cron, instant(now)) == instant(expected)


def test_the_latest_slot_only_moves_forward_and_only_onto_its_own_moments() -> None:
    now = instant("2024-02-28T20:00:00")
    slots = [latest_slot("*/20 */6 * * *", now + timedelta(seconds=97 * step)) for step in range(2_000)]
    assert slots == sorted(slots)  # type: ignore[type-var]
    assert {(slot.minute, slot.hour) for slot in slots if slot} == {
        (minute, hour) for minute in (0, 20, 40) for hour in (0, 6, 12, 18)
    }


def test_slots_are_in_utc_wherever_the_clock_stands() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    slot = latest_slot("0 0 * * *", datetime(2026, 3, 1, 5, 0, tzinfo=kolkata))
    assert slot == instant("2026-02-28T00:00:00")


def test_an_empty_expression_means_never() -> None:
    check_cron("")
    assert latest_slot(" ", instant("2026-03-01T00:00:00")) is None


@pytest.mark.parametrize(
    ("cron", "complaint"),
    [
        ("hourly", "5 fields, or 6"),
        ("* * * *", "5 fields, or 6"),
        ("* * * * * * *", "5 fields, or 6"),
        ("60 * * * *", "minute '60': use a number from 0 to 59"),
        ("61 * * * * *", "second '61': use a number from 0 to 59"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("a b c d e", "minute 'a': use a number"),
        ("*/0 * * * *", "step"),
        ("*/-5 * * * *", "step"),
        ("*/ * * * *", "step"),
        ("*/99999999999 * * * *", "one or two digits"),
        ("5-1 * * * *", "minute '5-1'"),
        ("1,,2 * * * *", "minute '1,,2'"),
        ("٣ * * * *", "minute '٣': use a number"),
        ("+1 * * * *", r"minute '\+1': use a number"),
        ("0 0 30 2 *", "day of month '30': use a number from 1 to 31 that the months have"),
        ("0 0 31 4,6,9,11 *", "day of month '31': .* that the months have"),
    ],
)
def test_a_wrong_expression_is_refused_with_one_line(cron: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        check_cron(cron)
    assert len(str(refused.value).splitlines()) == 1


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
