"""Reference server: a Litestar app that only decodes and encodes the same bodies.

`python -m trials.bench.noop --port P --workers N` serves it with the same server and settings as the API.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody

from api.serve import granian_server
from domain.booking_state import Status
from domain.commands.bookings import InitiateBooking
from domain.commands.payments import PayBooking
from domain.money import Money
from domain.payments import PaymentStatus
from projections.bookings import BookingPayment, BookingRow
from runtime.settings import Settings
from trials.bench.process import configure_gc_like_the_api

NOW = datetime(2025, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
SOME_ID = UUID("01900000-0000-7000-8000-000000000001")
PRICE = Money(45_000, "USD")


class NoopPayment(msgspec.Struct, frozen=True):
    payment_id: UUID
    booking: BookingRow


class Cancel(msgspec.Struct, frozen=True):
    reason: str


class NoopAvailability(msgspec.Struct, frozen=True):
    flight_id: UUID
    seats: int
    held: int
    booked: int
    available: int


@post("/api/v1/bookings", status_code=201)
async def create(data: JSONBody[InitiateBooking]) -> BookingRow:
    return _booking(data.flight_id, data.user_id, data.seats)


@post("/api/v1/bookings/payments", status_code=201)
async def pay(data: JSONBody[PayBooking]) -> NoopPayment:
    return NoopPayment(SOME_ID, _booking(data.booking_id, data.user_id, 1))


@post("/api/v1/bookings/{booking_id:uuid}/cancel", status_code=200)
async def cancel(booking_id: FromPath[UUID], data: JSONBody[Cancel]) -> BookingRow:
    return _booking(booking_id, "customer-0", 1)


@get("/api/v1/bookings/{booking_id:uuid}")
async def booking(booking_id: FromPath[UUID]) -> BookingRow:
    return _booking(booking_id, "customer-0", 1)


@get("/api/v1/flights/{flight_id:uuid}/availability")
async def availability(flight_id: FromPath[UUID]) -> NoopAvailability:
    return NoopAvailability(flight_id, 1000, 0, 500, 500)


def _booking(id: UUID, user_id: str, seats: int) -> BookingRow:
    return BookingRow(
        id=SOME_ID,
        reference="VHRN26",
        flight_id=id,
        user_id=user_id,
        seats=seats,
        total_cost=PRICE,
        status=Status.BOOKED,
        expires_at=NOW,
        version=1,
        created_at=NOW,
        updated_at=NOW,
        payment=BookingPayment(SOME_ID, PaymentStatus.CAPTURED),
    )


def create_app() -> Litestar:
    @asynccontextmanager
    async def freeze_garbage(_: Litestar) -> AsyncIterator[None]:
        configure_gc_like_the_api()
        yield

    return Litestar(
        [create, pay, cancel, booking, availability],
        lifespan=[freeze_garbage],
        openapi_config=None,
        logging_config=None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="trials.bench.noop", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    settings = replace(Settings(), port=options.port, workers=options.workers)
    server = granian_server(settings, "trials.bench.noop:create_app")
    print(f"ready http://{server.bind_addr}:{server.bind_port}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
