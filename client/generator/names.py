"""Names of the client, where they differ from those of the program: change them here."""

import keyword

RECORDS = {
    "Status": "BookingStatus",
    "WaitingRow": "WaitingParty",
    "LoggedEvent": "Event",
    "Price": "Money",
    "RefundAmount": "Money",
}
"""Names of schemas that differ from those of the program. Of other names, only the end `Row` is cut off."""

METHODS = {
    "bookings_initiate": "bookings.create",
    "bookings_initiate_many": "bookings.create_many",
    "itineraries_initiate": "itineraries.create",
    "payments_pay": "bookings.pay",
    "payments_capture": "bookings.capture",
    "payments_void": "bookings.void",
    "payments_pay_itinerary": "itineraries.pay",
    "payments_capture_itinerary": "itineraries.capture",
    "payments_void_itinerary": "itineraries.void",
    "audit_why": "flights.why",
    "audit_proof": "bookings.proof",
}
"""Methods that are not `<tag>.<function>`. `find` is `get` everywhere."""

SUBJECTS = {"payments_pay": "booking", "payments_pay_itinerary": "itinerary"}
"""Operations on a record: it provides those fields of the body that it has."""

FIRST = {"bookings_initiate_many": "items", "itineraries_initiate": "bookings"}
"""Fields that may be given without a name."""

BY_HAND = {"audit_stream"}
"""Operations that `client.py` has."""

SINGULARS = {"itineraries": "itinerary", "waitlist": "party"}


def record_name(schema: str) -> str:
    return RECORDS.get(schema, schema.removesuffix("Row"))


def method_name(operation: str) -> str:
    tag, _, name = operation.partition("_")
    return METHODS.get(operation, f"{tag}.{'get' if name == 'find' else name}")


def class_name(resource: str) -> str:
    return resource.title().replace("_", "")


def python_name(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name
