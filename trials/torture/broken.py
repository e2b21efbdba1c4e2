"""`python -m trials.torture.broken NAME COMMAND …`: the program with one promise broken.

The program has no such switches: this wrapper patches it from outside, then starts it.
"""

import asyncio
import contextlib
import functools
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
from litestar import Litestar

import api.main
import api.serve
import cli.main
import cli.subprocesses
import domain.booking
import domain.departure_handlers
import domain.price_parts
import projections.availability
import projections.due_work
from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.itinerary import Itinerary
from domain.money import Money
from domain.reference import reference_of
from domain.refusals.base import Refusal
from domain.refusals.bookings import BookingCancelled
from domain.schedule import Retiming
from domain.working_set import WorkingSet
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.records import COMMANDS
from ledger.store import Store
from ledger.submission import Answer, Submission
from trials.torture.gateway_breaks import GATEWAY_BREAKS
from trials.torture.ledger_breaks import LEDGER_BREAKS

VARIABLE = "FAULTS_BROKEN"
"""Names the break for worker processes, which this wrapper does not start itself."""


def keys_in_a_second_transaction() -> None:
    """Commit events first, and the command's outcome a moment later."""
    write = Store.write

    async def write_apart(store: Store, block: Block) -> None:
        commands, block.commands = block.commands, []
        await write(store, block)
        await asyncio.sleep(0.02)
        store._send("begin")
        if commands:
            store._send(*COMMANDS.insert(commands))
        store._send("commit")
        await store._sync()

    patch.object(Store, "write", write_apart).start()
    patch.object(Store, "send_ahead", lambda store, block: None).start()


def seats_checked_outside_the_lock() -> None:
    """Read seat counts, release the lock, then take it again for the rest."""
    load = Store.load

    async def loaded(store: Store, submissions: Any) -> BlockInput:
        before = await load(store, submissions)
        store._send("commit")
        await store._sync()
        await asyncio.sleep(0.02)
        after = await load(store, submissions)
        after.working_set.seats = before.working_set.seats
        return after

    patch.object(Store, "load", loaded).start()


def answers_before_commit() -> None:
    """Answer before COMMIT, whether or not it succeeds."""
    write = Store.write

    async def write_late(store: Store, block: Block) -> None:
        with contextlib.suppress(psycopg.Error, OSError):
            await asyncio.sleep(0.005)
            await write(store, block)

    patch.object(Store, "write", write_late).start()


def holds_expired_unchecked() -> None:
    """Run a sweeper with a fast clock, and expire holds without a check."""
    early = projections.due_work._DUE.replace("held_until <= (", "held_until - interval '1 second' <= (", 1)
    patch.object(projections.due_work, "_DUE", early).start()

    def expire(booking: Booking, now: datetime) -> None:
        booking.cancel(CancelReason.HOLD_EXPIRED, None, booking.id, now)

    patch.object(Booking, "expire", expire).start()


def payments_after_the_end() -> None:
    """Accept payments without a look at the clock."""
    require = Booking.require_payable
    patch.object(
        Booking, "require_payable", lambda booking, amount, now: require(booking, amount, _LONG_AGO)
    ).start()


def refusals_forgotten() -> None:
    """Answer a refusal without recording it."""

    def refuse(block: Block, submission: Submission, refusal: Refusal) -> Answer:
        return Answer(*submission.render(submission, refusal), block.position)

    patch.object(Block, "_refuse", refuse).start()


def availability_remembered() -> None:
    """Answer availability from a cache that is out of date."""
    find_all = projections.availability.find_all
    kept: dict[UUID, Any] = {}

    async def found(connection: Any, ids: Any) -> Any:
        kept.update((await find_all(connection, ids)).value | kept)
        return (await find_all(connection, ids))._replace(value=kept)

    patch.object(projections.availability, "find_all", found).start()


def late_money_forgotten() -> None:
    """Answer a late capture without seats or a refund for the money."""

    def capture_late(booking: Booking, has_seats: bool, refund_id: UUID, now: datetime) -> None:
        if booking.status is Status.CANCELLED:
            raise BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
        booking.expire(now)

    patch.object(Booking, "capture_late", capture_late).start()


def refunds_settled_twice() -> None:
    """Settle a refund that may be settled already."""

    def settle_refund(booking: Booking, refund_id: UUID, reference: str | None, now: datetime) -> None:
        booking.trigger_event(booking.RefundSettled, refund_id=refund_id, reference=reference, timestamp=now)

    patch.object(Booking, "settle_refund", settle_refund).start()


def departures_forgotten() -> None:
    """Take payments and cancellations as if no flight had departed."""
    patch.object(WorkingSet, "has_departed", lambda working_set, flight_id: False).start()


