"""Cron expressions in UTC: which of their moments was the latest?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

# Rocketry's own cron looks at the current minute, which it may sleep through. Asked to look back it fails in
# short months ("0 0 31 * *"), recurses without end for days that never come, and is late on the full minute.

LOOK_BACK_DAYS_MAX = 366 * 8 + 1
"""The longest wait between two 29 Februaries, around a year like 1900 or 2100."""


def check_cron(text: str) -> None:
    """Raises ValueError with one line that says what is wrong. Empty is fine and means never.

    Five fields (minute, hour, day of month, month, day of week) as in crontab(5), or six with seconds first
    as in Quartz: `*/5 * * * * *` is every five seconds.
    """
    if text.strip():
        _parse(text)


def latest_slot(text: str, now: datetime) -> datetime | None:
    """The latest moment of the expression that is not after `now`, in UTC; None for empty, which means never.

    Raises ValueError as check_cron does.
    """
    return _parse(text).latest(now.astimezone(UTC)) if text.strip() else None


Numbers = tuple[int, ...]
"""What a field allows, ascending."""


@dataclass(frozen=True, slots=True)
class _Cron:
    seconds: Numbers
    minutes: Numbers
    hours: Numbers
    days: Numbers
    months: Numbers
    weekdays: Numbers
    either_day: bool
    """Both day fields are restricted: then a day need only match one of them (crontab(5))."""

    def latest(self, now: datetime) -> datetime | None:
        day = now.date()
        moment = self._latest_time(now.time()) if self._matches(day) else None
        if moment is not None:
            return datetime.combine(day, moment, UTC)
        oldest = day - timedelta(LOOK_BACK_DAYS_MAX)
        while day > oldest:
            # A month that does not match is passed over as a whole.
            day = (day if day.month in self.months else day.replace(day=1)) - timedelta(1)
            if self._matches(day):
                return datetime.combine(day, time(self.hours[-1], self.minutes[-1], self.seconds[-1]), UTC)
        return None

    def _latest_time(self, now: time) -> time | None:
        if now.hour in self.hours:
            second = _at_most(now.second, self.seconds) if now.minute in self.minutes else None
            if second is not None:
                return time(now.hour, now.minute, second)
            minute = _at_most(now.minute - 1, self.minutes)
            if minute is not None:
                return time(now.hour, minute, self.seconds[-1])
        hour = _at_most(now.hour - 1, self.hours)
        return None if hour is None else time(hour, self.minutes[-1], self.seconds[-1])

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week


def _at_most(limit: int, numbers: Numbers) -> int | None:
    return max((number for number in numbers if number <= limit), default=None)


@lru_cache(maxsize=16)
def _parse(text: str) -> _Cron:
    fields = text.split()
    if len(fields) not in (5, 6):
        raise ValueError(f"a cron expression has 5 fields, or 6 with seconds first, not {len(fields)}")
    second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ["0", *fields]
    cron = _Cron(
        seconds=_numbers("second", second, 0, 59),
        minutes=_numbers("minute", minute, 0, 59),
        hours=_numbers("hour", hour, 0, 23),
        days=_numbers("day of month", day, 1, 31),
        months=_numbers("month", month, 1, 12, _MONTHS),
        weekdays=tuple(sorted({number % 7 for number in _numbers("day of week", weekday, 0, 7, _WEEKDAYS)})),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )
    if cron.latest(_AFTER_A_LEAP_YEAR) is None:
        raise ValueError("no day is ever like that")
    return cron


def _numbers(name: str, text: str, least: int, most: int, names: Mapping[str, int] | None = None) -> Numbers:
    """The field's values: `*`, `a`, `a-b`, each with an optional `/step`, several between commas."""

    def number(word: str) -> int:
        value = (names or {}).get(word.lower())
        if value is None and word.isascii() and word.isdigit() and len(word) <= 2:
            value = int(word)
        if value is None or not least <= value <= most:
            raise ValueError(f"{name} {text!r}: {word!r} is not a number from {least} to {most}")
        return value

    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        low, high = (least, most) if span == "*" else (number(first), number(last if dash else first))
        if slash and not dash:
            high = most
        if low > high:
            raise ValueError(f"{name} {text!r}: {span!r} runs backwards")
        if slash and not (step.isascii() and step.isdigit() and 1 <= int(step[:4]) <= most):
            raise ValueError(f"{name} {text!r}: the step must be a number from 1 to {most}")
        found.update(range(low, high + 1, int(step) if slash else 1))
    return tuple(sorted(found))


_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_AFTER_A_LEAP_YEAR = datetime(2001, 1, 1, tzinfo=UTC)
