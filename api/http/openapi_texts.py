"""Texts of the OpenAPI document: introduction, tags, authentication and parameters of many routes."""

DESCRIPTION = """An event-sourced booking ledger for flights.

Amounts are integers in minor units. Times are RFC 3339 in UTC. Errors are `application/problem+json`
(RFC 9457); each `type` resolves to an explanation. Responses report the log position that they reflect in
`ledger-position`. Send that position as `min_position` with a query to read your own writes from any server.
In a sandbox each JSON object that is answered also has `"livemode": false`.

Within v1, changes only add: routes, optional fields, codes of problems, types of events, and values of open
enums. The answer to a repeated command is the recorded one, so it may lack fields of later releases; such
fields are optional in the schemas.
"""

TAGS = {
    "Flights": "Schedule, find and change flights; availability of their seats.",
    "Bookings": "Hold seats for a while, read bookings, cancel them.",
    "Itineraries": "Bookings of several flights that are held, paid and cancelled together.",
    "Payments": "Pay for bookings and itineraries, in one step or in two.",
    "Refunds": "The worklist of refunds that are due.",
    "Waitlist": "Wait for seats of a full flight.",
    "Webhooks": "Receivers that events are sent to, and what they answered.",
    "Audit": "The log, its stream, its proofs and its verification.",
    "Sandbox": "Move the clock of a sandbox, to try an integration.",
    "Operations": "The state of the program.",
    "Documents": "This document, its pages and the explanations of problems.",
}
"""Tags in the order in which a reader needs them."""

BEARER = """A JSON Web Token (RFC 7519) in the header `Authorization: Bearer <token>`.

**How to get one.** Your identity provider issues it. It signs by RS256, ES256 or EdDSA with a key that the
ledger is configured to accept (`SEATLEDGER_JWKS_FILE` or `SEATLEDGER_JWKS_URL`). One with a shared
secret accepts HS256 instead, and `seatledger token --sub alice --role client` prints a token.

| claim | | |
|---|---|---|
| `sub` | required | The caller, 1 to 255 printable characters. A client acts for `user_id` = `sub` |
| `roles` | required | List of `client`, `auditor`, `analyst`, `operator`; other names are ignored |
| `exp` | required | End of validity in Unix seconds, exact |
| `nbf`, `iat` | optional | Not in the future, but for a few seconds of leeway |
| `iss` | if configured | The configured issuer |
| `aud` | if configured | Has the configured audience; without one a token with `aud` is refused |
| `ledgers` | optional | Names of the ledgers that the token is for; none: all |

A missing or wrong token is 401, a role that may not call the route 403.
"""

IDS = {
    "bookings": "the booking",
    "flights": "the flight",
    "itineraries": "the itinerary",
    "payments": "the payment",
    "refunds": "the refund",
    "waitlist": "the entry of the waiting list",
    "webhooks": "the webhook",
}
"""Subject of a path's id by the segment before it."""

PATH_PARAMETERS = {
    "actor": "`sub` of the caller who sent the command",
    "operation": "Name of the command, such as `initiate_booking`",
    "key": "Idempotency key of the command; it may contain slashes",
    "code": "Code of the problem",
    "name": "Name of the file",
}

QUERY_PARAMETERS = {
    "expand": "Parts to add to each booking",
    "flight_number": "Return only bookings of the flights with this number on `departure_day`",
    "number": "Return only flights with this number",
    "booking_id": "Return only what belongs to this booking",
    "flight_id": "Return only what belongs to this flight",
    "limit": "Largest number of entries of the page",
    "position": "Return only what is about the event at this position",
    "sort": "Order of the list; `-` stands for descending",
    "state": "Return only those that are in this state now",
    "status": "Return only those that have this status now",
    "user_id": "Return only what belongs to this user",
    "version": "State at this version",
}
"""Descriptions of parameters that many queries have and that do not describe themselves."""

LAST_EVENT_ID = "Position of the last event received. The stream resumes after it."
IF_MATCH = (
    "ETags of the versions that the command applies to, or `*`. Another current version: 412, which is not "
    "kept under the idempotency key."
)
IF_NONE_MATCH = "ETags that the caller has. If the answer still has one of them, it is 304 without a body."
REQUEST_ID = (
    "Returned on the response. Replaced by a generated id unless it is 8 to 64 letters, digits, `_` or `-`."
)
TRACEPARENT = "W3C Trace Context. Stored with the events if valid."
KEY = (
    "1 to 255 printable ASCII characters; in quotes, it is the same key. Repeating a request with the same "
    "key and body returns the first outcome and changes nothing. Keys do not expire."
)
STANDARD_KEY = "Standard name of the same header."
