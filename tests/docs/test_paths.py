"""Every relative link and every path in the documents names a file or folder that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "[!.]*/**/*.md")
    for page in ROOT.glob(pattern)
    if "results" not in page.parts  # reports of the bench
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
MODULE = re.compile(r"python3? -m ((?:trials|tests)\.[\w.]+)")
MENTION = re.compile(r"\bdocs/[\w/-]+\.md\b")
PATH = re.compile(r"\.?[\w.-]+(/[\w.*-]+)*/?")
SUFFIXES = ("py", "sql", "md", "toml", "yml", "lock", "html", "csv")


def missing(root: Path, document: Path) -> list[str]:
    """Return the links, headings, paths and modules in a document that do not exist."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return (
        [link for link in LINK.findall(text) if not link_exists(document, link)]
        + [code for code in CODE.findall(text) if is_path(root, code) and not any(root.glob(code))]
        + [name for name in MODULE.findall(document.read_text()) if not module_exists(root, name)]
    )


def link_exists(document: Path, link: str) -> bool:
    if ":" in link:
        return True
    name, _, heading = link.partition("#")
    target = document.parent / name if name else document
    return target.exists() and (not heading or heading in map(anchor, HEADING.findall(target.read_text())))


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def is_path(root: Path, code: str) -> bool:
    """Recognise a path by its top-level folder, or a file at the top by its suffix."""
    if not PATH.fullmatch(code):
        return False
    top, slash, _ = code.partition("/")
    return (root / top).is_dir() if slash else code.endswith(SUFFIXES) and code[0].isupper()


def module_exists(root: Path, name: str) -> bool:
    path = root / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(checkout: Path, name: str) -> None:
    assert missing(checkout, checkout / name) == []


def test_every_document_named_in_code_exists(checkout: Path) -> None:
    mentions = {page for code in checkout.glob("[!.]*/**/*.py") for page in MENTION.findall(code.read_text())}
    assert [page for page in sorted(mentions) if not (checkout / page).exists()] == []


def test_a_path_that_does_not_exist_is_found(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "block.py").touch()
    page = tmp_path / "page.md"
    page.write_text(
        "# Title, in short\n`ledger/block.py` [good](#title-in-short) [bad](#other) [gone](gone.md) "
        "`ledger/gone.py` `python -m trials.gone`"
    )
    assert missing(tmp_path, page) == ["#other", "gone.md", "ledger/gone.py", "trials.gone"]
