"""Query strings: strict decoding and errors."""

import pytest

from api.http import parameters
from api.http.http_errors import ValidationFailed
from api.http.parameters import ReadQuery
from api.resources.flights import FlightListQuery
from api.resources.history import BookingStateQuery
from projections.flights import Sort


def test_valid_parameters_decode_to_their_struct() -> None:
    query = parameters.decode(b"origin=JFK&limit=5&sort=-price&date=2040-05-17&min_seats=0", FlightListQuery)
    assert (query.origin, query.limit, query.sort, query.min_seats) == ("JFK", 5, Sort.DEAREST, 0)
    assert parameters.decode(b"", FlightListQuery).limit == 50
    assert parameters.decode(b"as_of=2040-05-17T00:00:00%2B02:00", BookingStateQuery).as_of


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=+5",
        "limit=-5",
        "limit=1_0",
        "limit=5.0",
        "limit=٥",
        "limit=%D9%A5",
        "limit=",
        "limit=null",
        "limit=5%0A",
        "limit=99999999999999999999",
        "limit=5&limit=5",
        "limt=5",
        "limit",
        "origin=jfk",
        "origin=JFK%0A",
        "origin=%00",
        "origin=%FF",
        "sort=price;drop table",
        "sort=PRICE",
        "date=2040-02-30",
        "date=20400517",
        "min_position=-1",
        "min_position=9223372036854775808",
        "cursor=",
        "cursor=a%27b",
        "&".join(f"a{number}=1" for number in range(50)),
    ],
)
def test_an_invalid_parameter_is_refused(query: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parameters.decode(query.encode(), FlightListQuery)
    assert refused.value.facts["errors"]


@pytest.mark.parametrize(
    "query", ["version=1&position=2", "version=0", "as_of=1", "as_of=2040-05-17T00:00:00", "position=0"]
)
def test_at_most_one_of_version_position_and_time_is_accepted(query: str) -> None:
    with pytest.raises(ValidationFailed):
        parameters.decode(query.encode(), BookingStateQuery)


def test_the_error_names_an_unknown_parameter() -> None:
    with pytest.raises(ValidationFailed) as refused:
        parameters.decode(b"min_positon=1", ReadQuery)
    assert refused.value.facts["errors"] == [{"parameter": "min_positon", "message": "Unknown, remove it"}]
