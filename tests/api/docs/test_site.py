"""The site of the documentation: every page, every link and anchor, and nothing besides its files."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.docs import pages
from api.docs.markdown import render
from api.docs.site import Site
from api.docs.sources import HOME, find_root, find_sources
from tests.api.conftest import People

ROOT = Path(__file__).parents[3]
PAGES = [address for address, path in find_sources(ROOT).items() if path.suffix == ".md"]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class References(HTMLParser):
    """Links, loaded resources, anchors and inline styles of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors.add(found.get("id") or "")
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag == "a":
            self.links.add(found.get("href") or "")
        elif tag in LOADED:
            self.loaded.add(found.get(LOADED[tag]) or "")


@pytest.fixture
async def crawled(people: People) -> dict[str, References]:
    """Follow all links of the site from its home page, and return each page."""
    found: dict[str, References] = {}
    waiting = {HOME}
    while waiting:
        address = waiting.pop()
        answer = await people.anonymous.get(address, headers={"accept": "text/html"})
        assert answer.status_code == 200, address
        is_html = answer.headers["content-type"].startswith("text/html")
        found[address] = References(answer.text if is_html else "")
        links = {link.partition("#")[0] or address for link in found[address].links}
        waiting |= {
            link for link in links if link.startswith(("/docs", "/problems", "/openapi"))
        } - found.keys()
    return found


async def test_every_page_is_reached_and_every_link_and_anchor_resolves(
    people: People, crawled: dict[str, References]
) -> None:
    assert set(PAGES) <= crawled.keys()
    for address, page in crawled.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if link.startswith("https://"):
                continue
            assert (target or address) in crawled or target in ("/console", "/health/ready"), (address, link)
            assert anchor in crawled[target or address].anchors | {""}, (address, link)


async def test_no_page_loads_a_resource_from_another_host_or_has_inline_code(
    people: People, crawled: dict[str, References]
) -> None:
    for address, page in crawled.items():
        assert all(link.startswith("/docs/") for link in page.loaded), (address, page.loaded)
        assert page.inline == [], address
    for link in {link for page in crawled.values() for link in page.loaded}:
        assert (await people.anonymous.get(link)).status_code == 200, link
    assert "validatorUrl: null" in (pages.SWAGGER / "start.js").read_text()


async def test_a_page_is_conditional_compressed_and_safe(people: People) -> None:
    page = await people.anonymous.get("/docs/how-to/paying")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    tag = {"if-none-match": page.headers["etag"]}
    assert (await people.anonymous.get("/docs/how-to/paying", headers=tag)).status_code == 304
    head = await people.anonymous.head("/docs/how-to/paying")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", page.headers["etag"])
    assert (await people.anonymous.post("/docs/how-to/paying")).status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        *("app.py", "..%2fapp.py", "%2e%2e%2fapp.py", "index.html%00", "static", "templates/page.html"),
        *(
            "../pyproject.toml",
            "..%2f..%2fpyproject.toml",
            "how-to/..%2f..%2fARCHITECTURE.md",
            "%2fetc%2fpasswd",
        ),
        *("how-to/paying.md", "how-to", "how-to/", "reference/console.png/x", "api/x", "README.md"),
    ],
)
async def test_only_the_files_of_the_documentation_are_served(people: People, name: str) -> None:
    assert (await people.anonymous.get(f"/docs/{name}")).status_code == 404


async def test_no_page_hides_another_address(people: People) -> None:
    taken = {*pages._FILES, pages.API, pages.PROBLEMS, pages.SEARCH}
    assert taken & find_sources(ROOT).keys() == set()


async def test_the_index_has_sections_routes_and_problems(people: People) -> None:
    index = (await people.anonymous.get("/docs/search.json")).json()
    titles = {one["address"]: one["title"] for one in index}
    assert titles["/docs/how-to/paying#pay-in-two-steps"] == "Pay, cancel and refund: Pay in two steps"
    assert titles["/docs/api#/Bookings/create_booking"] == "POST /api/v1/bookings"
    assert titles["/problems/not-enough-seats"] == "not-enough-seats"
    assert len(titles) == len(index) > 500


async def test_the_api_reference_has_its_old_address_too(people: People) -> None:
    both = [await people.anonymous.get(f"/docs/{name}") for name in ("api", "index.html")]
    assert both[0].text == both[1].text
    assert "/docs/swagger-ui-bundle.js" in both[0].text


async def test_an_installation_without_the_files_says_so(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_SITE", Site(None))
    page = await people.anonymous.get("/docs")
    assert (page.status_code, "not installed" in page.text) == (200, True)
    assert (await people.anonymous.get("/docs/how-to/paying")).status_code == 404
    assert (await people.anonymous.get("/docs/search.json")).status_code == 200


def test_links_lead_to_pages_and_become_text_where_the_site_has_none() -> None:
    site = Site(ROOT)
    headings = "# A `b`, c\n## Same\n## Same\n"
    text = f"{headings}[one](../reference/payments.md#x) [two](../../api/app.py) ![three](no.png)\n"
    page = render(text, lambda link: site._resolve(ROOT / "docs" / "how-to" / "paying.md", link))
    assert '<a href="/docs/reference/payments#x">one</a> two three' in page.html
    assert re.findall(r'id="([^"]*)"', page.html) == ["a-b-c", "same", "same-1"]
    assert "<td></td>" in render("|a||\n|---|---|\n|b|c|\n", lambda link: link).html
    assert render("<script>x</script>", lambda link: link).html == "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"


def test_the_wheel_has_every_page(checkout: Path) -> None:
    """The build settings name each folder, so a new folder needs a line there."""
    import tomllib

    named = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    shipped = {path for patterns in named.values() for pattern in patterns for path in checkout.glob(pattern)}
    assert set(find_sources(checkout).values()) == shipped
    assert find_root() == checkout
    for folder, patterns in named.items():
        assert all(Path("share/doc/seatledger", pattern).parent == Path(folder) for pattern in patterns)
