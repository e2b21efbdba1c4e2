"""The README's table of settings is generated from their declarations.

`python -m tests.docs.test_settings` prints the table.
"""

import re
from pathlib import Path

from runtime.settings import SETTINGS, Setting


def settings_table() -> str:
    rows = [_row(setting) for setting in SETTINGS.values()]
    return "\n".join(["| variable | default | |", "|---|---|---|", *rows]) + "\n"


def _row(setting: Setting) -> str:
    help = re.sub(r"docs/[\w./-]+\.md", r"[\g<0>](\g<0>)", setting.help)
    return f"| `{setting.variable}` | {_default(setting)} | {help} |"


def _default(setting: Setting) -> str:
    return (
        setting.default_note
        if setting.default in (None, ())
        else f"`{setting.default:g}`"
        if isinstance(setting.default, float)
        else f"`{str(setting.default).lower() if isinstance(setting.default, bool) else setting.default}`"
    )


def test_the_readme_lists_the_settings_as_declared(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert settings_table() in readme, f"put this table into the README:\n\n{settings_table()}"


if __name__ == "__main__":
    print(settings_table(), end="")
