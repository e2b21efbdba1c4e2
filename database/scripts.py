"""Scripts of several statements, run one by one: a cluster sends the whole text of a request to its nodes."""

from typing import Any

import psycopg


def run_script(connection: psycopg.Connection[Any], script: str) -> None:
    """Run all statements of a script. Raises psycopg.Error."""
    for statement in split(script):
        connection.execute(statement.encode())


def split(script: str) -> list[str]:
    """Return the statements of a script. Each ends with a semicolon at the end of a line, outside of `$$`."""
    statements, lines, is_quoted = [], list[str](), False
    for line in script.splitlines():
        lines.append(line)
        is_quoted ^= line.count("$$") % 2 == 1
        if line.rstrip().endswith(";") and not is_quoted:
            statements.append("\n".join(lines))
            lines = []
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        statements.append("\n".join(lines))
    return statements
