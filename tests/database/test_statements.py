"""Statements and migrations name tables without a schema, and use nothing that a Citus cluster refuses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from database.schema import BASELINE, FOLDER

PROGRAM = ("analytics", "api", "audit", "cli", "database", "domain", "gateways", "ledger", "projections")
SQL = re.compile(r"\b(select|insert into|update|delete from|copy|lock table|create|alter|set_config)\b")

REFUSED = {
    "a schema": r"\b(ledger|views|analytics|analytics_store)\.(?!py\b|md\b|sql\b)[a-z_{]+(?!\()",
    "an advisory lock": r"pg_(try_)?advisory_\w*lock\w*\(",
    "forced generic plans": r"force_generic_plan",
    "a recursive query": r"with recursive",
    "a volatile function in UPDATE": r"\bupdate\b(?:(?!\b(?:where|from|returning|select)\b).)*\bset\b"
    r"(?:(?!\b(?:where|from|returning|select)\b).)*\b(clock_timestamp|gen_random_uuid|random|nextval)\(",
}
"""By name, what a statement must not contain. Seen on Citus 13.2: docs/how-to/scaling.md."""


def find_refused(statement: str) -> list[str]:
    """Return the names of what a cluster refuses in the statement."""
    return [name for name, pattern in REFUSED.items() if re.search(pattern, statement, re.DOTALL)]


def statements(checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield all statements of the program with the place where each stands."""
    for folder in (*PROGRAM, "scheduler"):
        for file in sorted((checkout / folder).rglob("*.py")):
            for line, text in _strings(ast.parse(file.read_text())):
                if SQL.search(text):
                    yield f"{file.relative_to(checkout)}:{line}", text
    migrations = [file for file in sorted(FOLDER.iterdir()) if int(file.name[:4]) > BASELINE]
    for file in (checkout / "database/ledger.sql", checkout / "analytics/facts/views.sql", *migrations):
        for number, text in enumerate(file.read_text().split(";"), 1):
            yield f"{file.relative_to(checkout)}, statement {number}", _without_literals(text)


def _strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield all strings but docstrings; in an f-string, each expression becomes `{}`."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            values = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def _without_literals(text: str) -> str:
    return re.sub(r"'(?:[^']|'')*'|--[^\n]*", "''", text)


def test_no_statement_uses_what_a_cluster_refuses(checkout: Path) -> None:
    found = list(statements(checkout))
    assert len(found) > 250
    refused = {place: names for place, text in found if (names := find_refused(text))}
    assert refused == {}


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("select * from ledger.events", "a schema"),
        ("select * from views.bookings", "a schema"),
        ("select pg_advisory_xact_lock(1)", "an advisory lock"),
        ("select set_config('plan_cache_mode', 'force_generic_plan', false)", "forced generic plans"),
        ("with recursive a as (select 1) select * from a", "a recursive query"),
        ("update people\n set at = clock_timestamp() where person = $1", "a volatile function in UPDATE"),
        (
            "insert into a values (1) on conflict do update set at = random()",
            "a volatile function in UPDATE",
        ),
    ],
)
def test_the_check_finds_each_kind(statement: str, name: str) -> None:
    assert find_refused(statement) == [name]
