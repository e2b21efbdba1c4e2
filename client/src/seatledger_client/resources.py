"""Resources: a method for each operation of the API."""
# Generated from the OpenAPI document by `client/generator`: do not edit.

from collections.abc import Sequence
from datetime import date, datetime
from typing import Generic

from seatledger_client import records
from seatledger_client.calls import (
    Call,
    Id,
    M,
    Resource,
    Run,
    id_of,
    ids_of,
    listing,
    new_key,
    operation,
    path_of,
)


class Audit(Resource[M]):
    """Operations on audit."""

    @operation
    def checkpoint(
        self, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Checkpoint]:
        """Get the last signed checkpoint."""
        return Call(
            "GET",
            "/api/v1/audit/checkpoint",
            records.Checkpoint,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def head(
        self, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.LogHead]:
        """Get the position and hash of the last event."""
        return Call(
            "GET",
            "/api/v1/audit/head",
            records.LogHead,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def outcome(
        self,
        actor: str,
        operation: str,
        key: str,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
    ) -> Call[records.CommandOutcome]:
        """Get the recorded outcome of a command."""
        return Call(
            "GET",
            path_of("/api/v1/commands/{}/{}/{}", actor, operation, key),
            records.CommandOutcome,
            query={"min_position": min_position, "ledger": ledger},
        )

    @listing
    def events(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        after: int | None = None,
        type: str | None = None,
        booking_id: Id | None = None,
        flight_id: Id | None = None,
        sealed: bool = False,
    ) -> Call[records.Event]:
        """List events in position order. A client gets those of its own bookings and waiting parties. Pages
        before the last one may be short or empty."""
        return Call(
            "GET",
            "/api/v1/events",
            records.Event,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "after": after,
                "type": type,
                "booking_id": id_of(booking_id),
                "flight_id": id_of(flight_id),
                "sealed": sealed,
            },
        )

    @operation
    def verify(
        self, *, from_: int | None = None, to: int | None = None, ledger: str | None = None
    ) -> Call[records.Verification]:
        """Verify the hash chain, positions, versions, commands, seats and views."""
        return Call(
            "POST",
            "/api/v1/audit/verify",
            records.Verification,
            query={"ledger": ledger},
            body={"from": from_, "to": to},
        )


class Bookings(Resource[M]):
    """Operations on bookings."""

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        user_id: str | None = None,
        flight_id: Id | None = None,
        flight_number: str | None = None,
        departure_day: date | None = None,
        status: Sequence[str] | None = None,
        payment_status: Sequence[str] | None = None,
        reference: str | None = None,
        family_name: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        sort: str | None = None,
        expand: Sequence[str] | None = None,
    ) -> Call[records.Booking]:
        """List bookings, newest first. Pages before the last one may be short or empty."""
        return Call(
            "GET",
            "/api/v1/bookings",
            records.Booking,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "user_id": user_id,
                "flight_id": id_of(flight_id),
                "flight_number": flight_number,
                "departure_day": departure_day,
                "status": status,
                "payment_status": payment_status,
                "reference": reference,
                "family_name": family_name,
                "created_after": created_after,
                "created_before": created_before,
                "updated_after": updated_after,
                "updated_before": updated_before,
                "sort": sort,
                "expand": expand,
            },
        )

    @operation
    def get(
        self,
        booking: Id,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        version: int | None = None,
        position: int | None = None,
        as_of: datetime | None = None,
        expand: Sequence[str] | None = None,
    ) -> Call[records.Booking]:
        """Get a booking, now or at a past version, position or time."""
        return Call(
            "GET",
            path_of("/api/v1/bookings/{}", booking),
            records.Booking,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "version": version,
                "position": position,
                "as_of": as_of,
                "expand": expand,
            },
        )

    @operation
    def history(
        self, booking: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.BookingHistory]:
        """List the events of a booking."""
        return Call(
            "GET",
            path_of("/api/v1/bookings/{}/history", booking),
            records.BookingHistory,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def proof(
        self, booking: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Proof]:
        """Get a proof of a booking's events against the last checkpoint."""
        return Call(
            "GET",
            path_of("/api/v1/bookings/{}/proof", booking),
            records.Proof,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def create(
        self,
        *,
        flight_id: Id,
        user_id: str,
        seats: int,
        passengers: Sequence[records.NewPassenger] | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Create a booking, which holds all requested seats or none."""
        return Call(
            "POST",
            "/api/v1/bookings",
            records.Booking,
            query={"dry_run": dry_run},
            body={
                "flight_id": id_of(flight_id),
                "user_id": user_id,
                "seats": seats,
                "passengers": passengers,
            },
            key=key or new_key(),
        )

    @operation
    def create_many(
        self, items: Sequence[records.BulkHold], *, atomic: bool | None = None, dry_run: bool = False
    ) -> Call[records.BulkResult]:
        """Create up to 100 bookings. Each item has an idempotency key, shared with POST /bookings."""
        return Call(
            "POST",
            "/api/v1/bookings/bulk",
            records.BulkResult,
            query={"dry_run": dry_run},
            body={"items": items, "atomic": atomic},
        )

    @operation
    def pay(
        self,
        booking: records.Booking,
        *,
        capture: str | None = None,
        payment_method: str | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.PaymentResult]:
        """Pay for a booking."""
        return Call(
            "POST",
            "/api/v1/bookings/payments",
            records.PaymentResult,
            query={"dry_run": dry_run},
            body={
                "booking_id": booking.id,
                "user_id": booking.user_id,
                "total_cost": booking.total_cost,
                "capture": capture,
                "payment_method": payment_method,
            },
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def accept(
        self, booking: Id, *, dry_run: bool = False, if_version: int | None = None, key: str | None = None
    ) -> Call[records.Booking]:
        """Accept the changed times of the flight of a booking."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/accept-change", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def cancel(
        self,
        booking: Id,
        *,
        reason: str | None = None,
        refund: str | records.Money | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Cancel a booking."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/cancel", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"reason": reason, "refund": refund},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def quote(self, booking: Id) -> Call[records.CancellationQuote]:
        """Get the refund for cancelling a booking, without cancelling it."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/cancel/quote", booking),
            records.CancellationQuote,
            body={},
        )

    @operation
    def capture(
        self, booking: Id, *, dry_run: bool = False, if_version: int | None = None, key: str | None = None
    ) -> Call[records.Booking]:
        """Capture a pending payment. After the hold expired, it takes free seats or makes a refund due."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/capture", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def deny_boarding(
        self,
        booking: Id,
        *,
        reason: str,
        compensation: records.Money | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Cancel a paid booking for which an overbooked flight has no seats, with its refund."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/deny-boarding", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"reason": reason, "compensation": compensation},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def flown(
        self,
        booking: Id,
        *,
        passengers: Sequence[Id] | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Record that the customers of a paid booking flew."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/flown", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"passengers": ids_of(passengers)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def move(
        self,
        booking: Id,
        *,
        flight_id: Id,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Move a booking to another flight, for the same money."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/move", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"flight_id": id_of(flight_id)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def no_show(
        self,
        booking: Id,
        *,
        passengers: Sequence[Id] | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Record that the customers of a paid booking did not appear for the flight."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/no-show", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"passengers": ids_of(passengers)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def reduce_seats(
        self,
        booking: Id,
        *,
        seats: int,
        passengers: Sequence[Id] | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Reduce the seats of a booking. Seats that were paid are refunded as if they were cancelled."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/seats", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"seats": seats, "passengers": ids_of(passengers)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def split(
        self,
        booking: Id,
        *,
        passengers: Sequence[Id],
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Make a second booking of some passengers, with their seats and their share of the price."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/split", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"passengers": ids_of(passengers)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def void(
        self,
        booking: Id,
        *,
        reason: str,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Void a pending payment."""
        return Call(
            "POST",
            path_of("/api/v1/bookings/{}/void", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"reason": reason},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def passengers(
        self,
        booking: Id,
        *,
        passengers: Sequence[records.NamedPassenger],
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Booking]:
        """Name the passengers of a booking, in place of earlier ones, until the departure."""
        return Call(
            "PUT",
            path_of("/api/v1/bookings/{}/passengers", booking),
            records.Booking,
            query={"dry_run": dry_run},
            body={"passengers": passengers},
            key=key or new_key(),
            if_version=if_version,
        )


class Flights(Resource[M]):
    """Operations on flights."""

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        number: str | None = None,
        origin: str | None = None,
        destination: str | None = None,
        date: date | None = None,
        min_seats: int | None = None,
        max_price: int | None = None,
        currency: str | None = None,
        sort: str | None = None,
    ) -> Call[records.Flight]:
        """List flights."""
        return Call(
            "GET",
            "/api/v1/flights",
            records.Flight,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "number": number,
                "origin": origin,
                "destination": destination,
                "date": date,
                "min_seats": min_seats,
                "max_price": max_price,
                "currency": currency,
                "sort": sort,
            },
        )

    @operation
    def get(
        self, flight: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Flight]:
        """Get a flight."""
        return Call(
            "GET",
            path_of("/api/v1/flights/{}", flight),
            records.Flight,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def availability(
        self,
        flight: Id,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        position: int | None = None,
        as_of: datetime | None = None,
    ) -> Call[records.Availability]:
        """Get the seat availability of a flight, now or at a past position or time."""
        return Call(
            "GET",
            path_of("/api/v1/flights/{}/availability", flight),
            records.Availability,
            query={"min_position": min_position, "ledger": ledger, "position": position, "as_of": as_of},
        )

    @operation
    def why(
        self,
        flight: Id,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        seats: int | None = None,
        position: int | None = None,
    ) -> Call[records.SeatTakers]:
        """List the bookings that take seats of a flight, and the event that closed it."""
        return Call(
            "GET",
            path_of("/api/v1/flights/{}/why", flight),
            records.SeatTakers,
            query={"min_position": min_position, "ledger": ledger, "seats": seats, "position": position},
        )

    @operation
    def schedule(
        self,
        *,
        number: str,
        origin: str,
        destination: str,
        departs_at: datetime,
        arrives_at: datetime,
        seats: int,
        price: records.Money,
        backfill: bool | None = None,
        cancellation_policy: records.NewPolicy | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Schedule a flight."""
        return Call(
            "POST",
            "/api/v1/flights",
            records.Flight,
            query={"dry_run": dry_run},
            body={
                "number": number,
                "origin": origin,
                "destination": destination,
                "departs_at": departs_at,
                "arrives_at": arrives_at,
                "seats": seats,
                "price": price,
                "backfill": backfill,
                "cancellation_policy": cancellation_policy,
            },
            key=key or new_key(),
        )

    @operation
    def cancel(
        self,
        flight: Id,
        *,
        reason: str,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Cancel a flight and all its bookings."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/cancel", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"reason": reason},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def change_cancellation_policy(
        self,
        flight: Id,
        *,
        cancellation_policy: records.NewPolicy | None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Change what cancellations give back. Existing bookings keep their policy."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/cancellation-policy", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"cancellation_policy": cancellation_policy},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def depart(
        self, flight: Id, *, dry_run: bool = False, if_version: int | None = None, key: str | None = None
    ) -> Call[records.Flight]:
        """Record that a flight has departed. Its unpaid holds end."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/departed", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def move_all(
        self,
        flight: Id,
        *,
        to: Sequence[Id],
        order: str | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.BookingsMoved]:
        """Move as many bookings of a flight as fit to other flights."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/move-all", flight),
            records.BookingsMoved,
            query={"dry_run": dry_run},
            body={"to": ids_of(to), "order": order},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def overbook(
        self,
        flight: Id,
        *,
        seats: int,
        reason: str,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Set how many seats of a flight are sold beyond those of the aircraft."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/overbooking", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"seats": seats, "reason": reason},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def reprice(
        self,
        flight: Id,
        *,
        price: records.Money,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Change the price of a flight. Existing bookings keep their price."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/price", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"price": price},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def change_seats(
        self,
        flight: Id,
        *,
        seats: int,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Change the number of seats of a flight."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/seats", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"seats": seats},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def retime(
        self,
        flight: Id,
        *,
        departs_at: datetime,
        arrives_at: datetime,
        reason: str,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Flight]:
        """Change the times of a flight, and ask the customers of its bookings to accept them."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/times", flight),
            records.Flight,
            query={"dry_run": dry_run},
            body={"departs_at": departs_at, "arrives_at": arrives_at, "reason": reason},
            key=key or new_key(),
            if_version=if_version,
        )


class Itineraries(Resource[M]):
    """Operations on itineraries."""

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        user_id: str | None = None,
        flight_id: Id | None = None,
    ) -> Call[records.Itinerary]:
        """List itineraries, newest first."""
        return Call(
            "GET",
            "/api/v1/itineraries",
            records.Itinerary,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "user_id": user_id,
                "flight_id": id_of(flight_id),
            },
        )

    @operation
    def get(
        self, itinerary: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Itinerary]:
        """Get an itinerary with its bookings."""
        return Call(
            "GET",
            path_of("/api/v1/itineraries/{}", itinerary),
            records.Itinerary,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def history(
        self, itinerary: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.ItineraryHistory]:
        """List the events of all bookings of an itinerary, by position."""
        return Call(
            "GET",
            path_of("/api/v1/itineraries/{}/history", itinerary),
            records.ItineraryHistory,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def create(
        self,
        bookings: Sequence[records.ItineraryBooking],
        *,
        user_id: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Call[records.Itinerary]:
        """Create an itinerary: bookings of up to 8 flights, of which all are held or none is."""
        return Call(
            "POST",
            "/api/v1/itineraries",
            records.Itinerary,
            query={"dry_run": dry_run},
            body={"user_id": user_id, "bookings": bookings},
            key=key or new_key(),
        )

    @operation
    def pay(
        self,
        itinerary: records.Itinerary,
        *,
        capture: str | None = None,
        payment_method: str | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.ItineraryPaymentResult]:
        """Pay for an itinerary: one payment books all its bookings or none."""
        return Call(
            "POST",
            "/api/v1/itineraries/payments",
            records.ItineraryPaymentResult,
            query={"dry_run": dry_run},
            body={
                "itinerary_id": itinerary.id,
                "user_id": itinerary.user_id,
                "total_cost": itinerary.total_cost,
                "capture": capture,
                "payment_method": payment_method,
            },
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def cancel(
        self,
        itinerary: Id,
        *,
        reason: str | None = None,
        booking_ids: Sequence[Id] | None = None,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Itinerary]:
        """Cancel an itinerary, or some of its bookings. Each paid booking makes its share a refund due."""
        return Call(
            "POST",
            path_of("/api/v1/itineraries/{}/cancel", itinerary),
            records.Itinerary,
            query={"dry_run": dry_run},
            body={"reason": reason, "booking_ids": ids_of(booking_ids)},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def quote(
        self, itinerary: Id, *, booking_ids: Sequence[Id] | None = None
    ) -> Call[records.ItineraryQuote]:
        """Get the refund for cancelling an itinerary or some of its bookings, without cancelling."""
        return Call(
            "POST",
            path_of("/api/v1/itineraries/{}/cancel/quote", itinerary),
            records.ItineraryQuote,
            body={"booking_ids": ids_of(booking_ids)},
        )

    @operation
    def capture(
        self, itinerary: Id, *, dry_run: bool = False, if_version: int | None = None, key: str | None = None
    ) -> Call[records.Itinerary]:
        """Capture the pending payment of an itinerary. If it is late, all is seated again or refunded."""
        return Call(
            "POST",
            path_of("/api/v1/itineraries/{}/capture", itinerary),
            records.Itinerary,
            query={"dry_run": dry_run},
            body={},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def void(
        self,
        itinerary: Id,
        *,
        reason: str,
        dry_run: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Itinerary]:
        """Void the pending payment of an itinerary."""
        return Call(
            "POST",
            path_of("/api/v1/itineraries/{}/void", itinerary),
            records.Itinerary,
            query={"dry_run": dry_run},
            body={"reason": reason},
            key=key or new_key(),
            if_version=if_version,
        )


class Operations(Resource[M]):
    """Operations on operations."""

    @operation
    def info(self, *, min_position: int | str | None = None, ledger: str | None = None) -> Call[records.Info]:
        """Get the name, version and position of the server."""
        return Call(
            "GET",
            "/api/v1/info",
            records.Info,
            query={"min_position": min_position, "ledger": ledger},
        )


class Payments(Resource[M]):
    """Operations on payments."""

    @operation
    def get(
        self, payment: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Payment]:
        """Get a payment."""
        return Call(
            "GET",
            path_of("/api/v1/payments/{}", payment),
            records.Payment,
            query={"min_position": min_position, "ledger": ledger},
        )


class Refunds(Resource[M]):
    """Operations on refunds."""

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        status: str | None = None,
        booking_id: Id | None = None,
        user_id: str | None = None,
    ) -> Call[records.Refund]:
        """List refunds, oldest first."""
        return Call(
            "GET",
            "/api/v1/refunds",
            records.Refund,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "status": status,
                "booking_id": id_of(booking_id),
                "user_id": user_id,
            },
        )

    @operation
    def get(
        self, refund: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Refund]:
        """Get a refund."""
        return Call(
            "GET",
            path_of("/api/v1/refunds/{}", refund),
            records.Refund,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def settle(
        self,
        refund: Id,
        *,
        reference: str | None = None,
        by_hand: bool | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Call[records.Refund]:
        """Settle a refund through the payment gateway, or record that it was paid by hand."""
        return Call(
            "POST",
            path_of("/api/v1/refunds/{}/settle", refund),
            records.Refund,
            query={"dry_run": dry_run},
            body={"reference": reference, "by_hand": by_hand},
            key=key or new_key(),
        )


class Sandbox(Resource[M]):
    """Operations on sandbox."""

    @operation
    def clock(
        self, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.SandboxClock]:
        """Get the time of the sandbox. Not found on a live server."""
        return Call(
            "GET",
            "/api/v1/sandbox/clock",
            records.SandboxClock,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def advance_clock(
        self, *, advance: str, dry_run: bool = False, ledger: str | None = None, key: str | None = None
    ) -> Call[records.SandboxClock]:
        """Move the clock of the sandbox forward, and expire what is due then. Not found on a live server."""
        return Call(
            "POST",
            "/api/v1/sandbox/clock",
            records.SandboxClock,
            query={"dry_run": dry_run, "ledger": ledger},
            body={"advance": advance},
            key=key or new_key(),
        )


class Waitlist(Resource[M]):
    """Operations on waitlist."""

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        flight_id: Id | None = None,
        user_id: str | None = None,
        status: str | None = None,
    ) -> Call[records.WaitingParty]:
        """List waiting parties, in the order in which seats are offered."""
        return Call(
            "GET",
            "/api/v1/waitlist",
            records.WaitingParty,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "flight_id": id_of(flight_id),
                "user_id": user_id,
                "status": status,
            },
        )

    @operation
    def get(
        self, party: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.WaitingParty]:
        """Get a waiting party."""
        return Call(
            "GET",
            path_of("/api/v1/waitlist/{}", party),
            records.WaitingParty,
            query={"min_position": min_position, "ledger": ledger},
        )

    @operation
    def join(
        self, flight: Id, *, user_id: str, seats: int, dry_run: bool = False, key: str | None = None
    ) -> Call[records.WaitingParty]:
        """Join the waiting list of a full flight."""
        return Call(
            "POST",
            path_of("/api/v1/flights/{}/waitlist", flight),
            records.WaitingParty,
            query={"dry_run": dry_run},
            body={"user_id": user_id, "seats": seats},
            key=key or new_key(),
        )

    @operation
    def leave(
        self, party: Id, *, dry_run: bool = False, if_version: int | None = None, key: str | None = None
    ) -> Call[records.WaitingParty]:
        """Leave the waiting list. To decline an offer, cancel its booking."""
        return Call(
            "POST",
            path_of("/api/v1/waitlist/{}/leave", party),
            records.WaitingParty,
            query={"dry_run": dry_run},
            body={},
            key=key or new_key(),
            if_version=if_version,
        )


class Webhooks(Resource[M]):
    """Operations on webhooks."""

    @operation
    def remove(
        self, webhook: Id, *, ledger: str | None = None, if_version: int | None = None
    ) -> Call[records.Webhook]:
        """Delete a webhook and its log of deliveries."""
        return Call(
            "DELETE",
            path_of("/api/v1/webhooks/{}", webhook),
            records.Webhook,
            query={"ledger": ledger},
            if_version=if_version,
        )

    @listing
    def list(
        self,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        user_id: str | None = None,
    ) -> Call[records.Webhook]:
        """List webhooks, oldest first."""
        return Call(
            "GET",
            "/api/v1/webhooks",
            records.Webhook,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "user_id": user_id,
            },
        )

    @operation
    def get(
        self, webhook: Id, *, min_position: int | str | None = None, ledger: str | None = None
    ) -> Call[records.Webhook]:
        """Get a webhook."""
        return Call(
            "GET",
            path_of("/api/v1/webhooks/{}", webhook),
            records.Webhook,
            query={"min_position": min_position, "ledger": ledger},
        )

    @listing
    def deliveries(
        self,
        webhook: Id,
        *,
        min_position: int | str | None = None,
        ledger: str | None = None,
        limit: int | None = None,
        partial: bool = False,
        cursor: str | None = None,
        state: str | None = None,
        position: int | None = None,
    ) -> Call[records.Delivery]:
        """List the deliveries of the last 30 days with their answers, newest first."""
        return Call(
            "GET",
            path_of("/api/v1/webhooks/{}/deliveries", webhook),
            records.Delivery,
            query={
                "min_position": min_position,
                "ledger": ledger,
                "limit": limit,
                "partial": partial,
                "cursor": cursor,
                "state": state,
                "position": position,
            },
        )

    @operation
    def change(
        self,
        webhook: Id,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        payload: str | None = None,
        enabled: bool | None = None,
        ledger: str | None = None,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Call[records.Webhook]:
        """Change a webhook, disable it or enable it again."""
        return Call(
            "PATCH",
            path_of("/api/v1/webhooks/{}", webhook),
            records.Webhook,
            query={"ledger": ledger},
            body={"url": url, "event_types": event_types, "payload": payload, "enabled": enabled},
            key=key or new_key(),
            if_version=if_version,
        )

    @operation
    def create(
        self,
        *,
        url: str,
        event_types: Sequence[str] | None = None,
        payload: str | None = None,
        user_id: str | None = None,
        from_position: int | None = None,
        ledger: str | None = None,
        key: str | None = None,
    ) -> Call[records.RegisteredWebhook]:
        """Register a webhook. The answer shows its secret, which no other answer does."""
        return Call(
            "POST",
            "/api/v1/webhooks",
            records.RegisteredWebhook,
            query={"ledger": ledger},
            body={
                "url": url,
                "event_types": event_types,
                "payload": payload,
                "user_id": user_id,
                "from_position": from_position,
            },
            key=key or new_key(),
        )

    @operation
    def replay(
        self, webhook: Id, *, from_position: int, ledger: str | None = None, key: str | None = None
    ) -> Call[records.Webhook]:
        """Send events again from a position on."""
        return Call(
            "POST",
            path_of("/api/v1/webhooks/{}/replay", webhook),
            records.Webhook,
            query={"ledger": ledger},
            body={"from_position": from_position},
            key=key or new_key(),
        )

    @operation
    def rotate(
        self, webhook: Id, *, ledger: str | None = None, key: str | None = None
    ) -> Call[records.RotatedSecret]:
        """Make a new secret. The earlier one signs beside it for 24 hours."""
        return Call(
            "POST",
            path_of("/api/v1/webhooks/{}/rotate", webhook),
            records.RotatedSecret,
            query={"ledger": ledger},
            body={},
            key=key or new_key(),
        )

    @operation
    def test(
        self, webhook: Id, *, ledger: str | None = None, key: str | None = None
    ) -> Call[records.Delivery]:
        """Send a test message. The log of deliveries then has the answer."""
        return Call(
            "POST",
            path_of("/api/v1/webhooks/{}/test", webhook),
            records.Delivery,
            query={"ledger": ledger},
            body={},
            key=key or new_key(),
        )


class Resources(Generic[M]):
    """All resources of the API."""

    def __init__(self, answer: Run, pages: Run) -> None:
        self.audit: Audit[M] = Audit(answer, pages)
        self.bookings: Bookings[M] = Bookings(answer, pages)
        self.flights: Flights[M] = Flights(answer, pages)
        self.itineraries: Itineraries[M] = Itineraries(answer, pages)
        self.operations: Operations[M] = Operations(answer, pages)
        self.payments: Payments[M] = Payments(answer, pages)
        self.refunds: Refunds[M] = Refunds(answer, pages)
        self.sandbox: Sandbox[M] = Sandbox(answer, pages)
        self.waitlist: Waitlist[M] = Waitlist(answer, pages)
        self.webhooks: Webhooks[M] = Webhooks(answer, pages)
