"""Page of an itinerary: its bookings, and the events of all of them."""

from typing import Any

from litestar import Controller, get
from litestar.types import ASGIApp

from api.console import forms
from api.console.pages import page_route, render_page
from api.http import queries
from api.http.parameters import EmptyQuery, ReadQuery
from api.http.request import ApiRequest
from api.http.routes import AUDITORS
from api.resources.itinerary_history import ItineraryHistory, build_history
from domain.refusals.itineraries import ItineraryNotFound
from ledger import itineraries as histories
from projections import itineraries
from projections.itineraries import ItineraryRow


class ItineraryPages(Controller):
    path = "/console/itineraries"

    @get("/{id:str}", opt=page_route(AUDITORS, "Bookings and history of an itinerary", query=EmptyQuery))
    async def itinerary(self, request: ApiRequest) -> ASGIApp:
        id, _ = request.id(ItineraryNotFound), forms.read_query(request, EmptyQuery)
        _, stream = await queries.read(request, ReadQuery(), lambda c: histories.find_history(c, id))
        _, row = await queries.read(request, ReadQuery(), lambda c: itineraries.find(c, id))
        history = build_history(id, stream)
        if history is None or row is None:
            raise ItineraryNotFound(itinerary_id=id)
        facts: dict[str, Any] = {
            "row": queries.decrypt_names(request, row, ItineraryRow),
            "events": queries.decrypt_names(request, history[1], ItineraryHistory).events,
        }
        return render_page(request, "itinerary.html", id=id, **facts)
