"""Bookings in the checker's fold: the row that callers see, and which event may follow which."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trials.checker.flights import Flight, Row, instant, needs_answer, text_of
from trials.checker.log import Event
from trials.checker.prices import ENDS, due, given_up, times, total
from trials.checker.references import expected_reference

MAY_FOLLOW = {
    "booking.payment_pending": ("initiated",),
    "booking.payment_requested": ("initiated",),
    "booking.capture_requested": ("pending",),
    "booking.void_requested": ("pending",),
    "booking.booked": ("pending",),
    "booking.payment_voided": ("pending",),
    "booking.payment_released": ("cancelled",),
    "booking.reseated": ("cancelled",),
    "booking.seats_reduced": ("initiated", "booked"),
    "booking.travel_recorded": ("booked",),
    "booking.moved": ("initiated", "pending", "booked"),
    "booking.split": ("initiated", "booked"),
    "booking.split_off": ("initiated",),
    "booking.payment_shared": ("initiated",),
    "booking.passengers_named": ("initiated", "pending", "booked"),
    "booking.schedule_changed": ("initiated", "pending", "booked"),
    "booking.schedule_accepted": ("initiated", "pending", "booked"),
}
"""The states in which each event may find a booking. Cancellations have sentences of their own."""

_IN_PROGRESS = ("requested", "pending", "capturing", "voiding")
_NO_END = datetime.max.replace(tzinfo=UTC)


def seats_needed(passengers: list[Row]) -> int:
    return sum(passenger["type"] != "infant_on_lap" for passenger in passengers)


@dataclass(slots=True)
class Booking:
    """`reason` is why it was cancelled; `refunds` are in the order in which they fell due."""

    row: Row
    flight: Flight
    flights: dict[str, Flight]
    """All flights, to which it may be moved."""
    reason: str | None = None
    refunds: dict[str, Row] = field(default_factory=dict)
    forfeited: int = 0
    """What cancellations kept, by the policy or by a smaller refund that an operator stated."""
    topics: list[str] = field(default_factory=list)
    change: Row | None = None
    """The latest change of its flight's times since it was made or the customer accepted one."""

    @classmethod
    def initiated(cls, event: Event, flights: dict[str, Flight]) -> "Booking":
        at = text_of(event.recorded_at)
        last = {"status": "initiated", "version": 1, "created_at": at, "updated_at": at, "payment": None}
        last |= {"travel": None, "schedule_change": None, "passengers": [], "split_from": None}
        names = {"id": str(event.subject), "reference": expected_reference(event.position)}
        booking = cls({**names, **event.state, **last}, flights[event.state["flight_id"]], flights)
        booking._hold_until(instant(event.state["expires_at"]))
        return booking

    @property
    def status(self) -> str:
        return str(self.row["status"])

    @property
    def seats(self) -> int:
        return int(self.row["seats"])

    @property
    def cost(self) -> int:
        """In minor units."""
        return int(self.row["total_cost"]["amount"])

    @property
    def payment_status(self) -> str | None:
        payment = self.row["payment"]
        return payment and str(payment["status"])

    @property
    def awaits_money(self) -> bool:
        """Is a payment authorised, and neither captured nor voided since?"""
        return self.payment_status in ("pending", "lapsed")

    def is_due(self, at: datetime) -> bool:
        """Is its hold over at that instant, expired or not?"""
        hold = self.flight.holds.get(self.row["id"])
        return hold is not None and hold[1] <= at

    def follow(self, event: Event) -> list[str]:
        """Apply the event; return what is wrong with it, one sentence each."""
        self.row.update(version=event.version, updated_at=text_of(event.recorded_at))
        self.topics.append(event.topic)
        if self.status == "booked" and event.topic in ENDS:
            answer_before = self.change["accept_before"] if self.change else None
            back = due(event, self.row["total_cost"], self.row.get("cancellation_policy"), answer_before)
            self.forfeited += given_up(event, self.row["total_cost"])["amount"] - back["amount"]
        step = _STEPS.get(event.topic)
        if step is None:
            return [f"the checker knows no event {event.topic}: {event}"]
        before = MAY_FOLLOW.get(event.topic, (self.status,))
        wrong = [] if self.status in before else [f"a booking that was {self.status} meets with {event}"]
        wrong += step(self, event)
        asked = self.change is not None and self.change["accept_before"] and self.status != "cancelled"
        self.row["schedule_change"] = self.change if asked else None
        return wrong

    def _payment_pending(self, event: Event) -> list[str]:
        wrong = []
        ends, before = self._ends, event.state.get("capture_before")
        if event.recorded_at >= ends:
            wrong.append(f"a payment is accepted after the hold's end {ends:%H:%M:%S.%f}: {event}")
        if self.flight.has_departed(event.recorded_at):
            wrong.append(f"a payment is accepted after the departure: {event}")
        if before and instant(before) > self.flight.departs_at:
            wrong.append(f"a payment may be captured after the departure: {event}")
        if before and instant(before) < ends:
            wrong.append(f"a payment lapses at {before}, before the hold would have: {event}")
        status = "requested" if event.topic == "booking.payment_requested" else "pending"
        self.row.update(status="pending", payment={"payment_id": event.state["payment_id"]})
        self._pay(status=status, capture_before=before)
        self._hold_until(instant(before) if before else ends)
        return wrong

    def _payment_authorised(self, _: Event) -> list[str]:
        if self.payment_status == "requested":
            self._pay(status="pending")
        return []

    def _payment_declined(self, _: Event) -> list[str]:
        self._pay(status="declined", capture_before=None)
        if self.status == "pending":
            self.row["status"] = "initiated"
            self._hold_until(instant(self.row["expires_at"]))
        return []

    def _capture_requested(self, event: Event) -> list[str]:
        before = event.state["capture_before"]
        self._pay(status="capturing", capture_before=before)
        self._hold_until(instant(before))
        return []

    def _void_requested(self, _: Event) -> list[str]:
        self._pay(status="voiding")
        return []

    def _booked(self, event: Event) -> list[str]:
        wrong = []
        if self.is_due(event.recorded_at):
            wrong.append(f"a payment is captured in time, although it was late ({self._ends}): {event}")
        if self.flight.has_departed(event.recorded_at):
            wrong.append(f"a payment is captured after the departure: {event}")
        self._leave()
        self.flight.sold[self.row["id"]] = self.seats
        self.row["status"] = "booked"
        self._pay(status="captured", capture_before=None)
        return wrong + self.flight.oversold(event)

    def _payment_voided(self, _: Event) -> list[str]:
        self.row["status"] = "initiated"
        self._pay(status="voided", capture_before=None)
        self._hold_until(instant(self.row["expires_at"]))
        return []

    def _payment_released(self, _: Event) -> list[str]:
        self._pay(status="voided", capture_before=None)
        return []

    def _reseated(self, event: Event) -> list[str]:
        """Seats given back by the customer, or cancelled with the flight, must not be taken again."""
        wrong = []
        if self.payment_status != "lapsed" or self.reason != "hold_expired" or self.flight.is_cancelled:
            was = f"cancelled by {self.reason}, its payment {self.payment_status}"
            wrong.append(f"a booking that was {was}, is seated again: {event}")
        before = event.state.get("capture_before")
        self.row["status"], self.reason = "pending", None
        self._pay(status="pending", capture_before=before)
        self._hold_until(instant(before) if before else _NO_END)
        return wrong + self.flight.oversold(event)

    def _seats_reduced(self, event: Event) -> list[str]:
        wrong = []
        if self.flight.has_departed(event.recorded_at):
            wrong.append(f"seats are given back after the departure: {event}")
        seats, cost = event.state["seats"], event.state["total_cost"]
        if not 0 < seats < self.seats:
            wrong.append(f"{self.seats} seats become {seats}: {event}")
        if times(cost, self.seats) != times(self.row["total_cost"], seats):
            wrong.append(f"the price of a seat changes from {self.row['total_cost']}: {event}")
        self.row.update(seats=seats, total_cost=cost)
        if self.status == "booked":
            self.flight.sold[self.row["id"]] = seats
        else:
            self._hold_until(self._ends)
        return wrong

    def _cancelled(self, event: Event) -> list[str]:
        before, ends, reason = self.status, self._ends, event.state["reason"]
        self.row["status"], self.reason = "cancelled", reason
        self._leave()
        if self.payment_status in _IN_PROGRESS:
            self._pay(status="lapsed", capture_before=None)
        if before == "cancelled":
            return [f"a booking is cancelled twice: {event}"]
        if reason == "hold_expired" and before == "booked":
            return [f"a hold expires although the booking was {before}: {event}"]
        departed = self.flight.has_departed(event.recorded_at)
        if reason == "hold_expired" and event.recorded_at < ends and not departed:
            return [f"a hold expires before its end {ends:%H:%M:%S.%f}: {event}"]
        if reason == "flight_cancelled" and not self.flight.is_cancelled:
            return [f"a booking is cancelled with a flight that is not: {event}"]
        return []

    def _split(self, event: Event) -> list[str]:
        """Seats and money are divided: nothing is lost, and the new part gets its share of the price."""
        wrong, state = [], event.state
        seats, moved = state["seats"], state["moved_cost"]["amount"]
        if self.flight.has_departed(event.recorded_at):
            wrong.append(f"a booking is split after the departure: {event}")
        if seats < 1 or state["moved_seats"] < 1 or seats + state["moved_seats"] != self.seats:
            wrong.append(f"the seats of a split are not the {self.seats} before it: {event}")
        parts = total([state["total_cost"], state["moved_cost"]])
        if parts != self.row["total_cost"] or moved != self.cost * state["moved_seats"] // self.seats:
            wrong.append(f"the money of a split is not the {self.cost} before it: {event}")
        self.row.update(seats=seats, total_cost=state["total_cost"])
        if self.status == "booked":
            self.flight.sold[self.row["id"]] = seats
        else:
            self._hold_until(self._ends)
        return wrong

    def _split_off(self, event: Event) -> list[str]:
        self.row["split_from"], self.change = event.state["split_from"], event.state["change"]
        return []

    def _payment_shared(self, event: Event) -> list[str]:
        self._leave()
        self.flight.sold[self.row["id"]] = self.seats
        self.row.update(status="booked", payment={"payment_id": event.state["payment_id"]})
        self._pay(status="captured", capture_before=None)
        paid = event.state["amount"]["amount"] == self.cost
        return [] if paid else [f"the share is not the cost {self.row['total_cost']}: {event}"]

    def _passengers_named(self, event: Event) -> list[str]:
        wrong, passengers = [], event.state["passengers"]
        if self.flight.has_departed(event.recorded_at):
            wrong.append(f"passengers are named after the departure: {event}")
        if seats_needed(passengers) != self.seats:
            wrong.append(f"a booking of {self.seats} seats has other passengers: {event}")
        self.row["passengers"] = passengers
        return wrong

    def _schedule_changed(self, event: Event) -> list[str]:
        """The change is measured against the times last agreed to, and all ends with the new departure."""
        return self._take_change(event, self.flight.times_before, other_route=False)

    def _moved(self, event: Event) -> list[str]:
        """The booking leaves its flight, and takes its seats on another one that is open and has them."""
        ends = self.flight.holds.get(self.row["id"])
        source, target = self.flight, self.flights[event.state["flight_id"]]
        wrong = [] if event.state["from_flight_id"] == source.row["id"] else [f"it was elsewhere: {event}"]
        if target.is_closed(event.recorded_at):
            wrong.append(f"a booking is moved to a closed flight: {event}")
        if target.row["price"]["currency"] != self.row["total_cost"]["currency"]:
            wrong.append(f"a booking is moved to a flight in another currency: {event}")
        if self.row["travel"]:
            wrong.append(f"a booking that was {self.row['travel']} is moved: {event}")
        if self.is_due(event.recorded_at):
            wrong.append(f"a booking is moved after its hold's end: {event}")
        self._leave()
        self.flight, self.row["flight_id"] = target, target.row["id"]
        for refund in self.refunds.values():
            refund["flight_id"] = target.row["id"]
        if ends:
            self.flight.holds[self.row["id"]] = ends
        else:
            self.flight.sold[self.row["id"]] = self.seats
        wrong += self._take_change(event, source.times, other_route=source.route != target.route)
        return wrong + target.oversold(event)

    def _take_change(self, event: Event, before: Row, *, other_route: bool) -> list[str]:
        state, wrong = event.state, []
        agreed = self.change["was"] if self.change else before
        self.change = {name: state[name] for name in ("was", "now", "accept_before")}
        if (state["was"], state["now"]) != (agreed, self.flight.times):
            wrong.append(f"the times {agreed} became {self.flight.times}: {event}")
        asked = other_route or needs_answer(state["was"], state["now"])
        if (state["accept_before"] is not None) != asked:
            wrong.append(f"an answer is due by {state['accept_before']}: {event}")
        self.row["expires_at"] = state["expires_at"]
        if self.status == "pending":
            self._pay(capture_before=state["capture_before"])
        if self.status in ("initiated", "pending"):
            ends = state["capture_before"] if self.status == "pending" else state["expires_at"]
            self._hold_until(instant(ends))
            if instant(ends) > self.flight.departs_at:
                wrong.append(f"a hold outlasts the new departure: {event}")
        return wrong

    def _schedule_accepted(self, event: Event) -> list[str]:
        asked = self.row["schedule_change"]
        self.change = None
        return [] if asked else [f"a change is accepted that nobody asked about: {event}"]

    def _travel_recorded(self, event: Event) -> list[str]:
        self.row["travel"] = event.state["travel"]
        travel = {one["id"]: {"travel": one["travel"]} for one in event.state.get("passengers") or ()}
        self.row["passengers"] = [one | travel.get(one["id"], {}) for one in self.row["passengers"]]
        departed = self.flight.has_departed(event.recorded_at)
        return [] if departed else [f"travel is recorded before the departure: {event}"]

    def _refund_due(self, event: Event) -> list[str]:
        state = event.state
        facts = {name: state[name] for name in ("payment_id", "amount", "reason")}
        owner = {name: self.row[name] for name in ("flight_id", "user_id")}
        times = {"due_at": text_of(event.recorded_at), "settled_at": None}
        row = {"id": state["refund_id"], "booking_id": self.row["id"], **owner, **facts, **times}
        self.refunds[state["refund_id"]] = row | {
            "status": "due",
            "reference": None,
            "gateway": None,
            "refusal": None,
        }
        wrong = self._late(event) if state["reason"] == "late_payment" else []
        if self.status == "cancelled":
            self._pay(status="refund_due")
        return wrong

    def _late(self, event: Event) -> list[str]:
        """Late money is owed only if it could not buy its seats again. A due hold blocks no seats."""
        if self.payment_status != "lapsed":
            return [f"late money comes for a payment that is {self.payment_status}: {event}"]
        if self.row.get("itinerary_id"):
            return []  # its seats are taken again with those of the itinerary or not at all
        flight, free = self.flight, self.flight.free(event.recorded_at)
        open_ = not flight.is_closed(event.recorded_at)
        if self.reason == "hold_expired" and open_ and self.seats <= free:
            return [f"late money is owed, although its {self.seats} of {free} free seats were there: {event}"]
        return []

    def _refund_requested(self, event: Event) -> list[str]:
        self.refunds[event.state["refund_id"]].update(status="requested")
        return []

    def _refund_refused(self, event: Event) -> list[str]:
        self.refunds[event.state["refund_id"]].update(status="due", refusal=event.state["code"])
        return []

    def _refund_settled(self, event: Event) -> list[str]:
        refund = self.refunds[event.state["refund_id"]]
        settled_at, reference = text_of(event.recorded_at), event.state["reference"]
        refund.update(status="settled", settled_at=settled_at, reference=reference)
        if self.status == "cancelled" and all(each["settled_at"] for each in self.refunds.values()):
            self._pay(status="refunded")
        return []

    @property
    def _ends(self) -> datetime:
        """The end of its hold; the end of time for a booking without a hold."""
        _, ends = self.flight.holds.get(self.row["id"], (0, _NO_END))
        return ends

    def _hold_until(self, ends: datetime) -> None:
        self.flight.holds[self.row["id"]] = (self.seats, ends)

    def _leave(self) -> None:
        self.flight.holds.pop(self.row["id"], None)
        self.flight.sold.pop(self.row["id"], None)

    def _pay(self, **facts: str | None) -> None:
        """Replace the payment: forged histories may have none to change."""
        self.row["payment"] = {**(self.row["payment"] or {}), **facts}


