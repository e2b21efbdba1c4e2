"""Sentences of the report, one for each finished act."""

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]


def sentences(facts: Facts, counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield a heading and a sentence for each act, from the notebook's facts and counts."""
    for heading, needed, sentence in SENTENCES:
        if needed in facts:
            yield heading, sentence(facts[needed], counts)


def _timetable(day: Facts, _: Mapping[str, int]) -> str:
    pace = day["flights"] / day["seconds"]
    loaded = f"{day['flights']} flights with {day['seats']:,} seats on {day['day']}"
    return f"{loaded}, scheduled in {day['seconds']:.1f} s ({pace:,.0f} a second)"


def _bookings(trade: Facts, counts: Mapping[str, int]) -> str:
    asked = f"{trade['orders']:,} requested: {counts['held']:,} held"
    return f"{asked}, {counts['sold out']} refused because the flight was sold out"


def _payments(_: Facts, counts: Mapping[str, int]) -> str:
    late = f", {counts['too late']} too late" if counts["too late"] else ""
    return f"{counts['paid']:,} paid and booked{late}, {counts['forgotten']} never paid"


def _cancellations(_: Facts, counts: Mapping[str, int]) -> str:
    return f"{counts['cancelled unpaid']} unpaid, {counts['cancelled paid']} paid (a refund due for each)"


def _rush(rush: Facts, _: Mapping[str, int]) -> str:
    asked = f"{rush['buyers']} buyers at the same moment for the {rush['seats']} seats of {rush['flight']}"
    outcome = f"{rush['sold']} sold, {rush['buyers'] - rush['sold']} refused"
    return f"{asked}: {outcome}, in {rush['seconds'] * 1000:.0f} ms"


def _lapse(lapse: Facts, _: Mapping[str, int]) -> str:
    freed = f"{lapse['seats']} seats of {lapse['flight']} free {lapse['seen_back_after_ms']:.1f} ms"
    return f"{freed} after their hold of {lapse['hold_seconds']:.0f} s ended, with no sweeper, and sold again"


def _late_money(money: Facts, _: Mapping[str, int]) -> str:
    seated = f"{money['seated_again']} seats of {money['flight']} paid after their hold, and booked again"
    return f"{seated}; {_price(money['refunded'])} arrived after the flight sold out, and was refunded once"


def _given_back(money: Facts, _: Mapping[str, int]) -> str:
    return f"1 of 3 seats: a refund of {_price(money['given_back'])} due, 2 stay booked"


def _cancelled_flight(money: Facts, _: Mapping[str, int]) -> str:
    cancelled = money["cancelled"]
    return (
        f"all {cancelled['bookings']} bookings at once, a refund due for each of the {cancelled['paid']} paid"
    )


def _trip(trip: Facts, _: Mapping[str, int]) -> str:
    there, back = trip["flights"]
    one = f"{trip['seats']} seats on {there} and {back}, held together and paid once, {_price(trip['paid'])}"
    return f"{one}; the way back cancelled for the quoted {_price(trip['refunded'])}"


def _departure(departure: Facts, _: Mapping[str, int]) -> str:
    sold = f"{departure['flight']} sold {departure['sold']} seats of {departure['seats']} on purpose"
    denied = f"1 party denied boarding with its price and {_price(departure['compensation'])}"
    return f"{sold}; {denied}, 1 no-show, {departure['flown']} flown"


def _family(family: Facts, _: Mapping[str, int]) -> str:
    one, other = family["references"]
    return f"{family['seats']} seats on {family['flight']} split into {one} and {other}, to the last cent"


def _delay(delay: Facts, _: Mapping[str, int]) -> str:
    answers = f"{delay['accepted']} parties accepted, {delay['refunded']} took all their money"
    return f"{delay['flight']} {delay['hours']} hours late: {answers}, {delay['moved']} fly a day later"


def _price(money: Facts) -> str:
    return f"{money['amount'] / 100:,.2f} {money['currency']}"


def _repeats(_: Facts, counts: Mapping[str, int]) -> str:
    at_once, later = counts["pressed at once"], counts["repeated later"]
    return f"{at_once} at the same instant, {later} later: always the first outcome, nothing new in the log"


def _seats(seats: Facts, _: Mapping[str, int]) -> str:
    balance = f"{seats['flights_counted']} flights: seats = held + booked + available"
    answered, counted = seats["booked_as_told"], seats["booked_as_counted"]
    return f"{balance}; {counted:,} seats booked, {answered:,} by the answers to customers"


def _pace(trade: Facts, _: Mapping[str, int]) -> str:
    pace = (
        f"{trade['commands_per_second']:,.0f} commands a second from 64 customers at a time, repeats included"
    )
    waits = f"half answered within {trade['p50_ms']:.0f} ms, 99 % within {trade['p99_ms']:.0f} ms"
    return f"{pace}; {waits} (this client shares the machine)"


SENTENCES = (
    ("Timetable", "timetable", _timetable),
    ("Bookings", "trade", _bookings),
    ("Payments", "trade", _payments),
    ("Cancellations", "trade", _cancellations),
    ("Rush", "rush", _rush),
    ("Expired holds", "lapse", _lapse),
    ("Late payment", "money", _late_money),
    ("Returned seats", "money", _given_back),
    ("A cancelled flight", "money", _cancelled_flight),
    ("A round trip", "trip", _trip),
    ("A split family", "family", _family),
    ("A delay", "delay", _delay),
    ("An overbooked flight", "departure", _departure),
    ("Repeated keys", "repeats", _repeats),
    ("Recount", "seats", _seats),
    ("Pace", "trade", _pace),
)
"""A heading, the fact that the sentence needs, and the function that writes it."""
