"""Act five: attempts that must be refused. Each one gets the right problem."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from cli.demo.client import DemoCommand, DemoResponse
from cli.demo.story import Body, ScheduledFlight, Story


@dataclass(frozen=True)
class Attempt:
    """An attempt that must be refused. `code` is None if the contract does not fix it."""

    what: str
    status: int
    code: str | None
    make: Callable[["Scene"], Awaitable[DemoResponse]]


async def attempt_refusals(
    story: Story, small: ScheduledFlight, roomy: ScheduledFlight, lapsed: Body
) -> None:
    """Make all attempts. `small` has under nine seats; `lapsed` is an expired hold of the first customer."""
    scene = Scene(story, small, roomy, lapsed)
    story.progress.begin(len(ATTEMPTS))
    outcomes = []
    for attempt in ATTEMPTS:
        answer = await attempt.make(scene)
        refused = story.notebook.expect(answer, attempt.status, attempt.code)
        code = answer.body.get("code") if isinstance(answer.body, dict) else None
        outcomes.append({"what": attempt.what, "status": answer.status, "code": code, "as_expected": refused})
        story.progress.step()
    story.notebook.facts["refusals"] = outcomes


class Scene:
    """Users and flights of the attempts, with one method an attempt."""

    def __init__(self, story: Story, small: ScheduledFlight, roomy: ScheduledFlight, lapsed: Body) -> None:
        self.story, self.small, self.roomy, self.lapsed = story, small, roomy, lapsed
        self.alice, self.bob = story.customers[:2]

    async def no_token(self) -> DemoResponse:
        answer = await self.story.server.anonymous().get("/flights")
        challenge = answer.headers.get("www-authenticate", "")
        self.story.notebook.check(challenge.startswith("Bearer"), f"a 401 asks for a Bearer token: {answer}")
        return answer

    async def client_schedules(self) -> DemoResponse:
        flight = self.roomy.departure.scheduled(self.story.day)
        return await DemoCommand(self.alice, "/flights", flight).send()

    async def auditor_books(self) -> DemoResponse:
        return await self.story.auditor.booking(self.roomy.id, 1).send()

    async def broken_json(self) -> DemoResponse:
        return await self.alice.post("/bookings", b'{"flight_id": ')

    async def text_for_a_number(self) -> DemoResponse:
        body = {"flight_id": self.roomy.id, "user_id": self.alice.sub, "seats": "1"}
        return await self.alice.post("/bookings", body)

    async def not_json_at_all(self) -> DemoResponse:
        return await self.alice.post("/bookings", b"two seats, please", media_type="text/plain")

    async def unknown_flight(self) -> DemoResponse:
        return await self.alice.booking(str(uuid4()), 1).send()

    async def too_many_seats(self) -> DemoResponse:
        answer = await self.alice.booking(self.small.id, 9).send()
        facts = {name: answer.body.get(name) for name in ("asked", "free")}
        as_known = facts["asked"] == 9 and 0 <= (facts["free"] or 0) <= self.small.seats
        self.story.notebook.check(as_known, f"the refusal has asked and free: {answer}")
        return answer

    async def scheduled_twice(self) -> DemoResponse:
        flight = self.roomy.departure.scheduled(self.story.day)
        return await DemoCommand(self.story.operator, "/flights", flight).send()

    async def wrong_price(self) -> DemoResponse:
        booking = await self._booking()
        cheaper = {**booking["total_cost"], "amount": booking["total_cost"]["amount"] - 1}
        answer = await self.alice.payment(booking, cheaper).send()
        self.story.notebook.expect(answer, 409, None, expected=booking["total_cost"])
        return answer

    async def payment_without_a_key(self) -> DemoResponse:
        payment = self.alice.payment(await self._booking())
        return await self.alice.post(payment.path, payment.body)

    async def paid_twice(self) -> DemoResponse:
        booking = await self._booking()
        await self.story.send(self.alice.payment(booking))
        return await self.alice.payment(booking).send()

    async def paid_when_cancelled(self) -> DemoResponse:
        booking = await self._booking()
        await self.story.send(self.alice.cancellation(booking, "for the demo"))
        return await self.alice.payment(booking).send()

    async def paid_too_late(self) -> DemoResponse:
        return await self.alice.payment(self.lapsed).send()

    async def foreign_booking(self) -> DemoResponse:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.get(f"/bookings/{id}"))

    async def foreign_payment(self) -> DemoResponse:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.payment({**booking, "id": id}).send())

    async def foreign_cancellation(self) -> DemoResponse:
        booking = await self._booking()
        return await self._as_if_unknown(booking, lambda id: self.bob.cancellation({"id": id}, "mine").send())

    async def key_with_another_body(self) -> DemoResponse:
        first = self.alice.booking(self.roomy.id, 1)
        await self.story.send(first)
        return await replace(first, body={**first.body, "seats": 2}).send()

    async def _booking(self) -> Body:
        """Hold a seat for the first customer."""
        answer = await self.story.send(self.alice.booking(self.roomy.id, 1))
        self.story.notebook.expect(answer, 201)
        booking: Body = answer.body
        return booking

    async def _as_if_unknown(
        self, booking: Body, ask: Callable[[str], Awaitable[DemoResponse]]
    ) -> DemoResponse:
        """Ask for the booking and for a nonexistent one; the two answers must not differ."""
        foreign, unknown = await ask(booking["id"]), await ask(str(uuid4()))
        alike = all(foreign.body.get(name) == unknown.body.get(name) for name in ("status", "code", "title"))
        self.story.notebook.check(alike, f"a foreign booking is like an unknown one: {foreign} and {unknown}")
        return foreign


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
    Attempt("read another customer's booking", 404, None, Scene.foreign_booking),
    Attempt("pay another customer's booking", 404, None, Scene.foreign_payment),
    Attempt("cancel another customer's booking", 404, None, Scene.foreign_cancellation),
)
