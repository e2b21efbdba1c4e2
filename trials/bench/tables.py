"""Result tables, printed to a terminal or written as Markdown."""

import sys
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

import rich.table
from rich.console import Console

WIDTH_PIPED = 130


class ResultTable(NamedTuple):
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def is_of_numbers(self, column: int) -> bool:
        cells = [row[column] for row in self.rows]
        is_name = column == 0 and any(map(str.isalpha, "".join(cells)))
        return any(cell[:1].isdigit() for cell in cells) and not is_name


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


def spread(numbers: Sequence[float], form: str = ",.0f") -> tuple[str, str]:
    """Return two cells: the median, and the range from lowest to highest."""
    return f"{median(numbers):{form}}", f"{min(numbers):{form}}-{max(numbers):{form}}"
