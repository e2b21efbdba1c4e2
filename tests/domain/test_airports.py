"""Airports: which codes exist, and local times around changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.airports import Airports, listed_zones

AIRPORTS = Airports()


def test_every_listed_airport_has_a_time_zone_that_exists() -> None:
    zones = listed_zones()
    assert 7_000 < len(zones) < 26**3
    for name in set(zones.values()):
        assert ZoneInfo(name).key == name


@pytest.mark.parametrize(("code", "zone"), [("LHR", "Europe/London"), ("DEL", "Asia/Kolkata")])
def test_an_airport_has_its_zone(code: str, zone: str) -> None:
    assert listed_zones()[code] == zone


@pytest.mark.parametrize("code", ["QAA", "lhr", "Zürich", "", "LON"])
def test_a_code_of_no_airport_is_unknown(code: str) -> None:
    """LON is the city of London, which has six airports."""
    assert code not in AIRPORTS
    assert AIRPORTS.local_time(code, datetime(2030, 5, 17, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("code", "utc", "local"),
    [
        # Spring: an hour is skipped.
        ("LHR", "2030-03-31T00:59:59Z", "2030-03-31T00:59:59+00:00"),
        ("LHR", "2030-03-31T01:00:00Z", "2030-03-31T02:00:00+01:00"),
        ("JFK", "2030-03-10T06:59:59Z", "2030-03-10T01:59:59-05:00"),
        ("JFK", "2030-03-10T07:00:00Z", "2030-03-10T03:00:00-04:00"),
        # Autumn: an hour comes twice, and only the offset tells which one it is.
        ("LHR", "2030-10-27T00:30:00Z", "2030-10-27T01:30:00+01:00"),
        ("LHR", "2030-10-27T01:30:00Z", "2030-10-27T01:30:00+00:00"),
        # The southern summer, and a change of half an hour.
        ("SYD", "2030-10-05T15:59:59Z", "2030-10-06T01:59:59+10:00"),
        ("SYD", "2030-10-05T16:00:00Z", "2030-10-06T03:00:00+11:00"),
        ("LDH", "2030-04-06T14:59:59Z", "2030-04-07T01:59:59+11:00"),
        ("LDH", "2030-04-06T15:00:00Z", "2030-04-07T01:30:00+10:30"),
        # Offsets with 45 minutes, and both sides of the date line.
        ("KTM", "2030-05-17T20:00:00Z", "2030-05-18T01:45:00+05:45"),
        ("CHT", "2030-01-01T12:00:00Z", "2030-01-02T01:45:00+13:45"),
        ("CXI", "2030-01-01T12:00:00Z", "2030-01-02T02:00:00+14:00"),
        ("PPG", "2030-01-01T10:00:00Z", "2029-12-31T23:00:00-11:00"),
        ("DEL", "2030-01-01T00:00:00.25Z", "2030-01-01T05:30:00.250000+05:30"),
    ],
)
def test_a_local_time_has_the_offset_of_its_instant(code: str, utc: str, local: str) -> None:
    assert AIRPORTS.local_time(code, datetime.fromisoformat(utc)) == local


@pytest.mark.parametrize("utc", ["9999-12-31T23:59:59Z", "1840-01-01T00:00:00Z"])
def test_a_time_that_rfc_3339_cannot_express_is_none(utc: str) -> None:
    """After the year 9999 in Delhi, and at its offset of 05:53:28."""
    assert AIRPORTS.local_time("DEL", datetime.fromisoformat(utc)) is None


def test_private_airports_add_codes_and_take_precedence() -> None:
    airports = Airports(["XXA=Europe/Paris", "LHR=UTC"])
    noon = datetime(2030, 7, 1, 12, tzinfo=UTC)
    assert "XXA" in airports
    assert "JFK" in airports
    assert airports.local_time("XXA", noon) == "2030-07-01T14:00:00+02:00"
    assert airports.local_time("LHR", noon) == "2030-07-01T12:00:00+00:00"
