"""The list of bookings: its conditions, and its pages."""

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api.http import queries
from api.http.http_errors import Forbidden, wrong_parameter
from api.http.parameters import ListQuery
from api.http.queries import Connection, SelectPage
from api.http.request import ApiRequest
from api.resources.expansion import Expand, read_expanded
from database.head import QueryResult
from domain.booking_state import Status
from domain.caller import Role
from domain.commands.fields import FlightNumber, UserName
from domain.payments import PaymentStatus
from projections import booking_lists
from projections.booking_lists import BookingSearch, BookingSort
from projections.bookings import BookingRow

Reference = Annotated[
    str,
    Meta(
        pattern=r"^[A-HJKMNP-Za-hjkmnp-z2-9]{6,12}(?!\n)$",
        description="Reference of a booking, in upper or lower case",
        examples=["VHRN26"],
    ),
]

FamilyNameSought = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$",
        description="Family name of a passenger, in any case and without accents; only for operators",
        examples=["nguyen"],
    ),
]
SEVERAL_MAX = 10
Statuses = Annotated[
    tuple[Status, ...],
    Meta(min_length=1, max_length=SEVERAL_MAX, description="One or several statuses, separated by commas"),
]
PaymentStatuses = Annotated[
    tuple[PaymentStatus, ...],
    Meta(
        min_length=1,
        max_length=SEVERAL_MAX,
        description="One or several statuses of the latest payment, separated by commas",
    ),
]
After = Annotated[datetime, Meta(tz=True, description="Not before this time")]
Before = Annotated[datetime, Meta(tz=True, description="Before this time")]


class BookingListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    user_id: UserName | UnsetType = UNSET
    flight_id: UUID | UnsetType = UNSET
    flight_number: FlightNumber | UnsetType = UNSET
    departure_day: (
        Annotated[date, Meta(description="`departure_day` of the flights with this `flight_number`")]
        | UnsetType
    ) = UNSET
    status: Statuses | UnsetType = UNSET
    payment_status: PaymentStatuses | UnsetType = UNSET
    reference: Reference | UnsetType = UNSET
    family_name: FamilyNameSought | UnsetType = UNSET
    created_after: After | UnsetType = UNSET
    created_before: Before | UnsetType = UNSET
    updated_after: After | UnsetType = UNSET
    updated_before: Before | UnsetType = UNSET
    sort: BookingSort = BookingSort.NEWEST
    expand: Expand | UnsetType = UNSET

    def booking_search(self, **fields: Any) -> BookingSearch:
        """Return the conditions in the query. Raises ValidationFailed for a flight number without its day."""
        for name, other in (("flight_number", "departure_day"), ("departure_day", "flight_number")):
            if getattr(self, name) is not UNSET and getattr(self, other) is UNSET:
                raise wrong_parameter(other, f"Required with {name}")
        return self.build_search(BookingSearch, **fields)


async def respond_bookings(request: ApiRequest) -> ASGIApp:
    """Respond with a page of the bookings that the caller may read. Raises Forbidden."""
    query = request.query(BookingListQuery)
    if query.family_name is not UNSET and Role.OPERATOR not in request.caller.roles:
        raise Forbidden([Role.OPERATOR.value])
    search = query.booking_search(owner=request.owner_filter)
    after = queries.read_cursor(request, query, search, search.cursor_type)
    return await queries.respond_list(
        request,
        query,
        search,
        search.sort_key,
        lambda one: queries.read_page(one, query, search, after, _page_of(one, query)),
        descending=search.is_descending,
    )


def _page_of(request: ApiRequest, query: BookingListQuery) -> SelectPage[BookingSearch, Any, Any]:
    """Return the function that reads a page of bookings, with the parts that the query names."""
    parts = query.expand
    if parts is UNSET:
        return booking_lists.page

    async def read(
        connection: Connection, search: BookingSearch, after: Any, limit: int
    ) -> QueryResult[list[BookingRow]]:
        page = partial(booking_lists.page, connection, search, after, limit)
        return await read_expanded(connection, page, parts, request.shared.airports)

    return read