def stated_refunds_ignored() -> None:
    """Pay all money back whatever refund the operator states."""
    patch.object(domain.departure_handlers, "_stated_refund", lambda command, booking: None).start()


def policies_ignored() -> None:
    """Pay all money back whatever the cancellation policy says."""
    patch.object(Booking, "refund_of", lambda booking, paid, now: paid).start()


def parts_divided_unevenly() -> None:
    """Give back all of the fare first, instead of a share of each part."""

    def divide(parts: dict[str, int], amount: int) -> dict[str, int]:
        shares = {}
        for code, part in parts.items():
            shares[code] = min(part, amount)
            amount -= shares[code]
        return shares

    patch.object(domain.price_parts, "divide", divide).start()


def denied_boarding_unpaid() -> None:
    """Deny boarding without a refund."""

    def deny(booking: Booking, note: str, refund_ids: Any, compensation: Any, now: datetime) -> None:
        reason = CancelReason.DENIED_BOARDING
        booking.trigger_event(booking.Cancelled, reason=reason, note=note, timestamp=now)

    patch.object(Booking, "deny_boarding", deny).start()


def schedule_changes_untold() -> None:
    """Change the times of a flight, and tell none of its bookings."""
    patch.object(Booking, "change_schedule", lambda booking, retiming, now: None).start()


def small_changes_asked() -> None:
    """Ask the customers about every change of times."""
    patch.object(Retiming, "needs_answer", lambda retiming, agreed: True).start()


def moved_seats_uncounted() -> None:
    """Move bookings without their seats."""
    patch.object(WorkingSet, "move_seats", lambda working_set, booking, flight_id: None).start()


def split_money_kept() -> None:
    """Leave the whole price with a booking that is split, beside the share of the new one."""
    trigger = Booking.trigger_event

    def keep(booking: Booking, event: Any, **fields: Any) -> None:
        if event is Booking.Split:
            fields["total_cost"] = booking.total_cost
        trigger(booking, event, **fields)

    patch.object(Booking, "trigger_event", keep).start()


def passengers_uncounted() -> None:
    """Take any number of passengers for a booking."""
    patch.object(domain.booking, "require_party", lambda passengers, seats: None).start()


def references_repeated() -> None:
    """Give two bookings with neighbouring positions one reference."""
    patch.object(
        Booking, "reference", property(lambda booking: reference_of(booking.first_position & ~1))
    ).start()


def itineraries_paid_in_part() -> None:
    """Book only the first booking of an itinerary, whatever was paid."""

    def pay(itinerary: Itinerary, payment_id: UUID, amount: Money, now: datetime) -> None:
        itinerary.require_payable(amount, now)
        itinerary.live[0].pay(payment_id, itinerary.live[0].total_cost, now)

    patch.object(Itinerary, "pay", pay).start()


def _named(*breaks: Callable[[], None]) -> dict[str, Callable[[], None]]:
    return {broken.__name__.replace("_", "-"): broken for broken in breaks}


BREAKS = _named(
    keys_in_a_second_transaction,
    seats_checked_outside_the_lock,
    answers_before_commit,
    holds_expired_unchecked,
    payments_after_the_end,
    refusals_forgotten,
    availability_remembered,
    late_money_forgotten,
    refunds_settled_twice,
    references_repeated,
    *LEDGER_BREAKS,
    itineraries_paid_in_part,
    departures_forgotten,
    stated_refunds_ignored,
    policies_ignored,
    parts_divided_unevenly,
    denied_boarding_unpaid,
    schedule_changes_untold,
    small_changes_asked,
    moved_seats_uncounted,
    split_money_kept,
    passengers_uncounted,
    *GATEWAY_BREAKS,
)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def program(name: str) -> tuple[str, ...]:
    """Return Python's arguments to run the program with this break."""
    return "-m", "trials.torture.broken", name


def create() -> Litestar:
    """Create the API's application in a worker process."""
    _break(os.environ[VARIABLE])
    return api.main.create()


@functools.cache
def _break(name: str) -> None:
    """Apply the break once in each process. A forked worker inherits it."""
    BREAKS[name]()


def main(name: str, arguments: list[str]) -> int:
    _break(name)
    os.environ[VARIABLE] = name
    # Its children start with the same break.
    patch.object(cli.subprocesses, "command", lambda *words: [sys.executable, *program(name), *words]).start()
    server = api.serve.granian_server
    patch.object(
        api.serve,
        "granian_server",
        functools.wraps(server)(lambda s, _, *rest: server(s, "trials.torture.broken:create", *rest)),
    ).start()
    return cli.main.main(arguments)


if __name__ == "__main__":
    # The module that workers import, not a second copy of it under the name __main__.
    from trials.torture import broken

    sys.exit(broken.main(sys.argv[1], sys.argv[2:]))
