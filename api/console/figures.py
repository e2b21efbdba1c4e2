"""Figures to look at: sales, load factor, funnel and refusals, and how far behind the log they are."""

from datetime import UTC, datetime

from litestar import Controller, get
from litestar.types import ASGIApp

from analytics.figures import DAYS, Figures, figures
from analytics.follower.lag import Lag, lags
from api.console.charts import load_chart, sales_charts
from api.console.pages import page, paged
from api.http import queries
from api.http.parameters import ReadQuery
from api.http.queries import Connection
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, STAFF
from api.readiness import check_readiness
from api.resources.proofs import latest_checkpoint
from database.head import QueryResult, position


class FigurePages(Controller):
    path = "/console"

    @get("/sales", opt=paged(STAFF, "Sales, load factor, funnel"))
    async def sales(self, request: ApiRequest) -> ASGIApp:
        async def see(connection: Connection) -> QueryResult[tuple[list[Lag], Figures]]:
            at = await position(connection)
            return QueryResult(at, (await lags(connection), await figures(connection)))

        _, (behind, shown) = await queries.read(request, ReadQuery(), see)
        return page(
            request,
            "sales.html",
            days=DAYS,
            lags=behind,
            figures=shown,
            sales=sales_charts(shown.sales, datetime.now(UTC).date(), DAYS),
            load=load_chart(shown.loads),
        )

    @get("/operations", opt=paged(STAFF, "Is all well: every check of readiness, lags, what was signed"))
    async def operations(self, request: ApiRequest) -> ASGIApp:
        readiness = await check_readiness(request.ledger)
        behind: list[Lag] = []
        checkpoint = None
        if readiness.position:
            _, behind = await queries.read(request, ReadQuery(), _lags)
            if AUDITORS & request.caller.roles:
                _, checkpoint = await queries.read(request, ReadQuery(), latest_checkpoint)
        return page(request, "operations.html", readiness=readiness, lags=behind, checkpoint=checkpoint)


async def _lags(connection: Connection) -> QueryResult[list[Lag]]:
    return QueryResult(await position(connection), await lags(connection))
