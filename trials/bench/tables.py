"""Result tables, printed to a terminal or written as Markdown."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import rich.table
from rich.console import Console

WIDTH_PIPED = 130

Column = Callable[[Sequence[Mapping[str, Any]]], str]
"""Computes a cell from the figures of a case in each round."""


class ResultTable(NamedTuple):
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def is_of_numbers(self, column: int) -> bool:
        cells = [row[column] for row in self.rows]
        is_name = column == 0 and any(map(str.isalpha, "".join(cells)))
        return any(cell[:1].isdigit() for cell in cells) and not is_name


def case_table(
    title: str, rounds: Sequence[Mapping[str, Mapping[str, Any]]], columns: Mapping[str, Column]
) -> ResultTable:
    """Return a table with a row for each case of the rounds, and columns by heading."""
    rows = [
        [case, *(column([one[case] for one in rounds]) for column in columns.values())] for case in rounds[0]
    ]
    return ResultTable(title, ("", *columns), rows)


def middle(name: str, form: str = ",.0f") -> Column:
    """Return a column of medians; empty for a case that was measured without this figure."""

    def cell(rounds: Sequence[Mapping[str, Any]]) -> str:
        if any(one.get(name) is None for one in rounds):
            return ""
        return f"{median(one[name] for one in rounds):{form}}"

    return cell


def ends(name: str) -> Column:
    """Return a column of ranges, from lowest to highest."""
    return lambda rounds: "-".join(f"{end([one[name] for one in rounds]):,.0f}" for end in (min, max))


def total(name: str) -> Column:
    return lambda rounds: str(sum(one[name] for one in rounds))


PACE_COLUMNS: Mapping[str, Column] = {
    "a second": middle("per_second"),
    "lowest-highest": ends("per_second"),
    "p50 ms": middle("p50_ms", ".2f"),
    "p99 ms": middle("p99_ms", ".2f"),
}
"""Columns for cases that are paces."""


def print_tables(tables: Iterable[ResultTable]) -> None:
    """Print to standard output, in the width of the terminal if there is one."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED, highlight=False)
    for table in tables:
        view = rich.table.Table(title=table.title, title_style="", title_justify="left")
        for number, heading in enumerate(table.headings):
            view.add_column(
                heading, justify="right" if table.is_of_numbers(number) else "left", overflow="fold"
            )
        for row in table.rows:
            view.add_row(*row)
        console.print(view)


def markdown(table: ResultTable) -> str:
    lines = [
        table.headings,
        ["---:" if table.is_of_numbers(n) else "---" for n, _ in enumerate(table.headings)],
        *table.rows,
    ]
    text = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([f"## {table.title}", "", *text, ""])