_STEPS: dict[str, Callable[[Booking, Event], list[str]]] = {
    "booking.payment_pending": Booking._payment_pending,
    "booking.payment_requested": Booking._payment_pending,
    "booking.payment_authorised": Booking._payment_authorised,
    "booking.payment_declined": Booking._payment_declined,
    "booking.capture_requested": Booking._capture_requested,
    "booking.void_requested": Booking._void_requested,
    "booking.booked": Booking._booked,
    "booking.payment_voided": Booking._payment_voided,
    "booking.payment_released": Booking._payment_released,
    "booking.reseated": Booking._reseated,
    "booking.seats_reduced": Booking._seats_reduced,
    "booking.travel_recorded": Booking._travel_recorded,
    "booking.moved": Booking._moved,
    "booking.passengers_named": Booking._passengers_named,
    "booking.split": Booking._split,
    "booking.split_off": Booking._split_off,
    "booking.payment_shared": Booking._payment_shared,
    "booking.schedule_changed": Booking._schedule_changed,
    "booking.schedule_accepted": Booking._schedule_accepted,
    "booking.cancelled": Booking._cancelled,
    "booking.refund_due": Booking._refund_due,
    "booking.refund_requested": Booking._refund_requested,
    "booking.refund_refused": Booking._refund_refused,
    "booking.refund_settled": Booking._refund_settled,
}
