"""The demo's final report, about two screens."""

import json

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.demo.notebook import Notebook
from cli.demo.sentences import sentences

SURPRISES_SHOWN_MAX = 20
BAR_CHARACTERS = 36


def as_json(notebook: Notebook) -> str:
    """Render all counts and facts as one JSON object."""
    return json.dumps(
        {
            "ok": not notebook.surprises,
            "checks": notebook.checks,
            "surprises": notebook.surprises,
            "counts": dict(notebook.counts),
            **notebook.facts,
        }
    )


def print_report(notebook: Notebook) -> None:
    console, facts = Console(), notebook.facts
    console.print(Rule("[bold]Seatledger: a day's trade, over HTTP, every answer checked"))
    # A demo that stopped early has no facts for the later sections.
    for needed, section in SECTIONS.items():
        if needed in facts:
            console.print(Padding(section(notebook), (1, 0, 0, 1)))
    console.print(Padding(_ending(notebook), (1, 0, 0, 1)))


def _summary(notebook: Notebook) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, sentence in sentences(notebook.facts, notebook.counts):
        table.add_row(name, sentence)
    return table


def _refusals(notebook: Notebook) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for attempt in notebook.facts["refusals"]:
        mark = "[green]refused[/]" if attempt["as_expected"] else "[red]NOT AS EXPECTED[/]"
        table.add_row(mark, escape(attempt["what"]), f"{attempt['status']} {escape(attempt['code'] or '')}")
    return Group(Text("Refused attempts", style="bold"), Padding(table, (0, 0, 0, 2)))


def _history(notebook: Notebook) -> RenderableType:
    history = notebook.facts["history"]
    booking = history["booking"]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("position", "when (UTC)", "who", "event", "then", "hash"):
        table.add_column(column, justify="right" if column == "position" else "left", no_wrap=True)
    for event in history["events"]:
        table.add_row(
            str(event["position"]),
            event["recorded_at"][11:23],
            escape(event["actor"]),
            escape(event["type"].removeprefix("booking.")),
            escape(event["status_after"]),
            event["hash"][:8],
        )
    what = f"{booking['seats']} seats on {history['flight']}"
    title = f"One booking, as an auditor reads it: {what}"
    return Group(Text(title, style="bold"), Padding(table, (0, 0, 0, 2)))


def _fullest(notebook: Notebook) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for flight in notebook.facts["seats"]["fullest"]:
        filled = round(BAR_CHARACTERS * flight["booked"] / flight["seats"])
        bar = f"[green]{'█' * filled}[/][dim]{'░' * (BAR_CHARACTERS - filled)}[/]"
        table.add_row(flight["flight"], bar, f"{flight['booked']} of {flight['seats']}")
    return Group(Text("The fullest flights", style="bold"), Padding(table, (0, 0, 0, 2)))


def _ending(notebook: Notebook) -> RenderableType:
    lines = []
    if result := notebook.facts.get("verify"):
        found = "every hash follows from its predecessor" if result["ok"] else f"NOT OK: {result}"
        lines.append(f"[bold]verify[/]  {result['checked']:,} events from 1 to the head: {escape(found)}")
    if (proof := notebook.facts.get("proof")) and proof["proved"] and proof["forgery_found"]:
        size = f"a history in {proof['bytes']:,} bytes, checked with a public key alone"
        lines.append(f"[bold]proof[/]   {size}; a copy with one changed letter is refuted")
    look = "demo --stay, or up, /console in a browser, and the token of: token --sub amir --role auditor"
    lines.append(f"[bold]console[/] to look around: {look}")
    lines.extend(f"[red]surprise[/]  {escape(text)}" for text in notebook.surprises[:SURPRISES_SHOWN_MAX])
    if more := len(notebook.surprises) - SURPRISES_SHOWN_MAX:
        lines.append(f"[red]… and {more} more[/]") if more > 0 else None
    colour, seconds = "red" if notebook.surprises else "green", notebook.facts["seconds"]
    score = f"{notebook.checks:,} checks, {len(notebook.surprises)} surprises"
    lines.append(f"[bold {colour}]{score}[/], {seconds:.1f} s")
    return "\n".join(lines)


SECTIONS = {
    "timetable": _summary,
    "refusals": _refusals,
    "history": _history,
    "seats": _fullest,
}
"""Sections of the report: the fact that each one needs, and its renderer."""
