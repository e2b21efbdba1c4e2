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
    "register_webhook": "webhooks.register",
    "list_webhooks": "webhooks.list",
    "get_webhook": "webhooks.get",
    "change_webhook": "webhooks.change",
    "delete_webhook": "webhooks.delete",
    "rotate_secret": "webhooks.rotate",
    "replay_events": "webhooks.replay",
    "send_test": "webhooks.test",
    "list_deliveries": "webhooks.deliveries",
    "list_events": "audit.events",
    "get_log_head": "audit.head",
    "get_checkpoint": "audit.checkpoint",
    "verify_log": "audit.verify",
    "get_command_outcome": "audit.outcome",
    "get_info": "operations.info",
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
