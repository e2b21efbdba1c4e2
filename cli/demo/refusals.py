"""Act five: what must be refused. Every attempt is answered with the one right problem."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from cli.demo.client import Answer, Command
from cli.demo.story import Body, Flight, Story


@dataclass(frozen=True)
class Attempt:
    """Something somebody should not get away with. `code` is None where the contract leaves it open."""

    what: str
    status: int
    code: str | None
    make: Callable[["Scene"], Awaitable[Answer]]


async def try_what_must_be_refused(story: Story, small: Flight, roomy: Flight, lapsed: Body) -> None:
    """`small` has fewer than nine seats; `lapsed` is a booking of the first customer whose hold is over."""
    scene = Scene(story, small, roomy, lapsed)
    story.watch.begin(len(ATTEMPTS))
    outcomes = []
    for attempt in ATTEMPTS:
        answer = await attempt.make(scene)
        refused = story.notebook.expect(answer, attempt.status, attempt.code)
        code = answer.body.get("code") if isinstance(answer.body, dict) else None
        outcomes.append({"what": attempt.what, "status": answer.status, "code": code, "as_expected": refused})
        story.watch.step()
    story.notebook.facts["refusals"] = outcomes


class Scene:
    """The people and flights of the attempts, and one method for each."""

    def __init__(self, story: Story, small: Flight, roomy: Flight, lapsed: Body) -> None:
        self.story, self.small, self.roomy, self.lapsed = story, small, roomy, lapsed
        self.alice, self.bob = story.customers[:2]

    async def no_token(self) -> Answer:
        answer = await self.story.server.stranger().get("/flights")
        challenge = answer.headers.get("www-authenticate", "")
        self.story.notebook.check(challenge.startswith("Bearer"), f"a 401 asks for a Bearer token: {answer}")
        return answer

    async def client_schedules(self) -> Answer:
        flight = self.roomy.departure.scheduled(self.story.day)
        return await Command(self.alice, "/flights", flight).give()

    async def auditor_books(self) -> Answer:
        return await self.story.auditor.booking(self.roomy.id, 1).give()

    async def broken_json(self) -> Answer:
        return await self.alice.post("/bookings", b'{"flight_id": ')

    async def text_for_a_number(self) -> Answer:
        body = {"flight_id": self.roomy.id, "user_id": self.alice.sub, "seats": "1"}
        return await self.alice.post("/bookings", body)

    async def not_json_at_all(self) -> Answer:
        return await self.alice.post("/bookings", b"two seats, please", media_type="text/plain")

    async def unknown_flight(self) -> Answer:
        return await self.alice.booking(str(uuid4()), 1).give()

    async def too_many_seats(self) -> Answer:
        answer = await self.alice.booking(self.small.id, 9).give()
        facts = {name: answer.body.get(name) for name in ("asked", "free")}
        as_known = facts["asked"] == 9 and 0 <= (facts["free"] or 0) <= self.small.seats
        self.story.notebook.check(as_known, f"asked and free are told: {answer}")
        return answer

    async def scheduled_twice(self) -> Answer:
        flight = self.roomy.departure.scheduled(self.story.day)
        return await Command(self.story.operator, "/flights", flight).give()

    async def wrong_price(self) -> Answer:
        booking = await self._booking()
        cheaper = {**booking["total_cost"], "amount": booking["total_cost"]["amount"] - 1}
        answer = await self.alice.payment(booking, cheaper).give()
        self.story.notebook.expect(answer, 409, None, expected=booking["total_cost"])
        return answer

    async def payment_without_a_key(self) -> Answer:
        payment = self.alice.payment(await self._booking())
        return await self.alice.post(payment.path, payment.body)

    async def paid_twice(self) -> Answer:
        booking = await self._booking()
        await self.story.give(self.alice.payment(booking))
        return await self.alice.payment(booking).give()

    async def paid_when_cancelled(self) -> Answer:
        booking = await self._booking()
        await self.story.give(self.alice.cancellation(booking, "for the demo"))
        return await self.alice.payment(booking).give()

    async def paid_too_late(self) -> Answer:
        return await self.alice.payment(self.lapsed).give()

    async def somebody_elses_booking(self) -> Answer:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.get(f"/bookings/{id}"))

    async def somebody_elses_payment(self) -> Answer:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.payment({**booking, "id": id}).give())

    async def somebody_elses_cancellation(self) -> Answer:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.cancellation({"id": id}, "mine").give())

    async def key_with_another_body(self) -> Answer:
        first = self.alice.booking(self.roomy.id, 1)
        await self.story.give(first)
        return await replace(first, body={**first.body, "seats": 2}).give()

    async def _booking(self) -> Body:
        """Seats of the first customer, held from this moment."""
        answer = await self.story.give(self.alice.booking(self.roomy.id, 1))
        self.story.notebook.expect(answer, 201)
        booking: Body = answer.body
        return booking

    async def _as_if_unknown(self, booking: Body, ask: Callable[[str], Awaitable[Answer]]) -> Answer:
        """Asks for the booking and for one that does not exist; the two answers must not differ."""
        theirs, nobodys = await ask(booking["id"]), await ask(str(uuid4()))
        alike = all(theirs.body.get(name) == nobodys.body.get(name) for name in ("status", "code", "title"))
        self.story.notebook.check(alike, f"somebody else's is like an unknown one: {theirs} and {nobodys}")
        return theirs


ATTEMPTS = (
    Attempt("call without a token", 401, None, Scene.no_token),
    Attempt("schedule a flight as a client", 403, None, Scene.client_schedules),
    Attempt("book as an auditor", 403, None, Scene.auditor_books),
    Attempt("send half a JSON document", 400, None, Scene.broken_json),
    Attempt('ask for "1" seats', 400, None, Scene.text_for_a_number),
    Attempt("send text/plain", 415, None, Scene.not_json_at_all),
    Attempt("book an unknown flight", 404, None, Scene.unknown_flight),
    Attempt("book more seats than are free", 409, "not-enough-seats", Scene.too_many_seats),
    Attempt("schedule a flight twice", 409, "flight-already-scheduled", Scene.scheduled_twice),
    Attempt("pay one cent less", 409, "price-mismatch", Scene.wrong_price),
    Attempt("pay twice", 409, "already-paid", Scene.paid_twice),
    Attempt("pay when cancelled", 409, "booking-cancelled", Scene.paid_when_cancelled),
    Attempt("pay when the hold is over", 409, "hold-expired", Scene.paid_too_late),
    Attempt("pay without a key", 400, "idempotency-key-missing", Scene.payment_without_a_key),
    Attempt("use a key for another body", 422, "idempotency-key-reused", Scene.key_with_another_body),
    Attempt("read somebody else's booking", 404, None, Scene.somebody_elses_booking),
    Attempt("pay somebody else's booking", 404, None, Scene.somebody_elses_payment),
    Attempt("cancel somebody else's booking", 404, None, Scene.somebody_elses_cancellation),
)
