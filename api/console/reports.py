"""Pages of sales figures and of the state of operations."""

from datetime import UTC, datetime

from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec.structs import replace

from analytics.figures import DAYS, Figures, figures
from analytics.follower.lag import Lag, lags
from api.console.charts import load_chart, sales_charts
from api.console.pages import page_route, render_page
from api.http import queries
from api.http.parameters import ReadQuery
from api.http.queries import Connection
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, STAFF
from api.readiness import check_readiness, without_details
from api.resources.proofs import latest_checkpoint
from database.head import QueryResult, position


class ReportPages(Controller):
    path = "/console"

    @get("/sales", opt=page_route(STAFF, "Sales, load factor, funnel, refusals"))
    async def sales(self, request: ApiRequest) -> ASGIApp:
        async def select(connection: Connection) -> QueryResult[tuple[list[Lag], Figures]]:
            at = await position(connection)
            return QueryResult(at, (await lags(connection), await figures(connection)))

        _, (behind, totals) = await queries.read(request, ReadQuery(), select)
        return render_page(
            request,
            "sales.html",
            days=DAYS,
            lags=behind,
            figures=totals,
            sales=sales_charts(totals.sales, datetime.now(UTC).date(), DAYS),
            load=load_chart(totals.loads),
        )

    @get("/operations", opt=page_route(STAFF, "Readiness checks, lags, last signed checkpoint"))
    async def operations(self, request: ApiRequest) -> ASGIApp:
        readiness = await check_readiness(request.ledger)
        may_audit = not AUDITORS.isdisjoint(request.caller.roles)
        if not may_audit:
            readiness = replace(readiness, checks=without_details(readiness.checks))
        behind: list[Lag] = []
        checkpoint = None
        if readiness.position:
            _, behind = await queries.read(request, ReadQuery(), _lags)
            if may_audit:
                _, checkpoint = await queries.read(request, ReadQuery(), latest_checkpoint)
        return render_page(
            request, "operations.html", readiness=readiness, lags=behind, checkpoint=checkpoint
        )


async def _lags(connection: Connection) -> QueryResult[list[Lag]]:
    return QueryResult(await position(connection), await lags(connection))
