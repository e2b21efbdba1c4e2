"""Rendering of one Markdown file as a page: its HTML, its title, and its sections for the search."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

Resolve = Callable[[str], str | None]
"""Returns the address on the site for a link in a file, or None if the site does not have its target."""


class Section(msgspec.Struct):
    """The text below one heading. `anchor` is empty before the first heading."""

    anchor: str
    heading: str
    text: str


class Page(msgspec.Struct, frozen=True):
    title: str
    html: str
    sections: list[Section]


def render(text: str, resolve: Resolve) -> Page:
    """Render Markdown. Links whose target the site does not have become text."""
    tokens = _PARSER.parse(text)
    sections = list(_sections(tokens))
    _replace_empty_headers(tokens)
    for token in tokens:
        _point(token.children or (), resolve)
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    title = next((one.heading for one in sections if one.heading), "")
    return Page(title, html, sections)


def _sections(tokens: Sequence[Token]) -> Iterator[Section]:
    """Give each heading its anchor, and yield the sections."""
    section, used = Section("", "", ""), dict[str, int]()
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before and before.type == "heading_open":
            if section.text or section.heading:
                yield section
            heading = _plain(token)
            anchor = _anchor(heading, used)
            before.attrSet("id", anchor)
            section = Section(anchor, heading, "")
        elif token.type in ("inline", "fence"):
            section.text += f"{_plain(token)} "
    yield section


def _plain(token: Token) -> str:
    if token.children is None:
        return token.content
    return "".join(" " if one.type == "softbreak" else one.content for one in token.children)


def _anchor(heading: str, used: dict[str, int]) -> str:
    """Return the fragment that GitHub gives a heading, so that links work on both."""
    anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    used[anchor] = used.get(anchor, -1) + 1
    return f"{anchor}-{used[anchor]}" if used[anchor] else anchor


def _replace_empty_headers(tokens: Sequence[Token]) -> None:
    """Make a header cell without text a plain cell, which no screen reader announces as a header."""
    for start, text, end in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if start.type == "th_open" and not text.content:
            start.tag = end.tag = "td"


def _point(tokens: Sequence[Token], resolve: Resolve) -> None:
    """Replace the targets of the links and images in a text by their addresses on the site."""
    is_hidden = False
    for token in tokens:
        match token.type:
            case "link_open":
                address = resolve(str(token.attrs["href"]))
                token.hidden = is_hidden = address is None
                token.attrs["href"] = address or ""
            case "link_close":
                token.hidden = is_hidden
            case "image":
                address = resolve(str(token.attrs["src"]))
                token.attrs["src"] = address or ""
                token.type = "image" if address else "text"


def _table_open(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    # A wide table scrolls in a box of its own, which the keyboard reaches.
    return '<div class="scroll" tabindex="0"><table>\n'


def _table_close(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return renderer.fence(tokens, at, options, env).replace("<pre>", '<pre tabindex="0">', 1)


# HTML in the files is shown as text: none of them needs it, and nothing then depends on what they contain.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_PARSER.add_render_rule("table_open", _table_open)
_PARSER.add_render_rule("table_close", _table_close)
_PARSER.add_render_rule("fence", _fence)
