"""Charts: shapes computed here, drawn as SVG by a template and styled by the style sheet.

The SVG is 1000 wide and 300 high and scales to the width of the page. Labels are text beside it at equal
distances, so that they stay readable on a phone. No script, and no style attribute.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from analytics.figures import LoadFactor, Sale, SeatCounts
from api.console.pages import money
from domain.currencies import minor_digits

WIDTH, HEIGHT = 1000, 300
LINES = 4
"""Number of spaces between grid lines."""


class Shape(NamedTuple):
    """Path of one style; `title` is its tooltip."""

    style: str
    path: str
    title: str = ""


class Chart(NamedTuple):
    """Labels `ys` run from top to bottom and `xs` from left to right; `rows` are the data table."""

    title: str
    summary: str
    legend: list[tuple[str, str]]
    shapes: list[Shape]
    xs: list[str]
    ys: list[str]
    heads: list[str]
    rows: list[list[Any]]


def seats_chart(points: Sequence[SeatCounts] | None) -> Chart | None:
    """Stack booked, held and free seats; each count lasts until the next event."""
    if not points:
        return None
    first, last = points[0].at, max(points[-1].at, points[0].at + dt.timedelta(seconds=1))
    top = _top(max(point.booked + point.held + point.available for point in points))
    span = (last - first).total_seconds()

    def line(heights: Sequence[int], style: str, title: str) -> Shape:
        steps = [
            (WIDTH * (p.at - first).total_seconds() / span, h) for p, h in zip(points, heights, strict=True)
        ]
        path = f"M0 {HEIGHT}"
        for (x, _), height in zip(steps, heights, strict=True):
            path += f"H{x:.1f}V{HEIGHT - HEIGHT * height / top:.1f}"
        return Shape(style, f"{path}H{WIDTH}V{HEIGHT}Z", title)

    end = points[-1]
    return Chart(
        "Seats over time",
        f"At the end {end.booked} booked, {end.held} held and {end.available} free of {end.seats} seats.",
        [("free", "free"), ("held", "held"), ("booked", "booked")],
        [
            line([p.booked + p.held + p.available for p in points], "free", "free"),
            line([p.booked + p.held for p in points], "held", "held"),
            line([p.booked for p in points], "booked", "booked"),
        ],
        [_at(first + (last - first) * part / 2, last - first) for part in range(3)],
        [str(top * (LINES - part) // LINES) for part in range(LINES + 1)],
        ["position", "when", "booked", "held", "free", "seats"],
        [[p.position, p.at, p.booked, p.held, p.available, p.seats] for p in points[-200:]],
    )


def sales_charts(sales: Sequence[Sale] | None, today: dt.date, days: int) -> list[Chart]:
    """Return a chart per currency: captured amounts upwards, refunds due downwards."""
    by_currency: dict[str, list[Sale]] = {}
    for sale in sales or ():
        by_currency.setdefault(sale.currency, []).append(sale)
    return [_sales_chart(currency, rows, today, days) for currency, rows in by_currency.items()]


def _sales_chart(currency: str, sales: list[Sale], today: dt.date, days: int) -> Chart:
    highest, lowest = max(sale.captured for sale in sales), max(sale.refunded for sale in sales)
    # Grid lines have equal distances, and one of them is zero.
    step = _top(max(highest, lowest)) // LINES
    above, below = max(1, -(-highest // step)), -(-lowest // step)
    scale = HEIGHT / (above + below) / step
    zero, width = above * step * scale, WIDTH / days
    shapes = [Shape("axis", f"M0 {zero:.1f}H{WIDTH}")]
    for sale in sales:
        left = WIDTH - width * ((today - sale.day).days + 0.85)
        captured, refunded = money(sale.captured, currency), money(sale.refunded, currency)
        for style, amount in (("booked", sale.captured), ("owed", -sale.refunded)):
            path = f"M{left:.1f} {zero:.1f}v{-amount * scale:.1f}h{width * 0.7:.1f}V{zero:.1f}Z"
            title = f"{sale.day}: captured {captured}, refunds due {refunded}"
            shapes += [Shape(style, path, title)] if amount else []
    captured = money(sum(sale.captured for sale in sales), currency)
    refunded = money(sum(sale.refunded for sale in sales), currency)
    return Chart(
        f"Sales in {currency}",
        f"In {days} days captured {captured}, refunds due {refunded}.",
        [("booked", "captured"), ("owed", "refunds due")],
        shapes,
        [f"{today - dt.timedelta(days=days - 1):%d %b}", f"{today:%d %b}"],
        [_short((above - line) * step, currency) for line in range(above + below + 1)],
        ["day", "payments", "seats", "captured", "refunds due"],
        [
            [
                sale.day,
                sale.payments,
                sale.seats,
                *(money(n, currency) for n in (sale.captured, sale.refunded)),
            ]
            for sale in reversed(sales)
        ],
    )


def load_chart(loads: Sequence[LoadFactor] | None) -> Chart | None:
    """Plot the load factor against the days to departure, which is on the right."""
    if not loads:
        return None
    span = max(7, loads[0].days)
    share = {load.days: load.booked / load.seats if load.seats else 0.0 for load in loads}
    points = [(WIDTH * (1 - days / span), HEIGHT * (1 - part)) for days, part in share.items()]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    area = f"{path}L{points[-1][0]:.1f} {HEIGHT}L{points[0][0]:.1f} {HEIGHT}Z"
    dots = [
        Shape("dot", f"M{x:.1f} {y:.1f}h0", f"{days} days to go: {part:.1%}")
        for (x, y), (days, part) in zip(points, share.items(), strict=True)
    ]
    last = loads[-1]
    return Chart(
        "Load factor by days to departure",
        f"With {last.days} days to go {last.flights} flights are {share[last.days]:.1%} booked.",
        [],
        [Shape("area", area), Shape("line", path), *dots],
        [f"{span} days before", "departure"],
        [f"{100 * (LINES - part) // LINES} %" for part in range(LINES + 1)],
        ["days to go", "flights", "seats", "booked", "load factor"],
        [[*load, f"{share[load.days]:.1%}"] for load in reversed(loads)],
    )


def _top(largest: int) -> int:
    """Return a round number that is at least `largest` and a multiple of `LINES`."""
    magnitude = LINES
    while True:
        for factor in (1, 2, 3, 5):
            if magnitude * factor >= largest:
                return magnitude * factor
        magnitude *= 10


def _short(amount: float, currency: str) -> str:
    """Render an amount in minor units in short form, like 1.2 M."""
    whole = abs(amount) / 10 ** minor_digits(currency)
    sign = "−" if amount < 0 else ""
    for power, unit in ((9, " bn"), (6, " M"), (3, " k")):
        if whole >= 10**power:
            return f"{sign}{whole / 10**power:.3g}{unit}"
    return f"{sign}{whole:.3g}"


def _at(time: dt.datetime, span: dt.timedelta) -> str:
    if span < dt.timedelta(minutes=10):
        return f"{time:%H:%M:%S}"
    return f"{time:%H:%M}" if span < dt.timedelta(days=1) else f"{time:%d %b %H:%M}"
