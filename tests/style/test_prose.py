"""Limits on personal pronouns and on docstrings that open with a fragment, in code and documents."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.name for path in ROOT.glob("[!.]*/") if any(path.rglob("*.py")))
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
RELEASED_MIGRATION_MAX = "0012"
NEW_MIGRATIONS = [p for p in ROOT.glob("database/migrations/*.sql") if p.name[:4] > RELEASED_MIGRATION_MAX]
PRONOUN = re.compile(r"\b(who|whom|whose|whom?ever|(some|no|every|any)body|someone)\b", re.IGNORECASE)
FRAGMENT = re.compile(
    r"(what(ever)?|who(ever)?|whom|whether|of|those|as|how|where|when|from|by|in|for|to)\b", re.IGNORECASE
)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, those of constants included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()


def comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def over_limit(texts: list[str], pattern: re.Pattern[str], found_max: float) -> list[str]:
    """Return the texts, each `file:line: words`, that match, if there are more matches than the limit."""
    found = [text for text in texts if pattern.search(text)]
    return found if sum(len(pattern.findall(text)) for text in found) > found_max else []


def measure(sources: dict[str, str]) -> list[str]:
    """Return the worst texts: above 0.5 pronouns in 1,000 words, or 3 % of docstrings that open badly."""
    opened = [(f"{name}:{at}: ", text) for name, source in sources.items() for at, text in docstrings(source)]
    others = [f"{name}:{at}: {text}" for name, source in sources.items() for at, text in comments(source)]
    fragments = [place + text for place, text in opened if FRAGMENT.match(text)]
    texts = [place + text for place, text in opened] + others
    words = sum(len(text.split()) for text in texts)
    return over_limit(texts, PRONOUN, words / 2000) + (
        fragments if len(fragments) > 0.03 * len(opened) else []
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_code_is_plain_english(folder: str) -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / folder).rglob("*.py")}
    assert measure(sources) == []


@pytest.mark.parametrize("pages", [DOCUMENTS, NEW_MIGRATIONS], ids=["documents", "migrations"])
def test_documents_are_plain_english(pages: list[Path]) -> None:
    lines = [f"{p.name}:{at}: {line}" for p in pages for at, line in enumerate(p.read_text().splitlines(), 1)]
    assert over_limit(lines, PRONOUN, sum(len(line.split()) for line in lines) / 1000) == []


def test_a_pronoun_and_a_fragment_are_found() -> None:
    source = '"""Of a name."""\n# Nobody asks.\nPLAIN = 1\n"""A plain noun phrase."""\n'
    assert measure({"bad.py": source}) == ["bad.py:2: # Nobody asks.", "bad.py:1: Of a name."]
