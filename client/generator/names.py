"""Names of the client, where they differ from those of the program: change them here."""

import keyword

RECORDS = {"LoggedEvent": "Event", "Price": "Money", "RefundAmount": "Money"}
"""Names of schemas that differ from those of the program."""

TEXTS = {"Currency", "PriceCurrency"}
"""Sets of values that are plain text here."""

METHODS = {
    "GET /info": "operations.info",
    "GET /events": "audit.events",
    "GET /commands/{actor}/{operation}/{key}": "audit.outcome",
    "POST /flights": "flights.schedule",
    "POST /flights/{id}/departed": "flights.depart",
    "POST /flights/{id}/overbooking": "flights.overbook",
    "POST /flights/{id}/price": "flights.reprice",
    "POST /flights/{id}/seats": "flights.change_seats",
    "POST /flights/{id}/times": "flights.retime",
    "POST /flights/{id}/cancellation-policy": "flights.change_cancellation_policy",
    "POST /flights/{id}/waitlist": "waitlist.join",
    "POST /bookings/{id}/passengers": "bookings.name_passengers",
    "POST /sandbox/clock": "sandbox.advance_clock",
    "POST /bookings/bulk": "bookings.create_many",
    "POST /bookings/payments": "bookings.pay",
    "POST /bookings/{id}/accept-change": "bookings.accept",
    "POST /bookings/{id}/cancel/quote": "bookings.quote",
    "POST /bookings/{id}/seats": "bookings.reduce_seats",
    "POST /itineraries/payments": "itineraries.pay",
    "POST /itineraries/{id}/cancel/quote": "itineraries.quote",
}
"""Methods with another name than that of their path, such as `bookings.cancel` of `/bookings/{id}/cancel`."""

SUBJECTS = {"POST /bookings/payments": "booking", "POST /itineraries/payments": "itinerary"}
"""Operations on a record: it provides those fields of the body that it has."""

FIRST = {"POST /bookings/bulk": "items", "POST /itineraries": "bookings"}
"""Fields that may be given without a name."""

BY_HAND = {"GET /events/stream"}
"""Operations that `client.py` has."""

ON_ALL = {"GET": "list", "POST": "create"}
ON_ONE = {"GET": "get", "POST": "post", "PUT": "replace", "PATCH": "change", "DELETE": "remove"}
SINGULARS = {"itineraries": "itinerary", "waitlist": "party"}


def record_name(schema: str) -> str:
    return RECORDS.get(schema, schema)


def method_name(operation: str) -> str:
    """Return resource and method of an operation such as `POST /bookings/{id}/cancel`."""
    if operation in METHODS:
        return METHODS[operation]
    verb, _, path = operation.partition(" ")
    resource, *rest = path.strip("/").split("/")
    words = [word for word in rest if not word.startswith("{")]
    name = "_".join(words) or (ON_ONE if rest else ON_ALL)[verb]
    return f"{resource}.{name}".replace("-", "_")


def problem_name(code: str) -> str:
    return code.title().replace("-", "")


def class_name(resource: str) -> str:
    return resource.title().replace("_", "")


def python_name(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name
