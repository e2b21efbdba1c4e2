"""Handlers of commands about itineraries; listed in `domain.handlers.HANDLERS`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from uuid import UUID

from msgspec import UNSET

from domain import gateway_payments
from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.caller import CommandContext
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    PayItinerary,
    RecordItineraryPayment,
    VoidItinerary,
)
from domain.departure_handlers import require_cancellable
from domain.flight import FlightStatus
from domain.gateway_payments import LateTerms, PaymentReport, PaymentRequest
from domain.hold_rules import require_bookable, require_few_holds
from domain.itinerary import Itinerary
from domain.money import AMOUNT_MAX, Money
from domain.passenger_handlers import name_new_passengers
from domain.payment_handlers import lost_its_flight, require_not_departed
from domain.payments import Capture
from domain.refusals.base import Refusal
from domain.refusals.bookings import TotalTooLarge
from domain.refusals.itineraries import CurrenciesMixed, ItineraryNotFound
from domain.refusals.payments import PaymentNotPending
from domain.refusals.requests import NotYourAccount
from domain.working_set import WorkingSet


def initiate_itinerary(
    command: InitiateItinerary, context: CommandContext, working_set: WorkingSet
) -> Itinerary:
    """Hold the seats on all flights, or refuse for the first flight that cannot be booked."""
    if not context.caller.may_act_for(command.user_id):
        raise NotYourAccount
    costs = _require_all_bookable(command, context, working_set)
    departures = (working_set.flights[part.flight_id].departure for part in command.bookings)
    expires_at = min(working_set.now + working_set.terms.hold, *departures)
    ids = sorted(working_set.new_id() for _ in command.bookings)
    itinerary_id = working_set.new_id()
    bookings = [
        Booking.initiate(
            id=id,
            flight_id=part.flight_id,
            user_id=command.user_id,
            seats=part.seats,
            total_cost=cost,
            expires_at=expires_at,
            now=working_set.now,
            itinerary_id=itinerary_id,
            cancellation_policy=working_set.flights[part.flight_id].cancellation_policy,
        )
        for id, part, cost in zip(ids, command.bookings, costs, strict=True)
    ]
    for booking, part in zip(bookings, command.bookings, strict=True):
        name_new_passengers(booking, part.passengers, working_set)
    itinerary = Itinerary(itinerary_id, bookings)
    working_set.add(itinerary)
    return itinerary


def _require_all_bookable(
    command: InitiateItinerary, context: CommandContext, working_set: WorkingSet
) -> list[Money]:
    """Check that all bookings can be held together; return their costs.

    Raises the first flight's refusal with its `flight_id`, CurrenciesMixed, TotalTooLarge, TooManyHolds.
    """
    by_flight: dict[UUID, Iterator[Money]] = {}
    for flight_id, holds in command.holds_by_flight.items():
        try:
            _, of_flight = require_bookable(holds, context, working_set)
        except Refusal as refusal:
            refusal.facts.setdefault("flight_id", flight_id)
            raise
        by_flight[flight_id] = iter(of_flight)
    costs = [next(by_flight[hold.flight_id]) for hold in command.holds]
    currencies = sorted({cost.currency for cost in costs})
    if len(currencies) > 1:
        raise CurrenciesMixed(currencies=currencies)
    if sum(cost.amount for cost in costs) > AMOUNT_MAX:
        raise TotalTooLarge
    require_few_holds(command.holds, context, working_set)
    return costs


def pay_itinerary(command: PayItinerary, context: CommandContext, working_set: WorkingSet) -> Itinerary:
    itinerary = _own_itinerary(command, context, working_set)
    if itinerary.user_id != command.user_id:
        raise ItineraryNotFound(itinerary_id=command.itinerary_id)
    context.require_version(itinerary)
    if itinerary.status is not Status.BOOKED:
        for booking in itinerary.bookings:
            require_not_departed(booking, working_set)
    payment_id, amount, now = working_set.new_id(), command.total_cost, working_set.now
    before = min(map(working_set.capture_before, itinerary.live or itinerary.bookings))
    if working_set.terms.gateway is not None:
        method = "" if command.payment_method is UNSET else command.payment_method
        request = PaymentRequest(working_set.terms.gateway, method, command.capture)
        itinerary.require_payable(amount, now)
        for booking in itinerary.live:
            gateway_payments.request_payment(booking, payment_id, booking.total_cost, request, before, now)
    elif command.capture is Capture.MANUAL:
        itinerary.authorise(payment_id, amount, before, now)
    else:
        itinerary.pay(payment_id, amount, now)
    return itinerary


def capture_itinerary(
    command: CaptureItinerary, context: CommandContext, working_set: WorkingSet
) -> Itinerary:
    itinerary = working_set.itinerary(command.itinerary_id)
    context.require_version(itinerary)
    paying, now = itinerary.paying(), working_set.now
    has_seats = _have_seats(paying, working_set)
    if not _is_with_gateway(itinerary):
        itinerary.capture(has_seats, [working_set.new_id() for _ in paying], now)
        return itinerary
    captured = [one for one in paying if one.status is Status.PENDING or one.may_be_seated_again]
    before = min(map(working_set.capture_before, captured or [itinerary.payer]))
    for booking in captured or [itinerary.payer]:
        gateway_payments.request_capture(booking, has_seats, before, now)
    return itinerary


def void_itinerary(command: VoidItinerary, context: CommandContext, working_set: WorkingSet) -> Itinerary:
    itinerary = working_set.itinerary(command.itinerary_id)
    context.require_version(itinerary)
    paying = itinerary.paying()
    pending = [booking for booking in paying if booking.status is Status.PENDING] or [itinerary.payer]
    if _is_with_gateway(itinerary):
        for booking in pending:
            reason = working_set.text_for(booking, command.reason)
            gateway_payments.request_void(booking, reason, working_set.now)
        return itinerary
    for booking in pending:
        booking.void(working_set.text_for(booking, command.reason), working_set.now)
    for booking in paying:
        if booking not in pending:
            booking.release(working_set.now)
    return itinerary


def cancel_itinerary(command: CancelItinerary, context: CommandContext, working_set: WorkingSet) -> Itinerary:
    itinerary = _own_itinerary(command, context, working_set)
    context.require_version(itinerary)
    chosen = None if command.booking_ids is UNSET else command.booking_ids
    cancelled = itinerary.require_cancellable(chosen)
    for booking in cancelled:
        require_cancellable(booking, UNSET, context, working_set)
    for booking in cancelled:
        note = command.reason and working_set.text_for(booking, command.reason)
        booking.cancel(CancelReason.REQUESTED, note, working_set.new_id(), working_set.now)
    return itinerary


def record_itinerary_payment(
    command: RecordItineraryPayment, context: CommandContext, working_set: WorkingSet
) -> Itinerary:
    """Record a gateway's report for all bookings with a share in the payment."""
    itinerary = working_set.itinerary(command.itinerary_id)
    paying = itinerary.paying(command.payment_id)
    if not paying:
        raise PaymentNotPending(itinerary_id=itinerary.id)
    report = PaymentReport(command.outcome, command.reference, command.code)
    has_seats = _have_seats(paying, working_set)
    before = min(map(working_set.capture_before, paying))
    for booking in paying:
        late = LateTerms(has_seats, working_set.new_id(), before, lost_its_flight(booking, working_set))
        gateway_payments.record(booking, command.payment_id, report, late, working_set.now)
    return itinerary


def _own_itinerary(
    command: PayItinerary | CancelItinerary, context: CommandContext, working_set: WorkingSet
) -> Itinerary:
    """Return the caller's itinerary. Another account's itinerary is refused exactly like an unknown one."""
    itinerary = working_set.itinerary(command.itinerary_id)
    if not context.caller.may_act_for(itinerary.user_id):
        raise ItineraryNotFound(itinerary_id=command.itinerary_id)
    return itinerary


def _is_with_gateway(itinerary: Itinerary) -> bool:
    payment = itinerary.payer.payment
    return payment is not None and payment.gateway is not None


def _have_seats(paying: Iterable[Booking], working_set: WorkingSet) -> bool:
    """Return whether the flights have seats for all bookings that hold some or may be seated again."""
    needed: Counter[UUID] = Counter()
    for booking in paying:
        if booking.may_be_seated_again:
            needed[booking.flight_id] += booking.seats
        elif booking.status is Status.PENDING:
            needed[booking.flight_id] += 0  # its seats still count as its own
    return all(
        working_set.flights[id].status(working_set.now) is FlightStatus.SCHEDULED
        and seats <= working_set.seats[id].free
        for id, seats in needed.items()
    )
