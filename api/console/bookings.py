"""Bookings to look at: found, told event by event, seen as they were then, checked, and proved."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api.console import forms
from api.console.checks import check_booking
from api.console.pages import SAFETY, page, paged
from api.http import queries
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit, ReadQuery
from api.http.replies import JSON, Reply
from api.http.request import ApiRequest
from api.http.routes import AUDITORS
from api.resources import history
from api.resources.bookings import BookingListQuery
from api.resources.history import BookingHistory, BookingStateQuery
from api.resources.proofs import proof_of
from domain.booking import Status
from domain.refusals import BookingNotFound, Refusal
from projections import bookings
from projections.bookings import BookingRow, BookingSearch


class BookingRegister(BookingListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET


class BookingPages(Controller):
    path = "/console/bookings"

    @get("/", opt=paged(AUDITORS, "Bookings, the newest first"))
    async def register(self, request: ApiRequest) -> ASGIApp:
        facts: dict[str, Any] = {
            "statuses": [status.value for status in Status],
            "query": request.query_params,
        }
        try:
            asked = forms.asked(request, BookingRegister)
            given = {name: getattr(asked, name) for name in ("user_id", "flight_id", "status")}
            search = BookingSearch(**{name: value for name, value in given.items() if value is not UNSET})
            after = queries.read_cursor(request, asked, search, UUID)
        except ValidationFailed as no:
            facts |= {"rows": [], "cursor": None, "wrong": no.facts["errors"][0]}
            return page(request, "bookings.html", 400, **facts)
        seen = await queries.read_page(request, asked, search, after, bookings.page)
        named = queries.decrypt_names(request, seen.value, list[BookingRow])
        rows, cursor = queries.paginate(request, named, asked, search, lambda row: row.id)
        return page(request, "bookings.html", **facts, rows=rows, cursor=cursor, wrong=None)

    @get("/{id:str}", opt=paged(AUDITORS, "A booking's history, and what it was after each event"))
    async def booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, asked = request.id(BookingNotFound), forms.asked(request, Version)
        told = await _told(request, booking_id, asked.version or 0)
        return page(request, "booking.html", **told, found=None)

    @post("/{id:str}/verify", status_code=200, opt=paged(AUDITORS, "Check a booking's part of the log"))
    async def verify(self, request: ApiRequest) -> ASGIApp:
        booking_id = request.id(BookingNotFound)
        told = await _told(request, booking_id, 0)
        found = await check_booking(request, booking_id, [event.position for event in told["events"]])
        return page(request, "booking.html", **told, found=found)

    @get("/{id:str}/proof", opt=paged(AUDITORS, "A booking's proof as a file"))
    async def proof(self, request: ApiRequest) -> ASGIApp:
        booking_id = request.id(BookingNotFound)
        _, proof = await queries.read(
            request, ReadQuery(), lambda c: proof_of(c, booking_id, request.may_read)
        )
        if isinstance(proof, Refusal):
            raise proof
        named = (b"content-disposition", f'attachment; filename="proof-{booking_id}.json"'.encode())
        return Reply(200, proof.encode(), [*SAFETY, named], JSON)


async def _told(request: ApiRequest, booking_id: UUID, version: int) -> dict[str, Any]:
    """The history, and the booking right after that version and the one before; 0: as it is now."""

    told = (await queries.read_row(request, ReadQuery(), request.ledger.streams, booking_id)).value
    found = history.build_history(told)
    if found is None:
        raise BookingNotFound(booking_id=booking_id)
    events = queries.decrypt_names(request, found[1], BookingHistory).events
    chosen = min(version or len(events), len(events))
    then, before = (
        history.state_at(told, BookingStateQuery(version=at)) if at else None for at in (chosen, chosen - 1)
    )
    return {
        "id": booking_id,
        "events": events,
        "said": [msgspec.json.decode(event.data) for event in events],
        "chosen": chosen,
        "then": queries.decrypt_names(request, then, BookingRow | None),
        "before": queries.decrypt_names(request, before, BookingRow | None),
    }
