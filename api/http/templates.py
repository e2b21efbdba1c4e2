"""Templates of pages, which know the version and the URLs of their static files."""

from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from runtime import VERSION


def load_templates(folder: Path, files_url: str) -> Environment:
    """Return the templates in `folder`; `asset` has the URLs below `files_url` of the files in `static/`."""
    templates = Environment(
        loader=FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals |= {
        "version": VERSION,
        # The hash changes the URL with the file, so that no browser uses an old one.
        "asset": {
            path.name: f"{files_url}/{path.name}?{sha256(path.read_bytes()).hexdigest()[:12]}"
            for path in (folder / "static").iterdir()
        },
    }
    return templates
