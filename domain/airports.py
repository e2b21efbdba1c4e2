"""Airports: the IATA codes that exist, and the local time at each."""

import csv
import sys
from collections.abc import Iterable
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

CACHED_TIMES = 4096
"""Local times kept, because the same flights are read again and again."""


@cache
def listed_zones() -> dict[str, str]:
    """Return the name of the time zone of every listed airport, by IATA code.

    The package `airportsdata` holds the list. It is read once in a process; its other columns are not kept.
    """
    with (files("airportsdata") / "airports.csv").open(encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        code, zone = header.index("iata"), header.index("tz")
        return {row[code]: sys.intern(row[zone]) for row in rows if row[code] and row[zone]}


class Airports:
    """The listed airports, and the `private` ones of a deployment, which take precedence.

    Local times follow the time zone database of the machine, or that of the package `tzdata`.
    """

    def __init__(self, private: Iterable[str] = ()) -> None:
        """Each private airport is a code with the name of its time zone, like `XXA=Europe/Paris`."""
        self._private = dict(one.split("=") for one in private)
        self.local_time = lru_cache(CACHED_TIMES)(self._local_time)

    def __contains__(self, code: str) -> bool:
        return code in self._private or code in listed_zones()

    def _local_time(self, code: str, instant: datetime) -> str | None:
        """Return the instant on the clock of the airport, in RFC 3339 with the offset from UTC.

        None if the code is not known, or if RFC 3339 cannot express the time: outside the years 1 to 9999, or
        at an offset of the past that has seconds.
        """
        name = self._private.get(code) or listed_zones().get(code)
        if name is None:
            return None
        try:
            local = instant.astimezone(ZoneInfo(name))
        except OverflowError:
            return None
        offset = local.utcoffset()
        return None if offset is None or offset.seconds % 60 else local.isoformat()
