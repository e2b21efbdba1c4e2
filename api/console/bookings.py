"""Pages of bookings: list, history, state after each event, checks and proof."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api.console import forms
from api.console.booking_checks import check_booking
from api.console.pages import SAFETY, page_route, render_page
from api.console.passenger_lines import show_lines
from api.http import queries
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit, ReadQuery
from api.http.replies import JSON, Reply
from api.http.request import ApiRequest
from api.http.routes import AUDITORS
from api.resources import history
from api.resources.booking_lists import BookingListQuery
from api.resources.history import BookingHistory, BookingStateQuery
from api.resources.proofs import proof_of
from database.head import stop_of
from domain.booking_state import Status
from domain.caller import Role
from domain.refusals.base import Refusal
from domain.refusals.bookings import BookingNotFound
from domain.refusals.requests import VersionNotFound
from ledger.ids import new_id
from projections import booking_lists
from projections.bookings import BookingRow


class BookingPageQuery(BookingListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25


class VersionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET


class BookingPages(Controller):
    path = "/console/bookings"

    @get("/", opt=page_route(AUDITORS, "Bookings, the newest first", query=BookingPageQuery))
    async def index(self, request: ApiRequest) -> ASGIApp:
        facts: dict[str, Any] = {
            "statuses": [status.value for status in Status],
            "query": forms.fields_as_sent(request),
        }
        try:
            query = forms.read_query(request, BookingPageQuery)
            search = query.booking_search()
            after = queries.read_cursor(request, query, search, search.cursor_type)
        except ValidationFailed as refusal:
            facts |= {"rows": [], "cursor": None, "error": refusal.facts["errors"][0]}
            return render_page(request, "bookings.html", 400, **facts)
        page = await queries.read_page(request, query, search, after, booking_lists.page)
        decrypted = queries.decrypt_names(request, page.value, list[BookingRow])
        stop = stop_of(page.value)
        rows, cursor = queries.paginate(request, decrypted, query, search, search.sort_key, stop)
        return render_page(request, "bookings.html", **facts, rows=rows, cursor=cursor, error=None)

    @get(
        "/{id:str}",
        opt=page_route(AUDITORS, "History of a booking, and its state after each event", query=VersionQuery),
    )
    async def booking(self, request: ApiRequest) -> ASGIApp:
        booking_id, query = request.id(BookingNotFound), forms.read_query(request, VersionQuery)
        facts = await read_history(request, booking_id, query.version or 0)
        return render_booking(request, facts)

    @post(
        "/{id:str}/verify",
        opt=page_route(AUDITORS, "Check the events, the view and the proof of a booking"),
    )
    async def verify(self, request: ApiRequest) -> ASGIApp:
        booking_id = request.id(BookingNotFound)
        facts = await read_history(request, booking_id, 0)
        findings = await check_booking(request, booking_id, [event.position for event in facts["events"]])
        return render_booking(request, facts, findings=findings)

    @get("/{id:str}/proof", opt=page_route(AUDITORS, "Proof of a booking as a file"))
    async def proof(self, request: ApiRequest) -> ASGIApp:
        booking_id = request.id(BookingNotFound)
        _, proof = await queries.read(
            request, ReadQuery(), lambda c: proof_of(c, booking_id, request.may_read)
        )
        if isinstance(proof, Refusal):
            raise proof
        file_name = (b"content-disposition", f'attachment; filename="proof-{booking_id}.json"'.encode())
        return Reply(200, proof.encode(), [*SAFETY, file_name], JSON)


def render_booking(request: ApiRequest, facts: dict[str, Any], status: int = 200, **outcome: Any) -> ASGIApp:
    """Render the page of a booking; `findings`, `named`, `refusal` or `wrong` is the outcome of a form."""
    return render_page(request, "booking.html", status, **facts, **(_NO_OUTCOME | outcome))


_NO_OUTCOME = {"findings": None, "named": False, "refusal": None, "wrong": (), "typed": ""}


async def read_history(request: ApiRequest, booking_id: UUID, version: int) -> dict[str, Any]:
    """Return the events, and the booking at `version` and one version before; 0 stands for the last one."""
    stream = (await queries.read_row(request, ReadQuery(), request.ledger.streams, booking_id)).value
    own_history = history.build_history(stream)
    if own_history is None:
        raise BookingNotFound(booking_id=booking_id)
    events = queries.decrypt_names(request, own_history[1], BookingHistory).events
    if version > len(events):
        raise VersionNotFound(f"It is at version {len(events)}.", version=len(events))
    chosen = version or len(events)
    then, before = (
        history.state_at(stream, BookingStateQuery(version=at)) if at else None for at in (chosen, chosen - 1)
    )
    state = queries.decrypt_names(request, then, BookingRow | None)
    return {
        "id": booking_id,
        "events": events,
        "payloads": [msgspec.json.decode(event.data) for event in events],
        "chosen": chosen,
        "then": state,
        "lines": show_lines(state.passengers) if state else "",
        "new_key": new_id,
        "may_change": Role.OPERATOR in request.caller.roles,
        "before": queries.decrypt_names(request, before, BookingRow | None),
    }
