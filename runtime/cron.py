"""Cron expressions in UTC, parsed and iterated by cronsim: the latest slot up to a moment."""

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

# Rocketry's own cron looks only at the current minute, which a busy process may miss. Its look back fails in
# short months ("0 0 31 * *"), does not end for days that never come, and is late on the full minute.

_FIELD_NAMES = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_ALLOWED = (
    "a number from 0 to 59",
    "a number from 0 to 59",
    "a number from 0 to 23",
    "a number from 1 to 31 that the months have",
    "a number from 1 to 12, jan to dec",
    "a number from 0 to 7, sun to sat",
)


def check_cron(text: str) -> None:
    """Raise ValueError with one line if the expression is wrong. Empty is valid and means never.

    Five fields (minute, hour, day of month, month, day of week) as in crontab(5), or six with seconds
    first as in Quartz: `*/5 * * * * *` is every five seconds.
    """
    latest_slot(text, datetime.now(UTC))


def latest_slot(text: str, now: datetime) -> datetime | None:
    """Return the expression's latest moment that is not after `now`, in UTC. None if it never comes.

    Raises ValueError as `check_cron` does.
    """
    if not text.strip():
        return None
    fields = text.split()
    if len(fields) not in (5, 6):
        raise ValueError(f"a cron expression has 5 fields, or 6 with seconds first, not {len(fields)}")
    if re.search("[0-9]{3}", text):
        raise ValueError("a number in a cron expression has one or two digits")
    # cronsim looks for moments before its start, so it starts one second after `now`.
    start = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    try:
        return next(CronSim(text, start, reverse=True), None)
    except CronSimError as error:
        number = _FIELD_NAMES.index(str(error).removeprefix("Bad "))
        field = fields[number - (len(fields) == 5)]
        name = _FIELD_NAMES[number].replace("-", " ")
        raise ValueError(
            f"{name} {field!r}: use {_ALLOWED[number]}, *, a range 1-5, a list 1,5 or a step */5"
        ) from None
