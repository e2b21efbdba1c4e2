"""Files of the documentation, in a checkout or installed with the program, and their addresses."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

HOME = "/docs"
OUTSIDE = {"README.md": "readme", "CHANGELOG.md": "changelog", "client/README.md": "client"}
"""Pages besides those in the folder `docs`, with their names on the site."""


def find_root() -> Path | None:
    """Return the folder with README.md and `docs`, or None if this installation has no such files."""
    installed = Path(sysconfig.get_path("data"), "share", "doc", "seatledger")
    roots = (Path(__file__).parents[2], installed)
    return next((one for one in roots if (one / "docs" / "tutorial" / "first-booking.md").is_file()), None)


def find_sources(root: Path | None) -> dict[str, Path]:
    """Return the file of each address. Only these files can be reached."""
    return dict(_find_sources(root)) if root else {}


def _find_sources(root: Path) -> Iterator[tuple[str, Path]]:
    for name, page in OUTSIDE.items():
        if (root / name).is_file():
            yield f"{HOME}/{page}", root / name
    for path in sorted((root / "docs").rglob("*.*")):
        if path.suffix in (".md", ".png"):
            named = path.parent if path.name == "README.md" else path
            named = named.with_suffix("") if path.suffix == ".md" else named
            yield Path(HOME, named.relative_to(root / "docs")).as_posix(), path
