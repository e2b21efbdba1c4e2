"""Explanations of the problem codes, for programs and as pages."""

from html import escape

import msgspec

from api.http.http_errors import all_refusals
from api.http.problems import status_of


class ProblemType(msgspec.Struct, frozen=True):
    """The explanation of a problem code, with what to do next."""

    type: str
    code: str
    title: str
    status: int
    next_step: str


PROBLEM_TYPES = {
    kind.code: ProblemType(f"/problems/{kind.code}", kind.code, kind.title, status_of(kind), kind.advice)
    for kind in all_refusals()
}


_PROBLEM = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{code} · Seatledger</title>
<h1>{title}</h1>
<p>Problem <code>{code}</code>, status {status}.</p>
<h2>What to do</h2>
<p>{next_step}</p>
<p><a href="/docs/problems">All problems</a>, <a href="/docs">documentation</a></p>
</html>
"""


def problem_page(kind: ProblemType) -> bytes:
    """Return the explanation of a problem type as a page."""
    title, next_step = escape(kind.title), escape(kind.next_step)
    return _PROBLEM.format(code=kind.code, title=title, status=kind.status, next_step=next_step).encode()
