"""Example bodies in the OpenAPI document, as struct instances, so that they match the schemas."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from api.http.audit_examples import AUDIT_EXAMPLES
from api.http.commands import BookingsMoved, MovedBooking, PaymentResult, SandboxClock, UnmovedBooking
from api.http.itinerary_examples import ITINERARY_EXAMPLES
from api.http.problem_examples import BOOKING, FLIGHT, PASSENGER, PAYMENT, REFUND, WAITING
from api.http.problem_types import ProblemType
from api.http.queries import Page
from api.http.request import EmptyBody
from api.http.webhook_examples import WEBHOOK_EXAMPLES
from api.resources.bookings import BookingCancellation, CancellationQuote, SeatReduction
from api.resources.bulk import BulkHold, BulkHolds, BulkResult, ItemResult
from api.resources.flights import (
    FlightCancellation,
    NewCancellationPolicy,
    NewOverbooking,
    NewPrice,
    NewSeats,
)
from api.resources.passengers import BookingPart, PassengerList
from api.resources.payments import PaymentVoid
from api.resources.refunds import RefundSettlement
from api.resources.schedule import MoveTarget, MoveTargetList, NewTimes
from api.resources.travel import BoardingDenial, TravelRecord
from api.resources.verification import VerifyRange
from api.resources.waiting import NewWaitingParty
from audit.verify import Verification
from domain.booking_state import Status
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import ScheduleFlight
from domain.commands.passengers import NamedPassenger
from domain.commands.payments import PayBooking
from domain.commands.sandbox import AdvanceClock
from domain.flight import FlightStatus
from domain.money import Money
from domain.passengers import PassengerType
from domain.payments import Capture, PaymentStatus
from domain.refunds import RefundReason, RefundStatus
from domain.refusals.flights import NotEnoughSeats
from ledger.payments import PaymentRow
from projections.availability import Availability
from projections.bookings import BookingPayment, BookingRow
from projections.flights import FlightRow
from projections.refunds import RefundRow
from projections.waiting import WaitingListStatus, WaitingRow

_LATER_FLIGHT = UUID("01932c07-5bb0-7aaa-8000-00000000ba19")
_BOOKING_OF_NINE = UUID("01932c07-5bb2-7bbb-8000-0000000a11ce")
_DEPARTURE = datetime(2030, 5, 17, 21, 45, tzinfo=UTC)
_ARRIVAL = datetime(2030, 5, 18, 4, 40, tzinfo=UTC)
_CREATED_AT = datetime(2030, 4, 1, 9, 30, tzinfo=UTC)
_HELD_UNTIL = datetime(2030, 4, 1, 9, 35, tzinfo=UTC)
_PRICE = Price(450000, "INR", {"fare": 375000, "fee:booking": 5000, "tax:GB": 70000})
_POLICY = NewPolicy(datetime(2030, 5, 10, tzinfo=UTC), {"fare": 50, "tax:*": 100}, {"tax:*": 100})
_COST = _PRICE.as_money().times(2)

BA117 = FlightRow(
    FLIGHT,
    "BA117",
    "LHR",
    "JFK",
    _DEPARTURE,
    _ARRIVAL,
    date(2030, 5, 17),
    180,
    _PRICE.as_money(),
    FlightStatus.SCHEDULED,
    1,
    cancellation_policy=_POLICY.as_policy(),
    departs_at_local="2030-05-17T22:45:00+01:00",
    arrives_at_local="2030-05-18T00:40:00-04:00",
)
ALICE_HOLDS_TWO = BookingRow(
    BOOKING,
    "VHRN26",
    FLIGHT,
    "alice",
    2,
    _COST,
    Status.INITIATED,
    _HELD_UNTIL,
    1,
    _CREATED_AT,
    _CREATED_AT,
    None,
    cancellation_policy=_POLICY.as_policy(),
)
ALICE_BOOKED = replace(
    ALICE_HOLDS_TWO, status=Status.BOOKED, version=3, payment=BookingPayment(PAYMENT, PaymentStatus.CAPTURED)
)

ALICE_PAYMENT = PaymentRow(
    PAYMENT,
    BOOKING,
    [BOOKING],
    None,
    "alice",
    Money(900000, "INR"),
    Capture.AUTOMATIC,
    PaymentStatus.CAPTURED,
    None,
    None,
    None,
    _CREATED_AT,
    _CREATED_AT,
)
ALICE_REFUND = RefundRow(
    REFUND,
    BOOKING,
    FLIGHT,
    "alice",
    PAYMENT,
    _POLICY.refund_of(_PRICE.as_money(), _CREATED_AT),
    RefundReason.SEATS_REDUCED,
    RefundStatus.DUE,
    _CREATED_AT,
    None,
    None,
)

ALICE_WAITS = WaitingRow(
    WAITING,
    FLIGHT,
    "alice",
    2,
    WaitingListStatus.WAITING,
    3,
    _CREATED_AT,
    None,
    None,
    1,
)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


EXAMPLES: dict[Any, Any] = {
    ScheduleFlight: ScheduleFlight(
        "BA117", "LHR", "JFK", _DEPARTURE, _ARRIVAL, 180, _PRICE, cancellation_policy=_POLICY
    ),
    FlightRow: BA117,
    Page[FlightRow]: Page([BA117], None),
    NewPrice: NewPrice(Price(475000, "INR", {"fare": 395000, "fee:booking": 5000, "tax:GB": 75000})),
    NewCancellationPolicy: NewCancellationPolicy(_POLICY),
    NewSeats: NewSeats(186),
    NewOverbooking: NewOverbooking(4, "One in forty does not appear on Mondays"),
    NewTimes: NewTimes(
        _DEPARTURE + timedelta(hours=2), _ARRIVAL + timedelta(hours=2), "The inbound flight is late"
    ),
    MoveTarget: MoveTarget(_LATER_FLIGHT),
    MoveTargetList: MoveTargetList((_LATER_FLIGHT,)),
    BookingsMoved: BookingsMoved(
        [MovedBooking(BOOKING, _LATER_FLIGHT)], [UnmovedBooking(_BOOKING_OF_NINE, "not-enough-seats")]
    ),
    BoardingDenial: BoardingDenial("Came last to the gate", Price(250000, "INR")),
    Availability: Availability(FLIGHT, 180, 2, 0, 178),
    InitiateBooking: InitiateBooking(FLIGHT, "alice", 2),
    BookingRow: ALICE_HOLDS_TWO,
    Page[BookingRow]: Page([ALICE_HOLDS_TWO], None),
    PayBooking: PayBooking(BOOKING, "alice", Money(900000, "INR")),
    PaymentResult: PaymentResult(PAYMENT, ALICE_BOOKED),
    BookingCancellation: BookingCancellation("Plans changed"),
    BulkHolds: BulkHolds([BulkHold("order-4711-1", FLIGHT, "alice", 2)], atomic=True),
    BulkResult: BulkResult([ItemResult("order-4711-1", 201, 42, False, _raw(ALICE_HOLDS_TWO))]),
    EmptyBody: EmptyBody(),
    PassengerList: PassengerList(
        (
            NamedPassenger("Alice", "Nguyễn", PassengerType.ADULT, "1984-02-29"),
            NamedPassenger("Tom", "Nguyễn", PassengerType.CHILD),
        )
    ),
    BookingPart: BookingPart((PASSENGER,)),
    TravelRecord: TravelRecord((PASSENGER,)),
    SeatReduction: SeatReduction(1),
    CancellationQuote: CancellationQuote(BOOKING, 3, 2, _POLICY.refund_of(_COST, _CREATED_AT), _HELD_UNTIL),
    PaymentVoid: PaymentVoid("Declined by the bank"),
    FlightCancellation: FlightCancellation("Fog at LHR"),
    PaymentRow: ALICE_PAYMENT,
    RefundRow: ALICE_REFUND,
    Page[RefundRow]: Page([ALICE_REFUND], None),
    RefundSettlement: RefundSettlement("re_4711"),
    NewWaitingParty: NewWaitingParty("alice", 2),
    WaitingRow: ALICE_WAITS,
    Page[WaitingRow]: Page([ALICE_WAITS], None),
    VerifyRange: VerifyRange(1, 4711),
    AdvanceClock: AdvanceClock("PT10M"),
    SandboxClock: SandboxClock(_HELD_UNTIL),
    Verification: Verification(True, 4711, None, None),
    ProblemType: ProblemType(
        "/problems/not-enough-seats",
        NotEnoughSeats.code,
        NotEnoughSeats.title,
        409,
        NotEnoughSeats.advice,
    ),
    **ITINERARY_EXAMPLES,
    **AUDIT_EXAMPLES,
    **WEBHOOK_EXAMPLES,
}
