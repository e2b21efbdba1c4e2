"""Pages of the documentation, rendered when they are first read and then kept; menu and search index."""

import posixpath
import re
from pathlib import Path
from urllib.parse import urldefrag

import msgspec

from api.docs.markdown import Page, render
from api.docs.sources import HOME, find_sources
from api.http.problem_types import PROBLEM_TYPES

API = f"{HOME}/api"
PROBLEMS = f"{HOME}/problems"

_ROW = re.compile(r"^\| *([\w -]*?) *\| \[(.+?)\]\((.+?)\) \|", re.MULTILINE)


class Entry(msgspec.Struct, frozen=True):
    """One line of the menu."""

    title: str
    address: str


class Found(msgspec.Struct, frozen=True):
    """One section of a page, one route or one problem, in the search index."""

    address: str
    title: str
    text: str


class Site:
    """The documentation in a folder. Without the folder it has no pages and an empty menu."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.sources = find_sources(root)
        self._addresses = {path: address for address, path in self.sources.items()}
        self.menu = self._read_menu()
        self._kept: dict[str, Page] = {}
        self._index = b""

    def page(self, address: str) -> Page | None:
        """Return the page at the address, or None if there is none."""
        path = self.sources.get(address)
        if path is None or path.suffix != ".md":
            return None
        if address not in self._kept:
            text = path.read_text(encoding="utf-8")
            self._kept[address] = render(text, lambda link: self._resolve(path, link))
        return self._kept[address]

    def image(self, address: str) -> bytes | None:
        path = self.sources.get(address)
        return path.read_bytes() if path and path.suffix == ".png" else None

    def index(self, openapi: bytes) -> bytes:
        """Return sections, routes and problems as JSON, for the search in the browser."""
        if not self._index:
            self._index = msgspec.json.encode([*self._sections(), *_routes(openapi), *_problems()])
        return self._index

    def next_guide(self, address: str) -> Entry | None:
        """Return the guide after this one."""
        guides = next(iter(self.menu.values()), [])
        after = dict(zip([entry.address for entry in guides], guides[1:], strict=False))
        return after.get(address)

    def _sections(self) -> list[Found]:
        return [
            Found(
                f"{address}#{section.anchor}" if section.anchor else address,
                section.heading if section.heading == page.title else f"{page.title}: {section.heading}",
                section.text,
            )
            # Of sections that match alike, those of the menu's first pages are listed first.
            for address in dict.fromkeys([*self._in_menu(), *self.sources])
            if (page := self.page(address))
            for section in page.sections
        ]

    def _in_menu(self) -> list[str]:
        return [entry.address for entries in self.menu.values() for entry in entries]

    def _read_menu(self) -> dict[str, list[Entry]]:
        """Return the pages of each kind, from the table of the home page. The first kind is the guides."""
        menu: dict[str, list[Entry]] = {}
        if HOME not in self.sources:
            return menu
        home, kind = self.sources[HOME], ""
        for row_kind, title, link in _ROW.findall(home.read_text(encoding="utf-8")):
            kind = row_kind or kind
            address = self._resolve(home, link)
            if address:
                menu.setdefault(kind, []).append(Entry(title, address))
        return menu

    def _resolve(self, path: Path, link: str) -> str | None:
        """Return the address for a link in a file, or None if the site does not have its target."""
        if ":" in link or link.startswith("#"):
            return link
        target, fragment = urldefrag(link)
        found = Path(posixpath.normpath((path.parent / target).as_posix()))
        address = self._addresses.get(found)
        return address and address + (f"#{fragment}" if fragment else "")


def _routes(openapi: bytes) -> list[Found]:
    return [
        Found(
            f"{API}#/{operation['tags'][0]}/{operation['operationId']}",
            f"{method.upper()} {path}",
            f"{operation['summary']}. {operation.get('description', '')}",
        )
        for path, methods in msgspec.json.decode(openapi)["paths"].items()
        for method, operation in methods.items()
    ]


def _problems() -> list[Found]:
    return [Found(kind.type, kind.code, f"{kind.title} {kind.next_step}") for kind in PROBLEM_TYPES.values()]
