"""Quotes for cancellations: the refund, without the cancellation."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from api.http.commands import get_answer
from api.http.parameters import EmptyQuery
from api.http.problems import problem
from api.http.replies import JSON, PROBLEM, Reply, position_header
from api.http.request import ApiRequest
from domain.booking import Booking
from domain.commands.base import Command
from domain.money import Money, total
from domain.refusals.base import Refusal
from ledger.submission import Decision, Submission

QUOTE_VALID = timedelta(minutes=5)


async def respond_quote(
    request: ApiRequest, command: Command, quote: Callable[[Any], msgspec.Struct]
) -> Reply:
    """Respond with the quote for what the command cancels, as it is after a dry run, or with its refusal."""

    def render(submission: Submission, decision: Decision) -> tuple[int, bytes]:
        if isinstance(decision, Refusal):
            return problem(decision, submission.instance, submission.correlation_id)
        return 200, msgspec.json.encode(quote(decision))

    request.query(EmptyQuery)
    answer = await get_answer(request, command, render, dry_run=True, keyed=False)
    media_type = JSON if answer.status == 200 else PROBLEM
    return Reply(answer.status, answer.body, [position_header(answer.position)], media_type)


def refund_due(booking: Booking) -> Money:
    """Return what the pending events of the booking owe."""
    due = [event.amount for event in booking.pending_events if isinstance(event, Booking.RefundDue)]
    return total(due) if due else Money(0, booking.total_cost.currency)


def quote_valid_until(bookings: Iterable[Booking]) -> datetime:
    """Return the time until which a quote holds: less than its usual time if a refund can change before."""
    ends: list[datetime] = []
    for booking in bookings:
        now, policy, change = booking.modified_on, booking.cancellation_policy, booking.latest_change
        changes_at = (
            policy.refundable_until if policy else None,
            change.accept_before if change else None,
        )
        ends += [now + QUOTE_VALID, *(at for at in changes_at if at is not None and at > now)]
    return min(ends)
