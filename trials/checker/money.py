"""Money: captured money is kept for seats or owed to the customer, and each refund is paid back once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from trials.checker.flights import Row
from trials.checker.history import Command, History
from trials.checker.log import Event
from trials.checker.prices import ENDS, adds_up, due, given_up, whole


@dataclass(slots=True)
class Account:
    """The money of one booking, by a fold of its own. Amounts are minor units of the cost's currency."""

    cost: Row
    policy: Row | None = None
    answer_before: str | None = None
    due: Row | None = None
    """The refund that the next event must record."""
    is_booked: bool = False
    authorised: int | None = None
    """The authorised amount until it is captured or voided. It outlives the end of the booking."""
    captured: int = 0
    owed: dict[str, int] = field(default_factory=dict)
    """The amount of each refund that ever fell due."""
    compensations: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)

    forfeited: int = 0
    """What cancellations kept, by the policy or by a smaller refund that an operator stated."""

    @property
    def balance(self) -> int:
        """Captured money that is neither kept, owed nor paid back: 0 between two commands."""
        kept = self.cost["amount"] if self.is_booked else 0
        return self.captured - int(kept) - self.forfeited - sum(self.owed.values())

    def follow(self, event: Event) -> Iterator[str]:
        """Apply the event; yield what is wrong with it."""
        state = event.state
        if self.is_booked and event.topic in ENDS:
            self.due = due(event, self.cost, self.policy, self.answer_before)
            self.forfeited += given_up(event, self.cost)["amount"] - self.due["amount"]
        match event.topic:
            case "booking.payment_pending" | "booking.payment_requested":
                self.authorised = state["amount"]["amount"]
                if state["amount"] != whole(self.cost):
                    yield f"{state['amount']} is authorised for what costs {self.cost}: {event}"
            case "booking.payment_voided" | "booking.payment_released" | "booking.payment_declined":
                self.authorised = None
            case "booking.booked":
                yield from self._capture(event)
                self.is_booked = True
            case "booking.schedule_changed" | "booking.moved":
                self.answer_before = state["accept_before"]
            case "booking.schedule_accepted":
                self.answer_before = None
            case "booking.split_off":
                self.answer_before = state["change"] and state["change"]["accept_before"]
            case "booking.split":
                self.cost = state["total_cost"]
                if self.is_booked:
                    self.captured -= state["moved_cost"]["amount"]
            case "booking.payment_shared":
                self.captured += state["amount"]["amount"]
                self.is_booked = True
            case "booking.seats_reduced":
                self.cost = state["total_cost"]
            case "booking.cancelled":
                self.is_booked = False
            case "booking.refund_due":
                yield from self._owe(event)
            case "booking.refund_settled":
                yield from self._settle(event)

    def _capture(self, event: Event) -> Iterator[str]:
        if self.authorised is None:
            yield f"money is captured that was never authorised: {event}"
        self.captured += self.authorised or 0
        self.authorised = None

    def _owe(self, event: Event) -> Iterator[str]:
        """Record a refund. Late money is captured and owed by one event."""
        refund, amount = event.state["refund_id"], event.state["amount"]
        expected, self.due = self.due, None
        if event.state["reason"] == "late_payment":
            yield from self._capture(event)
            expected = self.cost
        if refund in self.owed or refund in self.compensations:
            yield f"a refund falls due twice: {event}"
        if event.state["reason"] == "compensation":
            # Owed beside what was paid, in any currency.
            self.compensations.add(refund)
            return
        if amount["amount"] <= 0 or amount["currency"] != self.cost["currency"]:
            yield f"a refund of {amount} for what costs {self.cost}: {event}"
        if amount != expected or not adds_up(amount):
            yield f"a refund of {amount} instead of {expected}: {event}"
        self.owed[refund] = amount["amount"]

    def _settle(self, event: Event) -> Iterator[str]:
        refund = event.state["refund_id"]
        if refund not in self.owed and refund not in self.compensations:
            yield f"a refund is settled that was never due: {event}"
        if refund in self.settled:
            yield f"a refund is settled twice: {event}"
        self.settled.add(refund)


def check_money(history: History) -> Iterator[str]:
    """After each command the money of its booking is accounted for, and a capture brings money in."""
    accounts: dict[str, Account] = {}
    for (subject, command), group in groupby(
        history.log.events, lambda each: (str(each.subject), each.command)
    ):
        events = list(group)
        if events[0].topic == "booking.initiated":
            state = events[0].state
            accounts[subject] = Account(state["total_cost"], state.get("cancellation_policy"))
        account = accounts.get(subject)
        if account is None:
            continue
        yield from _check_stated(history.commands.get(command), events, account)
        before = account.captured
        for event in events:
            yield from account.follow(event)
        # With a gateway a capture records the intent only.
        intent = any(event.topic == "booking.capture_requested" for event in events)
        if (
            command[1] in ("capture_payment", "capture_itinerary")
            and account.captured == before
            and not intent
        ):
            yield f"a payment is captured, and neither booked nor owed: {events[-1]}"
        if account.balance:
            kept = account.captured - sum(account.owed.values())
            yield f"of {account.captured} captured, {kept} is kept for {account}: {events[-1]}"
            del accounts[subject]


def _check_stated(command: Command | None, events: list[Event], account: Account) -> Iterator[str]:
    """The refund that an operator stated is the one that the cancellation records."""
    cancelled = next((event for event in events if event.topic == "booking.cancelled"), None)
    if command is None or cancelled is None or cancelled.operation != "cancel_booking":
        return
    paid = int(account.cost["amount"]) if account.is_booked else 0
    recorded = cancelled.state.get("refund")
    amounts = [_stated_amount(request.fields.get("refund"), paid) for request in command.requests]
    if (recorded and recorded["amount"]) not in amounts:
        yield f"a stated refund of {amounts} is recorded as {recorded}: {cancelled}"


def _stated_amount(stated: Any, paid: int) -> int | None:
    if stated is None:
        return None
    return {"full": paid, "none": 0}[stated] if isinstance(stated, str) else int(stated["amount"])
