"""Names of the client, where they differ from those of the program: change them here."""

import keyword

RECORDS = {"LoggedEvent": "Event", "Price": "Money", "RefundAmount": "Money"}
"""Names of schemas that differ from those of the program."""

TEXTS = {"Currency", "PriceCurrency"}
"""Enums of so many values that the client takes them as text."""

METHODS = {
    "schedule_flight": "flights.schedule",
    "list_flights": "flights.list",
    "get_flight": "flights.get",
    "get_availability": "flights.availability",
    "change_price": "flights.reprice",
    "change_flight_seats": "flights.change_seats",
    "change_overbooking": "flights.overbook",
    "change_times": "flights.retime",
    "cancel_flight": "flights.cancel",
    "record_departure": "flights.depart",
    "list_seat_takers": "flights.why",
    "create_booking": "bookings.create",
    "create_bookings": "bookings.create_many",
    "cancel_booking": "bookings.cancel",
    "quote_cancellation": "bookings.quote",
    "give_back_seats": "bookings.reduce_seats",
    "list_bookings": "bookings.list",
    "get_booking": "bookings.get",
    "get_booking_history": "bookings.history",
    "get_booking_proof": "bookings.proof",
    "accept_schedule_change": "bookings.accept",
    "record_flown": "bookings.flown",
    "record_no_show": "bookings.no_show",
    "pay_booking": "bookings.pay",
    "capture_payment": "bookings.capture",
    "void_payment": "bookings.void",
    "create_itinerary": "itineraries.create",
    "cancel_itinerary": "itineraries.cancel",
    "quote_itinerary_cancellation": "itineraries.quote",
    "list_itineraries": "itineraries.list",
    "get_itinerary": "itineraries.get",
    "get_itinerary_history": "itineraries.history",
    "pay_itinerary": "itineraries.pay",
    "capture_itinerary": "itineraries.capture",
    "void_itinerary": "itineraries.void",
    "list_refunds": "refunds.list",
    "settle_refund": "refunds.settle",
    "join_waiting_list": "waitlist.join",
    "leave_waiting_list": "waitlist.leave",
    "list_waiting_parties": "waitlist.list",
    "get_waiting_party": "waitlist.get",
    "list_events": "audit.events",
    "get_log_head": "audit.head",
    "get_checkpoint": "audit.checkpoint",
    "verify_log": "audit.verify",
    "get_command_outcome": "audit.outcome",
    "get_info": "operations.info",
}
"""Method of each operation. Others are `<tag>.<operation>`."""

SUBJECTS = {"pay_booking": "booking", "pay_itinerary": "itinerary"}
"""Operations on a record: it provides those fields of the body that it has."""

FIRST = {"create_bookings": "items", "create_itinerary": "bookings"}
"""Fields that may be given without a name."""

BY_HAND = {"stream_events"}
"""Operations that `client.py` has."""

SINGULARS = {"itineraries": "itinerary", "waitlist": "party"}


def record_name(schema: str) -> str:
    return RECORDS.get(schema, schema)


def method_name(id: str, tag: str) -> str:
    return METHODS.get(id, f"{tag.lower()}.{id}")


def class_name(resource: str) -> str:
    return resource.title().replace("_", "")


def python_name(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name
