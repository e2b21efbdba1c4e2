"""Formulas in CSV: a spreadsheet would run text that begins like one, so it gets an apostrophe before it.

Source: OWASP, "CSV Injection" (CWE-1236).
"""

import re
from collections.abc import Collection

NEUTRALISED = (
    "text of callers and gateways that begins with =, +, -, @, a tab or a line break "
    "has an apostrophe before it"
)
"""What the manifest of a CSV file says."""

# The first column is a key of the ledger, so each text follows a comma.
_maybe_formula = re.compile(rb',"?[=+\-@\t\r\n]').search
_fields = re.compile(rb'(?:"(?:[^"]|"")*"|[^",\n]*)(?:,|\n)').findall
_is_formula = re.compile(rb'"?[=+\-@\t\r\n]').match


def neutralise(row: bytes, columns: Collection[int]) -> bytes:
    """Return a row of CSV, as PostgreSQL writes it, with an apostrophe before formulas in these columns."""
    if not _maybe_formula(row):
        return row
    fields: list[bytes] = _fields(row)
    for column in columns:
        # An empty last field is a line break alone.
        if _is_formula(fields[column]) and fields[column] != b"\n":
            quote = fields[column][:1] if fields[column].startswith(b'"') else b""
            fields[column] = quote + b"'" + fields[column].removeprefix(quote)
    return b"".join(fields)
