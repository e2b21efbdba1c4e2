"""Refusals about an itinerary, and about a booking that belongs to one."""

from uuid import UUID

from domain.refusals.base import NothingFound, Refusal, Sometimes


class ItineraryNotFound(NothingFound):
    """There is no such itinerary.

    Check the id. An itinerary of another user looks like an unknown one.
    """

    itinerary_id: Sometimes[UUID]


class BookingInItinerary(Refusal):
    """The booking belongs to an itinerary.

    Pay, capture or void the itinerary `itinerary_id` instead.
    """

    booking_id: UUID
    itinerary_id: UUID


class CurrenciesMixed(Refusal):
    """The flights of an itinerary have prices in several currencies.

    Make an itinerary for each currency.
    """

    currencies: list[str]
